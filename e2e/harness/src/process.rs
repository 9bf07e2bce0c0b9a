//! A process that runs in the background and is killed with its group.

use crate::command::{describe, group_of, line};
use crate::{HarnessError, Tail, wait_for};
use nix::sys::signal::{Signal, killpg};
use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A background process of a lab. Dropping it kills its whole process group.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
    detached: bool,
}

impl Process {
    /// Starts `command` with its outputs in the files `<log>.out` and `<log>.err`.
    pub(crate) fn start(mut command: Command, name: &str, log: &Path) -> Result<Self, HarnessError> {
        let create = |path: &Path| File::create(path).map_err(HarnessError::file("make", path));
        let (stdout, stderr) = (log.with_extension("out"), log.with_extension("err"));
        let shown = line(&command);
        command.process_group(0).stdin(Stdio::null()).stdout(create(&stdout)?).stderr(create(&stderr)?);
        let child = command.spawn().map_err(HarnessError::io(format!("cannot start '{shown}'")))?;
        Ok(Self { name: name.to_owned(), child, stdout, stderr, detached: false })
    }

    /// The name it was started under.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, which is also its group's.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it wrote to standard output so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn stdout(&self) -> Result<String, HarnessError> {
        read(&self.stdout)
    }

    /// All it wrote to standard error so far.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn stderr(&self) -> Result<String, HarnessError> {
        read(&self.stderr)
    }

    /// What it writes from now on to both.
    pub(crate) fn tail(&self) -> Result<Tail, HarnessError> {
        Tail::of(&[&self.stdout, &self.stderr])
    }

    /// How it ended, or `None` while it runs.
    ///
    /// # Errors
    /// When the operating system cannot say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.child.try_wait().map_err(HarnessError::io(format!("cannot ask after '{}'", self.name)))
    }

    /// [`HarnessError::Command`] with its last words if it ended: for loops that wait for it to be ready.
    ///
    /// # Errors
    /// As said.
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

    /// Sends a signal to the process alone.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn signal(&self, signal: Signal) -> Result<(), HarnessError> {
        nix::sys::signal::kill(group_of(self.pid()), signal)
            .map_err(|e| HarnessError::io(format!("cannot signal '{}'", self.name))(e.into()))
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`HarnessError::Timeout`] when it still runs after `within`.
    pub fn wait(&mut self, within: Duration) -> Result<ExitStatus, HarnessError> {
        let what = format!("the end of '{}'", self.name);
        wait_for(&what, within, || self.ended())
    }

    /// Asks it to end, and kills its group when it has not within `within`.
    ///
    /// # Errors
    /// When it cannot be signalled.
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

    /// Lets it run on after this value is gone; taking the lab down ends it.
    pub fn detach(mut self) {
        self.detached = true;
    }

    fn kill_group(&self) {
        // Nothing to kill is what is wanted.
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

/// The end of a text that may be long.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    let first = lines.len().saturating_sub(count);
    lines.get(first..).unwrap_or_default().join("\n")
}

fn read(path: &Path) -> Result<String, HarnessError> {
    let bytes = std::fs::read(path).map_err(HarnessError::file("read", path))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
