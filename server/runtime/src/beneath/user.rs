//! File access with another user's rights.

use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use std::io;

/// User and group by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Runs `work` on a thread whose file access has exactly the rights of `owner` (setfsuid(2)). `work` cannot open what
/// that user cannot open, even through links, and files that it creates belong to that user. Threads that it starts
/// inherit these rights. If the caller is not root, `work` runs with the caller's own rights.
///
/// # Errors
/// When the rights cannot be changed, or when `work` panicked.
pub fn as_user<T: Send>(owner: Owner, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    if !Uid::effective().is_root() {
        return Ok(work());
    }
    let run = || {
        become_user(owner)?;
        Ok(work())
    };
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err(io::Error::other("a task with the file access of another user panicked")))
}

/// Changes the calling thread permanently.
fn become_user(owner: Owner) -> io::Result<()> {
    let none: *const libc::gid_t = std::ptr::null();
    #[expect(unsafe_code, reason = "libc's wrapper changes all threads")]
    // SAFETY: the list is empty, so the null pointer is not read.
    let failed = unsafe { libc::syscall(libc::SYS_setgroups, 0usize, none) } < 0;
    if failed {
        return Err(io::Error::last_os_error());
    }
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    // Both calls return the previous value and report no error. The second call shows whether the first one worked.
    setfsgid(gid);
    setfsuid(uid);
    if setfsgid(gid) != gid || setfsuid(uid) != uid {
        return Err(io::Error::other(format!("cannot switch file access to user {}", owner.uid)));
    }
    Ok(())
}
