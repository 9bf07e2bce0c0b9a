//! Information about processes from the kernel: proc(5), pidfd_open(2).

use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

/// Opens a descriptor that refers to one process permanently, even after its pid is reused.
pub fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "libc has no safe form of pidfd_open(2)")]
    // SAFETY: the call takes two numbers and returns a new descriptor or -1.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, libc::PIDFD_NONBLOCK) };
    let fd = i32::try_from(fd).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    #[expect(unsafe_code, reason = "the kernel has just created this descriptor, so it has no owner yet")]
    // SAFETY: the kernel has just returned the descriptor, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sends a signal to the process behind `pidfd`.
pub fn signal(pidfd: &OwnedFd, signal: nix::sys::signal::Signal) -> io::Result<()> {
    let none: *const libc::siginfo_t = std::ptr::null();
    #[expect(unsafe_code, reason = "libc has no safe form of pidfd_send_signal(2)")]
    // SAFETY: the descriptor is open and no signal information is passed.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal as i32, none, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Kills the remaining processes of a service's process group.
pub fn kill_group(pid: u32) {
    let Ok(pid) = i32::try_from(pid) else { return };
    let group = nix::unistd::Pid::from_raw(pid);
    match nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => {}
        Err(error) => tracing::warn!(pid, %error, "cannot kill the remaining processes of a service"),
    }
}

/// Start time of a process in clock ticks after boot. Together with the pid it identifies a process of this boot.
/// `None` if the process is gone or a zombie.
#[must_use]
pub fn start_ticks(pid: u32) -> Option<u64> {
    parse_stat(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Fields 3 (state) and 22 (start time) of `/proc/PID/stat`. Field 2, the name, may contain any characters.
fn parse_stat(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// Resident memory in bytes: field 2 of `/proc/PID/statm`, in pages.
#[must_use]
pub fn memory(pid: u32) -> Option<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages.saturating_mul(u64::try_from(page).ok()?))
}

/// Real uid of a process: the first number of line `Uid:` in `/proc/PID/status`.
#[must_use]
pub fn real_uid(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_ascii_whitespace().next()?.parse().ok()
}

/// Device and inode of this process's program. Not available for other processes: `/proc/PID/exe` of another user's
/// process requires CAP_SYS_PTRACE, which the supervisor does not have.
#[must_use]
pub fn own_program() -> (u64, u64) {
    std::fs::metadata("/proc/self/exe").map_or((0, 0), |found| (found.dev(), found.ino()))
}

/// Identifies the current boot of the machine.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_confuse_stat() {
        let fields = (4..=22).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(parse_stat(&format!("7 (a) b ) (c) S {fields}")), Some(22));
        assert_eq!(parse_stat(&format!("7 (gone) Z {fields}")), None);
    }

    #[test]
    fn this_process_is_found() {
        let me = std::process::id();
        assert!(start_ticks(me).is_some());
        assert!(memory(me).unwrap() > 100_000);
        assert_ne!(own_program(), (0, 0));
        assert_eq!(real_uid(me), Some(nix::unistd::getuid().as_raw()));
        assert_eq!(start_ticks(u32::MAX), None);
        assert!(pidfd_open(me).is_ok());
    }
}
