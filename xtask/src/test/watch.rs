//! Runs a program with a time limit, and times the tests in it.

use anyhow::Context as _;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

/// How a watched program ended.
pub struct End {
    /// `None` if it was killed at its time limit.
    pub status: Option<ExitStatus>,
    /// Standard output and standard error, interleaved.
    pub output: String,
    /// Duration of the program.
    pub took: Duration,
    /// Each test of a test program and its duration, in order. Exact only with one thread, because libtest then prints
    /// the name before it runs the test.
    pub tests: Vec<(String, Duration)>,
    /// The test that was running when the program ended, if any.
    pub interrupted: Option<String>,
}

/// Runs a command and captures its outputs. Kills its process group at the time limit.
pub fn watch(command: Command, within: Duration) -> anyhow::Result<End> {
    watch_until(command, move |ended, _| ended.recv_timeout(within) == Err(mpsc::RecvTimeoutError::Timeout))
}

/// As [`watch`], with a custom time limit: `is_late` blocks, and returns true if the program must be killed. Its first
/// channel closes at the program's end, the second one receives a message whenever output arrives.
fn watch_until(
    mut command: Command,
    is_late: impl FnOnce(&mpsc::Receiver<()>, &mpsc::Receiver<()>) -> bool + Send + 'static,
) -> anyhow::Result<End> {
    let (mut reader, writer) = std::io::pipe().context("cannot create a pipe")?;
    command.process_group(0).stdin(Stdio::null()).stderr(writer.try_clone()?).stdout(writer);
    let started = Instant::now();
    let mut child = command.spawn()?;
    // The command still holds our write ends of the pipe, and reading would not end while they are open.
    drop(command);
    let group = Pid::from_raw(child.id().cast_signed());
    let (send, ended) = mpsc::channel::<()>();
    let (comes, came) = mpsc::channel::<()>();
    let killed = Arc::new(AtomicBool::new(false));
    let bitten = Arc::clone(&killed);
    let watchdog = std::thread::spawn(move || {
        if is_late(&ended, &came) {
            bitten.store(true, Ordering::Relaxed);
            // The program may have ended at this moment.
            let _ = killpg(group, Signal::SIGKILL);
        }
    });
    let mut arrived = Arrived::default();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => break,
            Ok(length) => {
                arrived.add(chunk.get(..length).unwrap_or_default(), started.elapsed());
                let _ = comes.send(());
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let status = child.wait()?;
    drop(send);
    let _ = watchdog.join();
    let status = (!killed.load(Ordering::Relaxed)).then_some(status);
    let (tests, interrupted) = arrived.tests();
    let output = String::from_utf8_lossy(&arrived.bytes).into_owned();
    Ok(End { status, output, took: started.elapsed(), tests, interrupted })
}

/// Output with the times at which its parts were read.
#[derive(Default)]
struct Arrived {
    bytes: Vec<u8>,
    /// Length of `bytes` after each read, and the time of the read.
    reads: Vec<(usize, Duration)>,
}

impl Arrived {
    fn add(&mut self, bytes: &[u8], at: Duration) {
        self.bytes.extend(bytes);
        self.reads.push((self.bytes.len(), at));
    }

    /// When the byte at this offset was read.
    fn at(&self, offset: usize) -> Duration {
        let read = self.reads.partition_point(|(length, _)| *length <= offset);
        self.reads.get(read).or(self.reads.last()).map_or(Duration::ZERO, |(_, at)| *at)
    }

    /// Extracts the tests from lines `test NAME … RESULT`. Other output may occur between name and result.
    fn tests(&self) -> (Vec<(String, Duration)>, Option<String>) {
        let (mut done, mut running, mut offset) = (Vec::new(), None::<(String, Duration)>, 0);
        for line in self.bytes.split_inclusive(|byte| *byte == b'\n') {
            let at = self.at(offset);
            offset += line.len();
            let line = String::from_utf8_lossy(line);
            let name = line.strip_prefix("test ").and_then(|rest| Some(rest.split_once(" ... ")?.0.to_owned()));
            let is_end = line.starts_with("test result: ") || ["successes:", "failures:"].contains(&line.trim_end());
            if name.is_some() || is_end {
                done.extend(running.take().map(|(name, since)| (name, at.saturating_sub(since))));
            }
            running = name.map(|name| (name, at)).or(running);
        }
        (done, running.map(|(name, _)| name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo begun; sleep 977 & sleep 977"]);
        // The time limit is reached as soon as output has arrived.
        let end = watch_until(command, |_, came| came.recv().is_ok()).unwrap();
        assert!(end.status.is_none());
        assert_eq!(end.output, "begun\n");
    }

    #[test]
    fn a_program_that_ends_keeps_its_status() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let end = watch(command, Duration::from_secs(20)).unwrap();
        assert_eq!(end.status.and_then(|status| status.code()), Some(3));
        assert_eq!(end.output, "out\nerr\n");
    }

    #[test]
    fn tests_are_timed_by_when_their_names_arrive() {
        let mut arrived = Arrived::default();
        let mut at = |seconds, text: &str| arrived.add(text.as_bytes(), Duration::from_secs(seconds));
        at(0, "\nrunning 3 tests\ntest a::quick ... ok\ntest a::slow ... ");
        at(2, "a program prints\n");
        at(7, "ok\ntest b - should panic ... ");
        at(8, "ok\n");
        at(9, "\nsuccesses:\n\ntest result: ok. 3 passed; 0 failed; finished in 8s\n");
        let seconds = |name: &str, seconds| (name.to_owned(), Duration::from_secs(seconds));
        let tests = vec![seconds("a::quick", 0), seconds("a::slow", 7), seconds("b - should panic", 2)];
        assert_eq!(arrived.tests(), (tests, None));
    }

    #[test]
    fn the_test_that_hung_is_named() {
        let mut arrived = Arrived::default();
        arrived.add(b"test first ... ok\ntest second ... ", Duration::from_secs(1));
        let (tests, interrupted) = arrived.tests();
        assert_eq!((tests.len(), interrupted.as_deref()), (1, Some("second")));
    }
}
