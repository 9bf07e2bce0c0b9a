//! Single services of a server under test: what they are, their end, and calls on their sockets.

use crate::mesh::Mesh;
use crate::{HarnessError, ServerProc, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::time::Duration;

impl ServerProc {
    /// The whole server at a glance: `MasterStatus` of crate `tornado-contracts`.
    ///
    /// # Errors
    /// When `master` does not answer.
    pub fn status(&self) -> Result<Value, HarnessError> {
        self.json(&["status"])
    }

    /// Process id of a service, now; `None` while it does not run.
    ///
    /// # Errors
    /// When `master` does not answer, or knows no service of this name.
    pub fn running(&self, service: &str) -> Result<Option<u32>, HarnessError> {
        let status = self.status()?;
        let entry = status["services"].as_array().into_iter().flatten().find(|entry| entry["name"] == service);
        let entry = entry.ok_or_else(|| {
            HarnessError::answer("the server's status", format!("no service is called '{service}': {status}"))
        })?;
        Ok(entry["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()))
    }

    /// Process id of a service, now.
    ///
    /// # Errors
    /// As [`Self::running`], and when it is not running.
    pub fn pid_of(&self, service: &str) -> Result<u32, HarnessError> {
        self.running(service)?.ok_or_else(|| not_running(service))
    }

    /// `kill -9` of one service; returns the process id it had.
    ///
    /// # Errors
    /// As [`Self::running`], and when it is not running.
    pub fn kill_service(&self, service: &str) -> Result<u32, HarnessError> {
        self.kill_if_running(service)?.ok_or_else(|| not_running(service))
    }

    /// The same for one that may have died by itself; `None` when it had.
    ///
    /// # Errors
    /// As [`Self::running`], and when it cannot be killed.
    pub fn kill_if_running(&self, service: &str) -> Result<Option<u32>, HarnessError> {
        let Some(pid) = self.running(service)? else { return Ok(None) };
        match kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL) {
            Ok(()) => Ok(Some(pid)),
            Err(nix::Error::ESRCH) => Ok(None),
            Err(error) => Err(HarnessError::io(format!("cannot kill '{service}'"))(error.into())),
        }
    }

    /// Waits until a service runs as another process than `before` and the whole server is ready.
    ///
    /// # Errors
    /// [`HarnessError::Timeout`].
    pub fn wait_restarted(&mut self, service: &str, before: u32, within: Duration) -> Result<u32, HarnessError> {
        let after = wait_for(&format!("'{service}' to be started again"), within, || {
            Ok(self.pid_of(service).ok().filter(|pid| *pid != before))
        })?;
        self.wait_ready(within)?;
        Ok(after)
    }

    /// Starts every service again, as an operator orders it, and waits until each runs as another process and the whole
    /// server is ready.
    ///
    /// # Errors
    /// When the order is refused, and [`HarnessError::Timeout`].
    pub fn restart_all(&mut self, within: Duration) -> Result<(), HarnessError> {
        let pids = |status: &Value| -> Vec<Option<u64>> {
            status["services"].as_array().into_iter().flatten().map(|entry| entry["pid"].as_u64()).collect()
        };
        let before = pids(&self.status()?);
        self.cli(&["restart"])?.success()?;
        wait_for("every service to be started again", within, || {
            let now = pids(&self.status()?);
            let is_new =
                |(now, before): (&Option<u64>, &Option<u64>)| before.is_none() || (now.is_some() && now != before);
            Ok(now.iter().zip(&before).all(is_new).then_some(()))
        })?;
        self.wait_ready(within)
    }

    /// Calls on a service's socket, as root.
    #[must_use]
    pub fn mesh(&self, service: &str) -> Mesh {
        Mesh::of(self.run_dir().join(format!("{service}.sock")))
    }
}

fn not_running(service: &str) -> HarnessError {
    HarnessError::answer("the server's status", format!("'{service}' does not run"))
}
