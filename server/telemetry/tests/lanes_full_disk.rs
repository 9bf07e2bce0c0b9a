//! Full disks, as small file systems in a mount namespace of the test's thread. Needs root.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod support;

use nix::mount::MsFlags;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::{on_small_disk, resize};
use tornado_log::line::{Line, Micros};
use tornado_log::output::{FileLimits, LogFile, Sink as _};
use tornado_telemetry::{Archive, Counters, Expr, Ingest, Live, Page, Retention, Selected, Step};

/// 2026-11-27T12:00:00Z.
const NOON: i64 = 1_795_780_800_000_000;
const NOW: Micros = Micros(NOON + 3_600_000_000);

fn line(seq: u64) -> Line {
    support::line(Micros(NOON + i64::try_from(seq).unwrap()), 1, seq)
}

#[test]
fn a_service_goes_on_when_the_disk_of_its_logs_is_full() {
    on_small_disk("200k", |dir| {
        let mut file = LogFile::new(dir, "wg", FileLimits { size: 60_000, kept: 5 });
        let ballast = dir.join("ballast");
        std::fs::write(&ballast, vec![0; 60_000]).unwrap();
        let results: Vec<bool> = (1..=2000).map(|seq| file.write_line(&line(seq).to_json()).is_ok()).collect();
        assert!(results.contains(&false));
        std::fs::remove_file(&ballast).unwrap();
        let after: Vec<u64> = (2001..=2100).filter(|seq| file.write_line(&line(*seq).to_json()).is_ok()).collect();
        assert_eq!(after.len(), 100, "there is room again");
        // Every line that was written is whole, and stands once.
        let names = (1..=5).rev().map(|number| format!("wg.log.{number}")).chain(["wg.log".to_owned()]);
        let text: String = names.map(|name| std::fs::read_to_string(dir.join(name)).unwrap_or_default()).collect();
        let read: Vec<u64> = text.lines().map(|text| Line::parse(text.as_bytes()).unwrap().seq).collect();
        let written = (1..=2000).filter(|seq| results[usize::try_from(*seq).unwrap() - 1]).chain(after);
        let written: Vec<u64> = written.collect();
        assert_eq!(read, written[written.len() - read.len()..]);
        assert!(read.len() > 300, "{} lines", read.len());
    });
}

#[test]
fn a_full_disk_of_the_archive_delays_lines_and_loses_none() {
    let logs = tempfile::tempdir().unwrap();
    std::fs::create_dir(logs.path().join("wg")).unwrap();
    let mut file = LogFile::new(&logs.path().join("wg"), "wg", FileLimits::default());
    (1..=20_000).for_each(|seq| file.write_line(&line(seq).to_json()).unwrap());
    on_small_disk("700k", |dir| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (archive, counters) = (Arc::new(Archive::new(dir)), Arc::new(Counters::default()));
            let new = || {
                let live = Arc::new(Live::default());
                Ingest::new(logs.path().to_owned(), archive.clone(), live, counters.clone(), Retention::default())
            };
            let mut ingest = new();
            while ingest.step(NOW).await == Step::Progress {}
            for _ in 0..5 {
                assert_eq!(ingest.step(NOW).await, Step::Failed);
            }
            ingest = new();
            assert_eq!(ingest.step(NOW).await, Step::Failed, "after a restart, too");
            resize(dir, "50m", MsFlags::MS_REMOUNT);
            while ingest.step(NOW).await == Step::Progress {}
            let all = Selected { expr: Expr::ALL, from: Micros(0), until: Micros(i64::MAX) };
            let page = Page { newest_first: false, limit: 50_000, after: None };
            let lines = archive.lines(&all, page, Instant::now() + Duration::from_secs(60)).await.unwrap();
            let read: Vec<u64> = lines.iter().map(|(_, line)| line.seq).collect();
            assert_eq!(read, (1..=20_000).collect::<Vec<_>>());
            let status = counters.read();
            assert!(status.failed_writes >= 7, "{status:?}");
            assert_eq!((status.damaged_days, status.missing, status.corrupt, status.behind), (0, 0, 0, 0));
        });
    });
}
