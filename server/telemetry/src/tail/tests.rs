//! Tests of the tailer with real files.

use super::*;
use crate::fake::line;
use tornado_log::output::{FileLimits, LogFile, Sink as _};

const SMALL: FileLimits = FileLimits { size: 1000, kept: 5 };

struct World {
    dir: tempfile::TempDir,
    tailer: Tailer,
    writer: LogFile,
}

impl World {
    fn new(limits: FileLimits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let tailer = Tailer::new(dir.path(), BTreeMap::new());
        std::fs::create_dir(dir.path().join("wg")).unwrap();
        let writer = LogFile::new(&dir.path().join("wg"), "wg", limits);
        Self { dir, tailer, writer }
    }

    fn write(&mut self, numbers: impl IntoIterator<Item = u64>) {
        numbers.into_iter().for_each(|seq| self.writer.write_line(&line(1, seq).to_json()).unwrap());
    }

    /// Reads and commits everything; returns sequence numbers, corrupt lines and gaps.
    fn read(&mut self) -> (Vec<u64>, u64, Vec<Option<u64>>) {
        let (mut numbers, mut corrupt, mut gaps) = (Vec::new(), 0, Vec::new());
        loop {
            let batch = self.tailer.read(3);
            if batch.is_empty() {
                return (numbers, corrupt, gaps);
            }
            numbers.extend(batch.lines.iter().map(|line| line.seq));
            corrupt += batch.corrupt;
            gaps.extend(batch.gaps.iter().map(|gap| gap.lines));
            self.tailer.commit(batch.cursors);
        }
    }

    /// A new process that knows the stored positions.
    fn restart(&mut self) {
        let stored = serde_json::to_string(&self.tailer.cursors).unwrap();
        self.tailer = Tailer::new(self.dir.path(), serde_json::from_str(&stored).unwrap());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join("wg").join(name)
    }
}

fn numbers(range: std::ops::Range<u64>) -> (Vec<u64>, u64, Vec<Option<u64>>) {
    (range.collect(), 0, Vec::new())
}

#[test]
fn each_line_is_read_once_over_rotations_and_restarts() {
    let mut world = World::new(SMALL);
    assert_eq!(world.read(), numbers(1..1));
    let mut next = 1;
    for round in 0..30 {
        let end = next + round % 11;
        world.write(next..end);
        assert_eq!(world.read(), ((next..end).collect(), 0, vec![]));
        next = end;
        world.restart();
    }
    assert!(world.path("wg.log.5").exists());
    assert_eq!(world.tailer.behind(), 0);
}

#[test]
fn a_batch_that_was_not_committed_is_read_again() {
    let mut world = World::new(SMALL);
    world.write(1..=5);
    let first = world.tailer.read(100);
    assert!(world.tailer.behind() > 0);
    assert_eq!(world.tailer.read(100).lines, first.lines);
    world.tailer.commit(first.cursors);
    assert!(world.tailer.read(100).is_empty());
}

#[test]
fn an_incomplete_line_waits_for_its_rest() {
    let mut world = World::new(SMALL);
    let text = format!("{}\n", line(1, 1).to_json());
    let (head, rest) = text.split_at(40);
    std::fs::write(world.path("wg.log"), head).unwrap();
    assert_eq!(world.read(), numbers(1..1));
    std::fs::write(world.path("wg.log"), format!("{head}{rest}")).unwrap();
    assert_eq!(world.read(), numbers(1..2));
}

#[test]
fn corrupt_lines_are_counted_and_skipped() {
    let mut world = World::new(FileLimits::default());
    let (one, two) = (line(1, 1).to_json(), line(1, 2).to_json());
    let other = one.replace("\"wg\"", "\"auth\"");
    let long = "x".repeat(600_000);
    std::fs::write(world.path("wg.log"), format!("{one}\nnot json\n{other}\n{long}\n\u{0}\n{two}\n")).unwrap();
    assert_eq!(world.read(), (vec![1, 2], 4, vec![]));
}

#[test]
fn lines_that_were_never_read_are_a_gap_with_its_size() {
    let mut world = World::new(SMALL);
    world.write(1..=5);
    assert_eq!(world.read(), numbers(1..6));
    world.write(6..=100);
    let (read, corrupt, gaps) = world.read();
    assert_eq!((corrupt, read.last(), read.len() < 95), (0, Some(&100), true));
    let missing = read.first().unwrap() - 6;
    assert_eq!(gaps, [None, Some(missing)], "the file of the position is gone");
}

#[test]
fn a_truncated_file_is_read_from_its_beginning() {
    let mut world = World::new(FileLimits::default());
    world.write(1..=5);
    assert_eq!(world.read(), numbers(1..6));
    std::fs::write(world.path("wg.log"), format!("{}\n", line(1, 6).to_json())).unwrap();
    assert_eq!(world.read(), (vec![6], 0, vec![None]));
    // Grown beyond the position with other content.
    let more: String = (7..=40).map(|seq| format!("{}\n", line(1, seq).to_json())).collect();
    std::fs::write(world.path("wg.log"), more).unwrap();
    assert_eq!(world.read(), ((7..=40).collect(), 0, vec![None]));
}

#[test]
fn links_and_pipes_are_not_read() {
    let world = World::new(SMALL);
    std::fs::write(world.path("secret"), format!("{}\n", line(1, 1).to_json())).unwrap();
    std::os::unix::fs::symlink(world.path("secret"), world.path("wg.log")).unwrap();
    nix::unistd::mkfifo(&world.path("wg.log.1"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::fs::write(world.path("..log"), "x\n").unwrap();
    assert!(world.tailer.read(10).is_empty());
}
