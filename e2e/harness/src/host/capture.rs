//! Captures packets on an interface.

use crate::{HarnessError, Process, wait_for};
use nix::sys::signal::Signal;
use std::process::Command;
use std::time::Duration;

/// A running tcpdump. Killed on drop, without a result.
#[derive(Debug)]
pub struct Capture {
    process: Process,
    interface: String,
}

/// The result of a capture: one line per packet, as tcpdump prints it.
#[derive(Debug, Clone)]
pub struct Captured {
    lines: Vec<String>,
}

impl Capture {
    /// Adds the arguments to a command that runs tcpdump.
    pub(crate) fn arguments(command: &mut Command, interface: &str, filter: &str) {
        // One line per packet, unbuffered; a buffer of 8 MiB, so that a burst is not lost.
        command.args(["-l", "-n", "-q", "-t", "--immediate-mode", "-B", "8192", "-s", "128", "-Z", "root"]);
        command.args(["-i", interface]).arg(filter);
    }

    /// Waits until a tcpdump listens.
    pub(crate) fn wait(mut process: Process, interface: &str) -> Result<Self, HarnessError> {
        wait_for("tcpdump to listen", Duration::from_secs(10), || {
            process.must_run()?;
            Ok(process.stderr()?.contains("listening on").then_some(()))
        })?;
        Ok(Self { process, interface: interface.to_owned() })
    }

    /// The packets so far. The kernel may not have delivered all of them yet.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be read.
    pub fn so_far(&self) -> Result<Captured, HarnessError> {
        // tcpdump prints an empty line when it is interrupted.
        let lines = self.process.stdout()?.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        Ok(Captured { lines })
    }

    /// Waits until at least `count` packets were captured.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::Timeout`].
    pub fn wait_for(&self, count: usize, within: Duration) -> Result<Captured, HarnessError> {
        wait_for(&format!("{count} packets on {}", self.interface), within, || {
            let seen = self.so_far()?;
            Ok((seen.count() >= count).then_some(seen))
        })
    }

    /// Ends the capture and returns all packets.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::CaptureLost`] if the kernel dropped packets, because then the count proves nothing.
    pub fn stop(mut self) -> Result<Captured, HarnessError> {
        // Packets that were just sent may still be queued between interface and tcpdump.
        std::thread::sleep(Duration::from_millis(100));
        self.process.signal(Signal::SIGINT)?;
        self.process.wait(Duration::from_secs(10))?;
        let report = self.process.stderr()?;
        let lost = figure(&report, "dropped by kernel")?;
        if lost > 0 {
            return Err(HarnessError::CaptureLost { interface: self.interface, lost });
        }
        let seen = self.so_far()?;
        let captured = figure(&report, "captured")?;
        if usize::try_from(captured) != Ok(seen.count()) {
            let detail = format!("it captured {captured} packets and printed {}", seen.count());
            return Err(HarnessError::answer("tcpdump's report", detail));
        }
        Ok(seen)
    }
}

impl Captured {
    /// Number of packets.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lines.len()
    }

    /// One line per packet.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }
}

/// The number in tcpdump's final line `N packets <what>`.
fn figure(report: &str, what: &str) -> Result<u64, HarnessError> {
    let line = report.lines().find(|l| l.contains(" packet") && l.trim_end().ends_with(what));
    line.and_then(|l| l.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| HarnessError::answer("tcpdump's report", report.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_are_read() {
        let report =
            "listening on eth0\n3 packets captured\n4 packets received by filter\n1 packet dropped by kernel\n";
        assert_eq!(figure(report, "captured").unwrap(), 3);
        assert_eq!(figure(report, "dropped by kernel").unwrap(), 1);
        assert!(figure("tcpdump: syntax error", "captured").is_err());
    }
}
