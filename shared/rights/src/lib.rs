//! Drops root privileges between fork and exec, for programs that run a part of themselves as another user.
//!
//! All functions only make system calls with numbers, so they may run in a forked child (signal-safety(7)).

#![cfg(target_os = "linux")]

use std::io;

/// `CAP_NET_ADMIN`, capabilities(7).
pub const NET_ADMIN: u32 = 12;
/// `CAP_NET_BIND_SERVICE`.
pub const NET_BIND_SERVICE: u32 = 10;

/// Changes the process to this user and group, without supplementary groups and without capabilities except `keep`,
/// which survives exec. Neither exec nor a set-uid program can gain more. Call it as root, in a process with one
/// thread.
///
/// # Errors
/// If the kernel rejects a step. The process must not continue then.
pub fn become_user(uid: u32, gid: u32, keep: Option<u32>) -> io::Result<()> {
    if keep.is_some() {
        prctl(libc::PR_SET_KEEPCAPS, 1, 0)?;
    }
    for capability in (0..64u32).filter(|c| Some(*c) != keep) {
        // EINVAL: this kernel has no capability with that number.
        drop(prctl(libc::PR_CAPBSET_DROP, capability, 0));
    }
    set_ids(uid, gid)?;
    set_capabilities(keep)?;
    prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as u32, 0)?;
    if let Some(capability) = keep {
        prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE as u32, capability)?;
    }
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0)
}

/// Makes the kernel kill the process when its parent ends. Call it after [`become_user`], which resets this setting.
///
/// # Errors
/// If the kernel rejects it.
pub fn die_with_parent() -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL.cast_unsigned(), 0)
}

#[expect(unsafe_code, reason = "libc has no safe form of prctl(2)")]
fn prctl(option: libc::c_int, second: u32, third: u32) -> io::Result<()> {
    let zero: libc::c_ulong = 0;
    // SAFETY: the options used here take numbers only, and unused arguments are zero as some options require.
    let result = unsafe { libc::prctl(option, libc::c_ulong::from(second), libc::c_ulong::from(third), zero, zero) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets supplementary groups, then the group, then the user, because changing the user first would forbid the other
/// steps. Raw system calls are used because libc's functions take locks to reach all threads.
#[expect(unsafe_code, reason = "see above")]
fn set_ids(uid: u32, gid: u32) -> io::Result<()> {
    let none: *const libc::gid_t = std::ptr::null();
    // SAFETY: an empty list and numbers.
    let failed = unsafe {
        libc::syscall(libc::SYS_setgroups, 0usize, none) < 0
            || libc::syscall(libc::SYS_setresgid, gid, gid, gid) < 0
            || libc::syscall(libc::SYS_setresuid, uid, uid, uid) < 0
    };
    if failed { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Sets permitted, effective and inheritable capabilities to exactly `keep`: capset(2), version 3.
#[expect(unsafe_code, reason = "libc has no safe form of capset(2)")]
fn set_capabilities(keep: Option<u32>) -> io::Result<()> {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: i32,
    }
    let bits = keep.map_or(0, |capability| 1u32 << capability);
    let header = Header { version: 0x2008_0522, pid: 0 };
    let data = [[bits; 3], [0; 3]];
    // SAFETY: header and data have the layout of version 3.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, data.as_ptr()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
