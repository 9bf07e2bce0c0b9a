//! Measures the log archive and the same lines in plain SQLite, for `cargo xtask bench telemetry`. Prints one line of
//! JSON.
//!
//! ```text
//! archive_figures write DIR FIRST END      log files of the lines FIRST to END - 1
//! archive_figures ingest DIR               stores what is new in the log files, as the service does
//! archive_figures load DIR FIRST END       inserts the same lines into one table without an index
//! archive_figures query DIR LINES SECONDS  times of queries of the archive, which has LINES lines
//! archive_figures like DIR LINES SECONDS   the same with LIKE
//! archive_figures needle NUMBER            the word that occurs in one line
//! ```

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command-line tool prints its result to standard output")]

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::{Map, Value as Json, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tornado_log::line::{DAY, Level, Line, Micros, ProcessId, Value};
use tornado_telemetry::{Archive, Ingest, Page, Retention, Selected, Step, parse};

type Failure = Box<dyn std::error::Error>;

/// The day of all lines.
const TODAY: i64 = 20_784;
const SERVICES: [&str; 5] = ["wg", "tor", "auth", "session", "client-api"];
/// Distance of lines in microseconds: ten million fit into a day.
const DISTANCE: i64 = 8_000;
/// Every so many lines there is a word that occurs once.
const NEEDLES: u64 = 9_973;
const DEVICES: u64 = 50_021;
/// Lines of a transaction and rows of an INSERT, as in the archive.
const BATCH: usize = 8_192;
const ROWS: usize = 64;
/// Lines of a page.
const PAGE: u32 = 100;
/// Most measurements of one query.
const TIMES: usize = 500;
/// Longest query.
const DEADLINE: Duration = Duration::from_secs(120);

/// Line `number`. Lines of the services alternate; each has its own sequence.
fn line(number: u64) -> Line {
    let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = mixed ^ (mixed >> 29);
    let services = SERVICES.len() as u64;
    let service = SERVICES[usize::try_from(number % services).unwrap_or_default()];
    let message = match mixed >> 32 & 7 {
        _ if number % NEEDLES == NEEDLES / 2 => format!("the answer {} arrived", needle(number)),
        0 => "a session was opened".to_owned(),
        1 => format!("heartbeat of session {:06x}", mixed & 0xff_ffff),
        2 => "cannot reach the directory: connection refused (os error 111)".to_owned(),
        3 => format!("the lease of slot {} was renewed", mixed % 65_000),
        4 => format!("handshake completed in {} ms", mixed % 300),
        _ => "peers were reconciled".to_owned(),
    };
    Line {
        time: Micros(TODAY * DAY + i64::try_from(number).unwrap_or_default() * DISTANCE),
        level: if mixed >> 40 & 127 == 0 { Level::Error } else { Level::Info },
        service: service.into(),
        target: format!("tornado_{service}::part{}", mixed >> 50 & 15),
        message,
        request_id: (mixed >> 60 == 0).then(|| format!("{mixed:016x}")),
        process: ProcessId(7 + number % services),
        seq: number / services + 1,
        fields: [
            ("device".to_owned(), Value::Text(device(mixed % DEVICES))),
            ("lane".to_owned(), Value::Text(if mixed & 1 == 0 { "tor" } else { "direct" }.into())),
        ]
        .into(),
    }
}

fn needle(number: u64) -> String {
    format!("lost{number:08x}")
}

fn device(number: u64) -> String {
    format!("{number:08x}")
}

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = match words.as_slice() {
        ["write", dir, first, end] => write(Path::new(dir), first.parse()?, end.parse()?)?,
        ["ingest", dir] => runtime.block_on(ingest(Path::new(dir)))?,
        ["load", dir, first, end] => runtime.block_on(load(Path::new(dir), first.parse()?, end.parse()?))?,
        ["query", dir, lines, seconds] => runtime.block_on(query(Path::new(dir), lines.parse()?, seconds.parse()?))?,
        ["like", dir, lines, seconds] => runtime.block_on(like(Path::new(dir), lines.parse()?, seconds.parse()?))?,
        ["needle", number] => json!(needle(nearest(number.parse()?))),
        _ => return Err("archive_figures write|ingest|load|query|like|needle …".into()),
    };
    println!("{answer}");
    Ok(())
}

/// The line with a needle before the end of this block of lines.
const fn nearest(number: u64) -> u64 {
    number / NEEDLES * NEEDLES + NEEDLES / 2
}

fn write(dir: &Path, first: u64, end: u64) -> Result<Json, Failure> {
    let mut files = Vec::new();
    for service in SERVICES {
        let directory = dir.join("logs").join(service);
        std::fs::create_dir_all(&directory)?;
        let file = OpenOptions::new().append(true).create(true).open(directory.join(format!("{service}.log")))?;
        files.push(BufWriter::with_capacity(1 << 20, file));
    }
    let mut bytes = 0;
    for number in first..end {
        let text = line(number).to_json();
        bytes += text.len() + 1;
        let at = usize::try_from(number % SERVICES.len() as u64)?;
        writeln!(files.get_mut(at).ok_or("no file")?, "{text}")?;
    }
    for file in files {
        file.into_inner()?;
    }
    Ok(json!({ "bytes_per_line": bytes as f64 / (end - first) as f64 }))
}

/// Processor time of this process in user and kernel mode.
fn cpu() -> Result<Duration, Failure> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    Ok(Duration::from_micros(u64::try_from(micros(usage.user_time()) + micros(usage.system_time()))?))
}

/// Rates of `lines` since `began`, and memory.
fn rates(lines: u64, began: Instant) -> Result<Map<String, Json>, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let highest = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let highest: f64 = highest.ok_or("no VmHWM")?.trim().parse()?;
    let lines = lines as f64;
    let answer = json!({
        "lines": lines,
        "lines_s": lines / began.elapsed().as_secs_f64(),
        "lines_cpu_s": lines / cpu()?.as_secs_f64(),
        "highest_resident_mib": highest / 1024.0,
    });
    Ok(answer.as_object().cloned().unwrap_or_default())
}

fn archive(dir: &Path) -> Result<Arc<Archive>, Failure> {
    let directory = dir.join("archive");
    std::fs::create_dir_all(&directory)?;
    Ok(Arc::new(Archive::new(&directory)))
}

async fn ingest(dir: &Path) -> Result<Json, Failure> {
    let archive = archive(dir)?;
    let counters = Arc::<tornado_telemetry::Counters>::default();
    let retention = Retention { days: 30, bytes: u64::MAX };
    let mut ingest = Ingest::new(dir.join("logs"), archive.clone(), Arc::default(), counters.clone(), retention);
    let began = Instant::now();
    loop {
        match ingest.step(Micros(TODAY * DAY + DAY - 1)).await {
            Step::Progress => {}
            Step::Idle => break,
            Step::Failed => return Err("cannot store lines".into()),
        }
    }
    archive.close().await;
    let status = counters.read();
    let mut answer = rates(status.stored, began)?;
    if status.corrupt + status.missing + status.out_of_range > 0 {
        return Err(format!("lines are missing: {status:?}").into());
    }
    let bytes: u64 = archive.days()?.iter().map(|(_, size)| size).sum();
    answer.insert("bytes".into(), bytes.into());
    Ok(answer.into())
}

async fn plain(dir: &Path) -> Result<SqliteConnection, Failure> {
    let options = SqliteConnectOptions::new()
        .filename(dir.join("plain.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .pragma("cache_size", "-2000")
        .disable_statement_logging();
    let mut db = options.connect().await?;
    let schema = "CREATE TABLE IF NOT EXISTS lines (id INTEGER PRIMARY KEY, time INTEGER, level INTEGER, service TEXT, \
         target TEXT, process INTEGER, seq INTEGER, request TEXT, message TEXT, fields TEXT)";
    sqlx::query(schema).execute(&mut db).await?;
    Ok(db)
}

async fn load(dir: &Path, first: u64, end: u64) -> Result<Json, Failure> {
    let mut db = plain(dir).await?;
    let numbers: Vec<u64> = (first..end).collect();
    let mut spent = (Duration::ZERO, Duration::ZERO);
    for batch in numbers.chunks(BATCH) {
        // The text is made before the measurement; parsing it is part of it, as in the archive.
        let texts: Vec<String> = batch.iter().map(|number| line(*number).to_json()).collect();
        let (began, processor) = (Instant::now(), cpu()?);
        sqlx::query("BEGIN IMMEDIATE").execute(&mut db).await?;
        for rows in texts.chunks(ROWS) {
            let values = vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?)"; rows.len()].join(", ");
            let sql = format!(
                "INSERT INTO lines (time, level, service, target, process, seq, request, message, fields) VALUES {values}"
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for text in rows {
                let line = Line::parse(text.as_bytes())?;
                query = query
                    .bind(line.time.0)
                    .bind(i64::from(line.level.number()))
                    .bind(line.service)
                    .bind(line.target)
                    .bind(line.process.0.cast_signed())
                    .bind(line.seq.cast_signed())
                    .bind(line.request_id)
                    .bind(line.message)
                    .bind(serde_json::to_string(&line.fields)?);
            }
            query.execute(&mut db).await?;
        }
        sqlx::query("COMMIT").execute(&mut db).await?;
        spent = (spent.0 + began.elapsed(), spent.1 + (cpu()? - processor));
    }
    let began = Instant::now();
    db.close().await?;
    let lines = (end - first) as f64;
    let seconds = (spent.0 + began.elapsed()).as_secs_f64();
    let bytes = File::open(dir.join("plain.db"))?.metadata()?.len();
    let answer = json!({ "lines_s": lines / seconds, "lines_cpu_s": lines / spent.1.as_secs_f64(), "bytes": bytes });
    Ok(answer)
}

/// One kind of query, with what makes each of its queries different.
#[derive(Clone, Copy)]
enum Kind {
    /// A word that one line has.
    Needle,
    /// A value of a field, which one of 50,000 lines has.
    Field,
    /// A frequent word with a level and a service.
    Words,
    /// The number of lines with a frequent word.
    Count,
}

const KINDS: [(&str, Kind); 4] =
    [("needle", Kind::Needle), ("field", Kind::Field), ("words", Kind::Words), ("count", Kind::Count)];

/// Measures each kind for a part of `seconds`, at least once. `run` returns the number of lines found.
async fn measure(
    lines: u64,
    seconds: f64,
    mut run: impl AsyncFnMut(Kind, u64) -> Result<u64, Failure>,
) -> Result<Json, Failure> {
    let mut answer = Map::new();
    for (name, kind) in KINDS {
        let (started, mut times, mut turn) = (Instant::now(), Vec::new(), 0_u64);
        while times.is_empty() || (started.elapsed().as_secs_f64() < seconds / 4.0 && times.len() < TIMES) {
            turn += 1;
            // Spread over all lines, without an order.
            let number = turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) % (lines - NEEDLES);
            let began = Instant::now();
            let found = run(kind, number).await?;
            times.push(began.elapsed().as_secs_f64() * 1e3);
            match kind {
                Kind::Needle if found != 1 => return Err(format!("found {found} needles of {number}").into()),
                Kind::Words | Kind::Count if found == 0 => return Err(format!("{name}: found nothing").into()),
                Kind::Needle | Kind::Field | Kind::Words | Kind::Count => {}
            }
        }
        times.sort_by(f64::total_cmp);
        let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).max(1) - 1).copied();
        answer.insert(name.to_owned(), json!({ "p50_ms": at(50), "p99_ms": at(99), "times": times.len() }));
    }
    Ok(answer.into())
}

async fn query(dir: &Path, lines: u64, seconds: f64) -> Result<Json, Failure> {
    let archive = archive(dir)?;
    measure(lines, seconds, async |kind, number| {
        let text = match kind {
            Kind::Needle => needle(nearest(number)),
            Kind::Field => format!("field.device:{}", device(number % DEVICES)),
            Kind::Words => "refused level:error service:tor".to_owned(),
            Kind::Count => "refused".to_owned(),
        };
        let selected = Selected { expr: parse(&text)?, from: Micros(0), until: Micros(i64::MAX) };
        let deadline = Instant::now() + DEADLINE;
        if matches!(kind, Kind::Count) {
            return Ok(archive.count(&selected, deadline).await?);
        }
        let page = Page { newest_first: true, limit: PAGE, after: None };
        Ok(archive.lines(&selected, page, deadline).await?.len() as u64)
    })
    .await
}

async fn like(dir: &Path, lines: u64, seconds: f64) -> Result<Json, Failure> {
    let mut db = plain(dir).await?;
    measure(lines, seconds, async |kind, number| {
        let (condition, bind) = match kind {
            Kind::Needle => ("message LIKE ?", format!("%{}%", needle(nearest(number)))),
            Kind::Field => ("fields LIKE ?", format!("%\"device\":\"{}\"%", device(number % DEVICES))),
            Kind::Words => ("level = 1 AND service = 'tor' AND message LIKE ?", "%refused%".to_owned()),
            Kind::Count => {
                let count = sqlx::query_scalar("SELECT COUNT(*) FROM lines WHERE message LIKE ?").bind("%refused%");
                let count: i64 = count.fetch_one(&mut db).await?;
                return Ok(count.cast_unsigned());
            }
        };
        let sql = format!("SELECT * FROM lines WHERE {condition} ORDER BY id DESC LIMIT {PAGE}");
        Ok(sqlx::query(AssertSqlSafe(sql)).bind(bind).fetch_all(&mut db).await?.len() as u64)
    })
    .await
}
