//! A background process that is killed with its process group.

pub(crate) mod command;
pub(crate) mod spent;
pub(crate) mod tail;

use crate::process::command::{describe, group_of, line};
use crate::{HarnessError, Tail, wait_for};
use nix::sys::signal::{Signal, killpg};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A background process of a lab. Its process group is killed on drop.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    detached: bool,
}

impl Process {
    /// Starts `command`. Its outputs go to the files `<log>.out` and `<log>.err`.
    pub(crate) fn start(mut command: Command, name: &str, log: &Path) -> Result<Self, HarnessError> {
        let create = |path: &Path| File::create(path).map_err(HarnessError::file("create", path));
        let (stdout, stderr) = (log.with_extension("out"), log.with_extension("err"));
        let shown = line(&command);
        command.process_group(0).stdin(Stdio::null()).stdout(create(&stdout)?).stderr(create(&stderr)?);
        let child = command.spawn().map_err(HarnessError::io(format!("cannot start '{shown}'")))?;
        Ok(Self { name: name.to_owned(), child, stdout, stderr, detached: false })
    }

    /// The name of the process in error messages.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id, which is also the id of its group.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The standard output so far.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be read.
    pub fn stdout(&self) -> Result<String, HarnessError> {
        read(&self.stdout)
    }

    /// The standard error so far.
    ///
    /// # Errors
    ///
    /// Fails if the log cannot be read.
    pub fn stderr(&self) -> Result<String, HarnessError> {
        read(&self.stderr)
    }

    /// Follows both outputs from their current end.
    pub(crate) fn tail(&self) -> Result<Tail, HarnessError> {
        Tail::of(&[&self.stdout, &self.stderr])
    }

    /// The exit status, or `None` while it runs.
    ///
    /// # Errors
    ///
    /// Fails if the status cannot be read.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.child.try_wait().map_err(HarnessError::io(format!("cannot get the status of '{}'", self.name)))
    }

    /// Checks that the process still runs; used in loops that wait until it is ready.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::Command`] and the end of its error output if it has ended.
    pub fn must_run(&mut self) -> Result<(), HarnessError> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => Err(HarnessError::Command {
                command: self.name.clone(),
                status: describe(status),
                stderr: last_lines(&self.stderr()?, 20),
            }),
        }
    }

    /// Sends a signal to the process, not to its group.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be signalled.
    pub fn signal(&self, signal: Signal) -> Result<(), HarnessError> {
        nix::sys::signal::kill(group_of(self.pid()), signal)
            .map_err(|e| HarnessError::io(format!("cannot signal '{}'", self.name))(e.into()))
    }

    /// Waits for the end of the process.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::Timeout`] if it still runs after `within`.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus, HarnessError> {
        let what = format!("the end of '{}'", self.name);
        wait_for(&what, within, || self.ended())
    }

    /// Sends SIGTERM, and kills the process group if it still runs after `within`.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be signalled.
    pub fn stop(mut self, within: Duration) -> Result<ExitStatus, HarnessError> {
        if self.ended()?.is_none() {
            self.signal(Signal::SIGTERM)?;
        }
        match self.wait(within) {
            Err(HarnessError::Timeout { .. }) => {
                self.kill_group();
                self.wait(within)
            }
            end => end,
        }
    }

    /// Keeps the process running after this value is dropped. It ends with the lab.
    pub fn detach(mut self) {
        self.detached = true;
    }

    fn kill_group(&self) {
        // An error means that the group has already ended.
        let _ = killpg(group_of(self.pid()), Signal::SIGKILL);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.detached {
            return;
        }
        self.kill_group();
        let _ = self.child.wait();
    }
}

/// The last `count` lines of a text.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    let first = lines.len().saturating_sub(count);
    lines.get(first..).unwrap_or_default().join("\n")
}

fn read(path: &Path) -> Result<String, HarnessError> {
    let bytes = std::fs::read(path).map_err(HarnessError::file("read", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
