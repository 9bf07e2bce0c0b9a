//! Runs a command to completion, with a deadline.

use crate::HarnessError;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// The result of a command.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line.
    pub command: String,
    /// The exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// Returns true if the exit code is 0.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.status.success()
    }

    /// Returns itself if the exit code is 0.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::Command`] otherwise.
    pub fn success(self) -> Result<Self, HarnessError> {
        if self.ok() {
            return Ok(self);
        }
        let stderr = if self.stderr.trim().is_empty() { self.stdout } else { self.stderr };
        Err(HarnessError::Command {
            command: self.command,
            status: describe(self.status),
            stderr: format!("{}{}", stderr.trim(), hint(&stderr)),
        })
    }

    /// Parses standard output as JSON.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::Answer`] if the output does not have this shape.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> Result<T, HarnessError> {
        serde_json::from_str(&self.stdout)
            .map_err(|e| HarnessError::answer(&self.command, format!("{e} in {:?}", self.stdout)))
    }
}

/// Advice for a known failure.
fn hint(words: &str) -> &'static str {
    // Message of ip(8) on a kernel without the module.
    if words.contains("Unknown device type") {
        "; this kernel does not support this kind of interface: run `modprobe veth` as root, or use another kernel"
    } else {
        ""
    }
}

/// Runs a command in its own process group. The whole group is killed after `within`.
pub(crate) fn run(mut command: Command, input: Option<&str>, within: Duration) -> Result<Output, HarnessError> {
    let line = line(&command);
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().map_err(HarnessError::io(format!("cannot start '{line}'")))?;
    let group = group_of(child.id());
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        // Only for small inputs: a command that does not read them would block on a full pipe.
        stdin.write_all(text.as_bytes()).map_err(HarnessError::io(format!("cannot write to '{line}'")))?;
    }
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(child.wait_with_output()));
    let within = crate::patient(within);
    let output = match receive.recv_timeout(within) {
        Ok(output) => output.map_err(HarnessError::io(format!("cannot wait for '{line}'")))?,
        Err(_) => {
            // The group may have ended at this moment.
            let _ = killpg(group, Signal::SIGKILL);
            return Err(HarnessError::Timeout { what: format!("the end of '{line}'"), after: within });
        }
    };
    Ok(Output {
        command: line,
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs `ip` with these arguments. Fails if it fails.
pub(crate) fn ip(words: &[&str]) -> Result<Output, HarnessError> {
    let mut command = Command::new("ip");
    command.args(words);
    run(command, None, Duration::from_secs(20))?.success()
}

/// Runs `ip -batch` inside a namespace, one command per line.
pub(crate) fn ip_batch(namespace: &str, lines: &[String]) -> Result<(), HarnessError> {
    batch(&["-n", namespace], lines)
}

/// As [`ip_batch`], with the family `-4` or `-6` for lines without an address that determines it.
pub(crate) fn ip_batch_of(family: &str, namespace: &str, lines: &[String]) -> Result<(), HarnessError> {
    batch(&[family, "-n", namespace], lines)
}

fn batch(options: &[&str], lines: &[String]) -> Result<(), HarnessError> {
    let mut command = Command::new("ip");
    command.args(options).args(["-batch", "-"]);
    run(command, Some(&lines.join("\n")), Duration::from_secs(60))?.success().map(drop)
}

/// The command line.
pub(crate) fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy()];
    words.extend(command.get_args().map(|w| w.to_string_lossy()));
    words.join(" ")
}

/// The process group of a child that was started with `process_group(0)`.
pub(crate) fn group_of(pid: u32) -> Pid {
    Pid::from_raw(pid.cast_signed())
}

/// Describes an exit code or signal.
pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_without_veth_is_named_with_its_cure() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'Error: Unknown device type.' >&2; exit 2"]);
        let error = run(command, None, Duration::from_secs(20)).unwrap().success().unwrap_err().to_string();
        assert!(error.contains("Unknown device type") && error.contains("modprobe veth"), "{error}");
    }
}
