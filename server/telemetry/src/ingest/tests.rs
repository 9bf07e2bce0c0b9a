//! Tests of the ingest with real files.

use super::*;
use crate::fake::{NOON, line};
use crate::query::Expr;
use crate::store::{Page, Selected};
use std::time::Instant;
use tornado_log::output::{FileLimits, LogFile, Sink as _};

const NOW: Micros = Micros(NOON + 3_600_000_000);
const ALL: Selected = Selected { expr: Expr::ALL, from: Micros(0), until: Micros(i64::MAX) };

struct World {
    dir: tempfile::TempDir,
    writer: LogFile,
    ingest: Ingest,
}

impl World {
    fn new(limits: FileLimits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("wg")).unwrap();
        let writer = LogFile::new(&dir.path().join("wg"), "wg", limits);
        let ingest = ingest(dir.path());
        Self { dir, writer, ingest }
    }

    fn write(&mut self, numbers: std::ops::Range<u64>) {
        numbers.for_each(|seq| self.writer.write_line(&line(1, seq).to_json()).unwrap());
    }

    async fn finish(&mut self) {
        while self.ingest.step(NOW).await == Step::Progress {}
    }

    /// Like a kill: what is in memory is lost.
    fn kill(&mut self) {
        self.ingest = ingest(self.dir.path());
    }

    async fn stored(&self) -> Vec<u64> {
        let page = Page { newest_first: false, limit: 100_000, after: None };
        let deadline = Instant::now() + Duration::from_secs(600);
        let lines = self.ingest.archive.lines(&ALL, page, deadline).await.unwrap();
        lines.iter().map(|(_, line)| line.seq).collect()
    }

    fn day_file(&self) -> PathBuf {
        self.dir.path().join("archive").join(format!("logs-{}.db", NOW.day()))
    }
}

fn ingest(dir: &std::path::Path) -> Ingest {
    let archive = dir.join("archive");
    std::fs::create_dir_all(&archive).unwrap();
    let archive = Arc::new(Archive::new(&archive));
    Ingest::new(dir.to_owned(), archive, Arc::default(), Arc::default(), Retention::default())
}

#[tokio::test]
async fn each_line_is_stored_once_over_kills_and_rotations() {
    let mut world = World::new(FileLimits { size: 2000, kept: 5 });
    let mut next = 1;
    for round in 0..12_u64 {
        let end = next + 3 + round * 5 % 17;
        world.write(next..end);
        next = end;
        if round % 3 == 0 {
            // Stored, but not yet known to be stored.
            let tailer = Tailer::new(world.dir.path(), world.ingest.archive.cursors().await.unwrap());
            let batch = tailer.read(1000);
            world.ingest.archive.store(batch.lines, &[], NOW.day()).await.unwrap();
            world.kill();
        }
        world.finish().await;
        if round % 2 == 0 {
            world.kill();
        }
    }
    world.finish().await;
    assert_eq!(world.stored().await, (1..next).collect::<Vec<_>>());
    let status = world.ingest.counters.read();
    let gaps = world.ingest.archive.gaps().len();
    assert_eq!((status.corrupt, status.missing, gaps, status.behind), (0, 0, 0, 0));
}

#[tokio::test]
async fn a_damaged_day_file_is_set_aside_and_filled_again() {
    let mut world = World::new(FileLimits::default());
    world.write(1..50);
    world.finish().await;
    world.ingest.archive.close().await;
    let size = std::fs::metadata(world.day_file()).unwrap().len();
    std::fs::write(world.day_file(), vec![7; usize::try_from(size).unwrap()]).unwrap();
    world.kill();
    world.write(50..60);
    world.finish().await;
    assert_eq!(world.stored().await, (1..60).collect::<Vec<_>>());
    let status = world.ingest.counters.read();
    assert_eq!((status.damaged_days, status.stored), (1, 59));
    let gaps = world.ingest.archive.gaps();
    assert_eq!(gaps.iter().map(|gap| gap.lines).collect::<Vec<_>>(), [Some(0)], "all lines were read again");
    assert!(world.day_file().with_extension("db.damaged").exists());
}

/// The log files of the first lines are gone when the day file is damaged.
#[tokio::test]
async fn the_loss_of_a_day_file_is_stated_with_its_size() {
    let mut world = World::new(FileLimits { size: 2000, kept: 5 });
    for part in 0..20 {
        world.write(part * 10 + 1..part * 10 + 11);
        world.finish().await;
    }
    world.ingest.archive.close().await;
    std::fs::write(world.day_file(), vec![7; 20_000]).unwrap();
    world.kill();
    // Written while `telemetry` is down, and rotated away before it is back.
    world.write(201..301);
    world.finish().await;
    let stored = world.stored().await;
    let first = stored[0];
    assert!(first > 202, "{first}");
    assert_eq!(stored, (first..301).collect::<Vec<_>>());
    let gap = |(source, lines): (&str, u64)| (source.to_owned(), Some(lines));
    let stated: Vec<_> = world.ingest.archive.gaps().into_iter().map(|gap| (gap.source, gap.lines)).collect();
    let day = format!("logs-{}.db", NOW.day());
    assert_eq!(stated, [("wg", first - 201), (day.as_str(), 200)].map(gap));
    // The statement survives a restart.
    world.kill();
    world.finish().await;
    assert_eq!(world.ingest.archive.gaps().len(), 2);
}

#[tokio::test]
async fn a_failing_disk_delays_and_loses_nothing() {
    let mut world = World::new(FileLimits::default());
    let archive = world.dir.path().join("archive");
    std::fs::remove_dir(&archive).unwrap();
    world.write(1..10);
    assert_eq!(world.ingest.step(NOW).await, Step::Failed);
    assert_eq!(world.ingest.step(NOW).await, Step::Failed);
    std::fs::create_dir(&archive).unwrap();
    world.finish().await;
    assert_eq!(world.stored().await, (1..10).collect::<Vec<_>>());
    assert_eq!(world.ingest.counters.read().failed_writes, 2);
}

#[tokio::test]
async fn lines_outside_of_the_retention_time_are_counted() {
    let mut world = World::new(FileLimits::default());
    for (seq, time) in [(1, 0), (2, NOW.0 - 40 * DAY), (3, NOW.0), (4, NOW.0 + 2 * DAY), (5, NOW.0 + 1)] {
        let mut line = line(1, seq);
        line.time = Micros(time);
        world.writer.write_line(&line.to_json()).unwrap();
    }
    world.finish().await;
    assert_eq!(world.stored().await, [3, 5]);
    assert_eq!(world.ingest.counters.read().out_of_range, 3);
}

/// Each round writes lines and meets one fault. All lines are still in the log files, so none may be lost.
#[tokio::test]
async fn thirty_rounds_of_faults_neither_lose_nor_double_a_line() {
    let mut world = World::new(FileLimits { size: 12_000, kept: 5 });
    let (archive, away) = (world.dir.path().join("archive"), world.dir.path().join("away"));
    let mut next = 1;
    for round in 0..30_u64 {
        let end = next + 1 + round * 7 % 13;
        world.write(next..end);
        next = end;
        match round % 5 {
            // Killed after it stored lines, before it continued behind them.
            0 => {
                let cursors = world.ingest.archive.cursors().await.unwrap();
                let batch = Tailer::new(world.dir.path(), cursors).read(1000);
                world.ingest.archive.store(batch.lines, &[], NOW.day()).await.unwrap();
                world.kill();
            }
            // Killed at any point of a step.
            1 => {
                let step = world.ingest.step(NOW);
                tokio::select! {
                    biased;
                    _ = tokio::task::yield_now() => {}
                    _ = step => {}
                }
                world.kill();
            }
            2 => {
                world.finish().await;
                world.ingest.archive.close().await;
                let mut bytes = std::fs::read(world.day_file()).unwrap();
                bytes.iter_mut().skip(usize::try_from(round).unwrap() * 10).step_by(7).for_each(|byte| *byte ^= 0x5a);
                std::fs::write(world.day_file(), bytes).unwrap();
                world.kill();
            }
            3 => {
                world.ingest.archive.close().await;
                std::fs::rename(&archive, &away).unwrap();
                assert_eq!(world.ingest.step(NOW).await, Step::Failed);
                std::fs::rename(&away, &archive).unwrap();
            }
            _ => {
                let mut file =
                    std::fs::OpenOptions::new().append(true).open(world.dir.path().join("wg/wg.log")).unwrap();
                std::io::Write::write_all(&mut file, b"not a line\n{\"torn\n").unwrap();
            }
        }
        world.finish().await;
    }
    assert_eq!(world.stored().await, (1..next).collect::<Vec<_>>());
    assert_eq!(world.ingest.counters.read().missing, 0);
}
