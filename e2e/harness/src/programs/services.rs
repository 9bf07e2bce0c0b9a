//! Operations on single services of the server under test.

use crate::programs::mesh::Mesh;
use crate::{HarnessError, ServerProc, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::time::Duration;

impl ServerProc {
    /// The status of the server: `MasterStatus` in crate `tornado-contracts`.
    ///
    /// # Errors
    ///
    /// Fails if `master` does not respond.
    pub fn status(&self) -> Result<Value, HarnessError> {
        self.json(&["status"])
    }

    /// Pid of a service; `None` while it does not run.
    ///
    /// # Errors
    ///
    /// Fails if `master` does not respond, or the service does not exist.
    pub fn running(&self, service: &str) -> Result<Option<u32>, HarnessError> {
        let status = self.status()?;
        let entry = status["services"].as_array().into_iter().flatten().find(|entry| entry["name"] == service);
        let entry = entry.ok_or_else(|| {
            HarnessError::answer("the server's status", format!("there is no service '{service}': {status}"))
        })?;
        Ok(entry["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()))
    }

    /// Pid of a running service.
    ///
    /// # Errors
    ///
    /// As [`Self::running`], and if it is not running.
    pub fn pid_of(&self, service: &str) -> Result<u32, HarnessError> {
        self.running(service)?.ok_or_else(|| not_running(service))
    }

    /// Kills a service with SIGKILL. Returns its former pid.
    ///
    /// # Errors
    ///
    /// As [`Self::running`], and if it is not running.
    pub fn kill_service(&self, service: &str) -> Result<u32, HarnessError> {
        self.kill_if_running(service)?.ok_or_else(|| not_running(service))
    }

    /// As [`Self::kill_service`], for a service that may have died by itself; `None` if it had.
    ///
    /// # Errors
    ///
    /// As [`Self::running`], and if it cannot be killed.
    pub fn kill_if_running(&self, service: &str) -> Result<Option<u32>, HarnessError> {
        let Some(pid) = self.running(service)? else { return Ok(None) };
        match kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL) {
            Ok(()) => Ok(Some(pid)),
            Err(nix::Error::ESRCH) => Ok(None),
            Err(error) => Err(HarnessError::io(format!("cannot kill '{service}'"))(error.into())),
        }
    }

    /// Waits until a service runs with a pid other than `before` and the server is ready. Returns the new pid.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::Timeout`].
    pub fn wait_restarted(&mut self, service: &str, before: u32, within: Duration) -> Result<u32, HarnessError> {
        let after = wait_for(&format!("'{service}' to be restarted"), within, || {
            Ok(self.pid_of(service).ok().filter(|pid| *pid != before))
        })?;
        self.wait_ready(within)?;
        Ok(after)
    }

    /// Restarts every service as an operator does, and waits until each has a new pid and the server is ready.
    ///
    /// # Errors
    ///
    /// Fails if the order is rejected, and with [`HarnessError::Timeout`].
    pub fn restart_all(&mut self, within: Duration) -> Result<(), HarnessError> {
        let pids = |status: &Value| -> Vec<Option<u64>> {
            status["services"].as_array().into_iter().flatten().map(|entry| entry["pid"].as_u64()).collect()
        };
        let before = pids(&self.status()?);
        self.cli(&["restart"])?.success()?;
        wait_for("every service to be restarted", within, || {
            let now = pids(&self.status()?);
            let is_new =
                |(now, before): (&Option<u64>, &Option<u64>)| before.is_none() || (now.is_some() && now != before);
            Ok(now.iter().zip(&before).all(is_new).then_some(()))
        })?;
        self.wait_ready(within)
    }

    /// Calls on the socket of a service, as root.
    #[must_use]
    pub fn mesh(&self, service: &str) -> Mesh {
        Mesh::of(self.run_dir().join(format!("{service}.sock")))
    }
}

fn not_running(service: &str) -> HarnessError {
    HarnessError::answer("the server's status", format!("'{service}' is not running"))
}
