//! `tornado lockdown`: the policy through the helper, and a way out without it.

use crate::error::Failure;
use std::path::PathBuf;
use std::process::Command;
use tornado_helper_api::{Helper as _, HelperClient, HelperError, LockdownMode, NoInput, SetLockdown, Status};

/// Where the helper is installed, if it is not beside this program.
#[cfg(unix)]
const HELPER: &str = "/usr/bin/tornado-helperd";
#[cfg(windows)]
const HELPER: &str = r"C:\Program Files\Tornado VPN\tornado-helperd.exe";
/// File name of the helper.
const PROGRAM: &str = if cfg!(windows) { "tornado-helperd.exe" } else { "tornado-helperd" };
/// How to become the user who may run it without the helper.
const ADVICE: &str = if cfg!(windows) {
    "run `tornado lockdown off` in a terminal that was started as an administrator"
} else {
    "run `sudo tornado lockdown off`"
};

/// Result of the command.
pub(crate) enum Answer {
    /// The helper's state after the change.
    Status(Box<Status>),
    /// The helper does not run. Its firewall was removed and the mode `off` was stored.
    Released,
}

/// Shows the policy, or changes it. Without a helper, root can still set the mode `off`.
pub(crate) async fn run(helper: &HelperClient, change: SetLockdown) -> Result<Answer, Failure> {
    let is_query = change.mode.is_none() && change.lan.is_none() && change.bridges.is_none();
    let answer = if is_query { helper.status(NoInput {}).await } else { helper.set_lockdown(change).await };
    match answer {
        Ok(status) => Ok(Answer::Status(Box::new(status))),
        Err(HelperError::NotRunning(why)) if change.mode == Some(LockdownMode::Off) => release(&why),
        Err(error) => Err(error.into()),
    }
}

fn release(why: &str) -> Result<Answer, Failure> {
    if !is_superuser() {
        let text = format!("{why}; without the helper, {ADVICE}");
        return Err(HelperError::NotRunning(text).into());
    }
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(PROGRAM));
    let program = beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(HELPER));
    let output = Command::new(&program).arg("--release").output();
    let output = output.map_err(|error| Failure::NotReleased(format!("cannot run {}: {error}", program.display())))?;
    if output.status.success() {
        return Ok(Answer::Released);
    }
    Err(Failure::NotReleased(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// Whether this process has the rights that the helper needs.
#[cfg(unix)]
fn is_superuser() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

#[cfg(windows)]
fn is_superuser() -> bool {
    tornado_windows::os::is_elevated().unwrap_or(false)
}
