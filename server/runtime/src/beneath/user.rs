//! File access with another user's rights.

use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use std::io;

/// User and group by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Runs `work` on a thread whose file access has exactly the rights of `owner` (setfsuid(2)): what that user cannot open,
/// `work` cannot open either, whichever links it meets, and what it makes belongs to that user. Threads that it starts
/// inherit this. A caller that is not root runs `work` as itself.
///
/// # Errors
/// When the rights cannot be changed, or `work` panicked.
pub fn as_user<T: Send>(owner: Owner, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    if !Uid::effective().is_root() {
        return Ok(work());
    }
    let run = || {
        become_user(owner)?;
        Ok(work())
    };
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err(io::Error::other("a task with another user's rights panicked")))
}

/// Changes this thread for good.
fn become_user(owner: Owner) -> io::Result<()> {
    let none: *const libc::gid_t = std::ptr::null();
    #[expect(unsafe_code, reason = "libc's own form changes all threads")]
    // SAFETY: an empty list.
    let failed = unsafe { libc::syscall(libc::SYS_setgroups, 0usize, none) } < 0;
    if failed {
        return Err(io::Error::last_os_error());
    }
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    // Both return the value before, whether they changed it or not; the second call shows it.
    setfsgid(gid);
    setfsuid(uid);
    if setfsgid(gid) != gid || setfsuid(uid) != uid {
        return Err(io::Error::other(format!("cannot take the rights of user {}", owner.uid)));
    }
    Ok(())
}
