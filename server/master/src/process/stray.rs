//! Services of an earlier supervisor that are missing from its record, because it was killed between a start and the
//! write of the record. They are not supervised and they hold ports, so they are killed before any service is started.

use super::proc;
use super::spawn::Accounts;
use crate::Wiring;
use std::os::unix::ffi::OsStrExt as _;
use tornado_contracts::ServiceName;

/// Kills every service of this configuration whose pid is not in `known`.
pub fn end_all(wiring: &Wiring, accounts: &Accounts, known: &[u32]) {
    let Ok(processes) = std::fs::read_dir("/proc") else { return };
    let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for pid in pids.filter(|pid| !known.contains(pid)) {
        let is_service = |name: &ServiceName| {
            accounts.get(name).is_some_and(|account| is_ours(pid, account.uid, &command_line(*name, wiring)))
        };
        if let Some(name) = ServiceName::ALL.iter().find(|name| is_service(name)) {
            tracing::warn!(service = %name, pid, "killed a service that the earlier supervisor did not record");
            proc::kill_group(pid);
        }
    }
}

/// Expected `/proc/PID/cmdline` of a service: the arguments from [`spawn`](super::spawn), each with a terminating zero
/// byte.
fn command_line(name: ServiceName, wiring: &Wiring) -> Vec<u8> {
    let words: [&[u8]; 5] =
        [b"tornadod", b"service", name.as_str().as_bytes(), b"--config", wiring.config_path.as_os_str().as_bytes()];
    words.iter().flat_map(|word| word.iter().copied().chain([0])).collect()
}

/// True if user, arguments and control group match. Another server on this machine differs in at least one of them.
fn is_ours(pid: u32, uid: u32, command_line: &[u8]) -> bool {
    let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).ok();
    let own_group = std::fs::read("/proc/self/cgroup").ok();
    read("cmdline").is_some_and(|words| words == command_line)
        && proc::real_uid(pid) == Some(uid)
        && read("cgroup") == own_group
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_words_and_user_count() {
        let me = std::process::id();
        let words = std::fs::read("/proc/self/cmdline").unwrap();
        let uid = nix::unistd::getuid().as_raw();
        assert!(is_ours(me, uid, &words));
        assert!(!is_ours(me, uid + 1, &words));
        assert!(!is_ours(me, uid, b"tornadod\0"));
    }
}
