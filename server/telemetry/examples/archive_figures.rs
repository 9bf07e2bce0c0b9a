//! Measures the archive: `cargo run --release --example archive_figures -- LINES DIRECTORY`. Prints lines per second of
//! parsing and storing, bytes per line, and times of typical queries.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for measurements")]

use std::path::Path;
use std::time::{Duration, Instant};
use tornado_log::line::{DAY, Level, Line, Micros, ProcessId, Value};
use tornado_telemetry::{Archive, Expr, Page, Selected, parse};

/// The day of all lines.
const TODAY: i64 = 20_784;
/// Lines of one transaction.
const BATCH: usize = 8_192;

fn text(seq: u64, needle: u64) -> String {
    let mixed = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let service = ["wg", "tor", "auth", "session", "client-api"][usize::try_from(mixed % 5).unwrap()];
    let message = match mixed >> 32 & 7 {
        _ if seq == needle => "needle in the haystack".to_owned(),
        0 => "a session was opened".to_owned(),
        1 => format!("heartbeat of session {:06x}", mixed & 0xff_ffff),
        2 => "cannot reach the directory: connection refused (os error 111)".to_owned(),
        3 => format!("the lease of slot {} was renewed", mixed % 65_000),
        4 => format!("handshake completed in {} ms", mixed % 300),
        _ => "peers were reconciled".to_owned(),
    };
    let line = Line {
        time: Micros(TODAY * DAY + i64::try_from(seq).unwrap() * 5000),
        level: if mixed >> 40 & 127 == 0 { Level::Error } else { Level::Info },
        service: service.into(),
        target: format!("tornado_{service}::part{}", mixed >> 50 & 15),
        message,
        request_id: (mixed >> 60 == 0).then(|| format!("{mixed:016x}")),
        process: ProcessId(7),
        seq,
        fields: [
            ("device".to_owned(), Value::Text(format!("{:08x}", mixed % 50_021))),
            ("lane".to_owned(), Value::Text(if mixed & 1 == 0 { "tor" } else { "direct" }.into())),
        ]
        .into(),
    };
    line.to_json()
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let lines: u64 = arguments.next().map_or(100_000, |text| text.parse().unwrap());
    let directory = arguments.next().unwrap();
    let archive = Archive::new(Path::new(&directory));
    let (mut parsing, mut storing, mut bytes) = (Duration::ZERO, Duration::ZERO, 0);
    for first in (1..=lines).step_by(BATCH) {
        let texts: Vec<String> = (first..=lines).take(BATCH).map(|seq| text(seq, lines / 3)).collect();
        bytes += texts.iter().map(|text| text.len() + 1).sum::<usize>();
        let began = Instant::now();
        let parsed: Vec<Line> = texts.iter().map(|text| Line::parse(text.as_bytes()).unwrap()).collect();
        parsing += began.elapsed();
        let began = Instant::now();
        archive.store(parsed, &[], TODAY).await.unwrap();
        storing += began.elapsed();
    }
    archive.close().await;
    let size: u64 = archive.days().unwrap().iter().map(|(_, size)| size).sum();
    let rate = |time: Duration| u64::try_from(u128::from(lines) * 1_000_000 / time.as_micros().max(1)).unwrap();
    println!("{lines} lines of {} bytes; stored: {} bytes per line", bytes as u64 / lines, size / lines);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let memory = |line: &&str| line.starts_with("VmHWM") || line.starts_with("VmRSS");
    println!("{}", status.lines().filter(memory).collect::<Vec<_>>().join(", "));
    println!("parsed {}/s, stored {}/s, both {}/s", rate(parsing), rate(storing), rate(parsing + storing));
    for query in [
        "needle",
        "\"needle in the\"",
        "refused level:error service:tor",
        "level>=warn",
        "heartbeat",
        "",
        "field.device:0000c0de",
    ] {
        let selected = Selected { expr: parse(query).unwrap_or(Expr::ALL), from: Micros(0), until: Micros(i64::MAX) };
        let page = Page { newest_first: true, limit: 100, after: None };
        let mut times = Vec::new();
        let mut found = 0;
        for _ in 0..20 {
            let began = Instant::now();
            found =
                archive.lines(&selected, page, began + Duration::from_secs(60)).await.map_or(0, |lines| lines.len());
            times.push(began.elapsed());
        }
        times.sort();
        println!("'{query}': {found} lines, p50 {:?}, slowest {:?}", times[10], times[19]);
        let began = Instant::now();
        let counted = archive.count(&selected, began + Duration::from_secs(60)).await;
        println!("    counted {:?} in {:?}", counted.ok(), began.elapsed());
    }
}
