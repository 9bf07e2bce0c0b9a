//! Measures how many small transactions per second plain SQLite writes on this disk, as a reference for `cargo xtask
//! bench control`. `raw_writes FILE SECONDS` prints one line of JSON and removes the file.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "a command-line tool prints its result to standard output")]

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};
use std::path::Path;
use std::time::{Duration, Instant};

/// Size of a row in bytes, similar to that of a session.
const ROW: usize = 400;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(file), Some(seconds)) = (words.next(), words.next()) else { return Err("FILE SECONDS".into()) };
    let seconds: f64 = seconds.parse()?;
    let durable = rate(Path::new(&file), SqliteSynchronous::Full, seconds).await?;
    let not_durable = rate(Path::new(&file), SqliteSynchronous::Normal, seconds).await?;
    println!(r#"{{"durable": {durable:.1}, "not_durable": {not_durable:.1}}}"#);
    Ok(())
}

async fn rate(file: &Path, synchronous: SqliteSynchronous, seconds: f64) -> Result<f64, Box<dyn std::error::Error>> {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options).await?;
    sqlx::query("CREATE TABLE rows (id INTEGER PRIMARY KEY, bytes BLOB)").execute(&mut connection).await?;
    let (bytes, started, mut count) = (vec![0x5a_u8; ROW], Instant::now(), 0_u32);
    while started.elapsed() < Duration::from_secs_f64(seconds) {
        sqlx::query("INSERT INTO rows (bytes) VALUES ($1)").bind(&bytes).execute(&mut connection).await?;
        count += 1;
    }
    let rate = f64::from(count) / started.elapsed().as_secs_f64();
    connection.close().await?;
    for end in ["", "-wal", "-shm"] {
        let path = format!("{}{end}", file.display());
        if Path::new(&path).exists() {
            std::fs::remove_file(path)?;
        }
    }
    Ok(rate)
}
