//! Modifies the machine that a host runs on: missing device nodes, read-only directories, other files in `/etc`.

use crate::{HarnessError, Process, wait_for};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

/// A mount namespace, kept by a sleeping process. Shared by all clones of the host.
#[derive(Debug, Clone)]
pub(crate) struct Machine(Arc<Process>);

/// Output of the shell after the changes were made.
const DONE: &str = "changed";

impl Machine {
    pub(crate) fn command(&self, program: &std::ffi::OsStr) -> Command {
        let mut command = Command::new("nsenter");
        let pid = self.0.pid();
        command.arg(format!("--mount=/proc/{pid}/ns/mnt")).arg(format!("--net=/proc/{pid}/ns/net"));
        command.arg(program);
        command
    }
    /// Adds the arguments to a command that runs unshare.
    pub(crate) fn arguments(command: &mut Command, words: &str) {
        let words = format!("{words}\necho {DONE}\nexec sleep infinity");
        command.args(["--mount", "--propagation", "private", "sh", "-exc", &words]);
    }

    /// Waits until the process has made the changes.
    pub(crate) fn wait(mut holder: Process) -> Result<Self, HarnessError> {
        wait_for("the machine to be changed", Duration::from_secs(20), || {
            holder.must_run()?;
            Ok(holder.stdout()?.contains(DONE).then_some(()))
        })?;
        Ok(Self(Arc::new(holder)))
    }
}
