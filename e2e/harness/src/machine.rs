//! A host on a machine that lacks something: device nodes, writable directories, files of `/etc`.

use crate::{HarnessError, Host, Process, wait_for};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// A mount namespace kept by a process that sleeps in it. Shared by all values of its host.
#[derive(Debug, Clone)]
pub(crate) struct Machine(Arc<Process>);

/// What the shell prints when the machine is as it was to be.
const DONE: &str = "changed";

impl Machine {
    pub(crate) fn command(&self, program: &std::ffi::OsStr) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.0.pid();
        command.arg(format!("--mount=/proc/{pid}/ns/mnt")).arg(format!("--net=/proc/{pid}/ns/net"));
        command.arg(program);
        command
    }
}

impl Host {
    /// The same host after the words of a shell, which run as root in a mount namespace of their own: mounts there
    /// change nothing outside, and end with the last value of the host.
    ///
    /// # Errors
    /// When the words fail.
    pub fn changed(&self, words: &str) -> Result<Self, HarnessError> {
        let mut command = self.command("unshare");
        let words = format!("{words}\necho {DONE}\nexec sleep infinity");
        command.args(["--mount", "--propagation", "private", "sh", "-exc", &words]);
        let mut holder = self.spawn("machine", command)?;
        wait_for("the machine to be changed", Duration::from_secs(20), || {
            holder.must_run()?;
            Ok(holder.stdout()?.contains(DONE).then_some(()))
        })?;
        Ok(self.on(Machine(Arc::new(holder))))
    }
}
