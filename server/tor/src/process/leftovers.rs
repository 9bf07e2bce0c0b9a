//! Signals to Tor processes. Only a child, or a process with exactly our command line, is ever signalled.

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a killed process may take to disappear.
const PATIENCE: Duration = Duration::from_secs(3);

/// Kills a Tor process of this state directory that outlived an earlier run of this service.
pub(super) async fn kill(program: &Path, arguments: &[PathBuf], uid: u32) {
    let words = std::iter::once(program).chain(arguments.iter().map(PathBuf::as_path));
    let command: Vec<u8> = words.flat_map(|word| word.as_os_str().as_bytes().iter().copied().chain([0])).collect();
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for pid in pids.filter(|pid| is_ours(*pid, &command, uid)) {
        tracing::warn!(pid, "killing a Tor process that an earlier run of this service left behind");
        signal(pid, Signal::SIGKILL);
        let gone = async {
            while is_ours(pid, &command, uid) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        drop(tokio::time::timeout(PATIENCE, gone).await);
    }
}

pub(super) fn signal(pid: i32, signal: Signal) {
    if let Err(error) = nix::sys::signal::kill(Pid::from_raw(pid), signal) {
        tracing::debug!(%error, pid, "cannot signal a process; it has probably ended");
    }
}

fn is_ours(pid: i32, command_line: &[u8], uid: u32) -> bool {
    let owner = std::fs::metadata(format!("/proc/{pid}")).map(|m| m.uid());
    let words = std::fs::read(format!("/proc/{pid}/cmdline"));
    owner.is_ok_and(|owner| owner == uid || owner == 0) && words.is_ok_and(|words| words == command_line)
}
