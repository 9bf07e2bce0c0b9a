//! Runs the helper without root privileges. The process started by root runs the helper as a child process of another
//! user with CAP_NET_ADMIN. It only opens `/dev/net/tun` for the child, because on a machine without udev that file
//! belongs to root.

use anyhow::{Context as _, ensure};
use nix::unistd::User;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitCode, ExitStatus};
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tornado_rights::{NET_ADMIN, become_user, die_with_parent};

/// Starts the helper as `user` with the arguments of this process, and waits until it ends. `directories` are the
/// directories in which the helper creates files. The helper works without `log_dir`.
pub fn run<'a>(user: &str, directories: impl Iterator<Item = &'a Path>, log_dir: &Path) -> anyhow::Result<ExitCode> {
    ensure!(nix::unistd::geteuid().is_root(), "--user requires root; run the helper with sudo");
    let user = User::from_name(user)?.with_context(|| format!("there is no Unix user '{user}'"))?;
    for directory in directories {
        provide(directory, &user)?;
    }
    if let Err(error) = provide(log_dir, &user) {
        tracing::warn!(error = format!("{error:#}"), "cannot prepare the directory of the log file");
    }
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the async runtime")?;
    runtime.block_on(guard(&user))
}

/// Creates the directory and gives it to `user`. A directory that another user owns is not changed.
fn provide(directory: &Path, user: &User) -> anyhow::Result<()> {
    let shown = directory.display();
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o755).create(directory);
    made.with_context(|| format!("cannot create {shown}"))?;
    let found = std::fs::metadata(directory).with_context(|| format!("cannot read {shown}"))?;
    if found.uid() == user.uid.as_raw() {
        return Ok(());
    }
    let is_empty = std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none());
    let name = &user.name;
    ensure!(
        found.uid() == 0 && is_empty,
        "cannot use {shown}: it belongs to user {}, not {name}; run `chown -R {name} {shown}` or use another directory",
        found.uid()
    );
    std::os::unix::fs::chown(directory, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
        .with_context(|| format!("cannot change the owner of {shown} to {name}"))
}

async fn guard(user: &User) -> anyhow::Result<ExitCode> {
    let (own, other) = std::os::unix::net::UnixStream::pair().context("cannot create a socket pair")?;
    let mut child = start(user, &other).with_context(|| format!("cannot start the helper as {}", user.name))?;
    drop(other);
    own.set_nonblocking(true)?;
    let mut connection = UnixStream::from_std(own)?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // SIGHUP would end a process that does not handle it. It has no meaning here.
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut open = true;
    loop {
        tokio::select! {
            status = child.wait() => return Ok(code(status.context("cannot wait for the helper")?)),
            _ = terminate.recv() => end(&child),
            _ = interrupt.recv() => end(&child),
            Some(()) = hang_up.recv() => {}
            request = connection.read_u8(), if open => {
                let passed = match request {
                    Ok(_) => tornado_tun_node::hand_over(&connection),
                    Err(error) => Err(error),
                };
                if let Err(error) = passed {
                    tracing::debug!(%error, "the connection to the helper ended; TUN devices are no longer opened");
                    open = false;
                }
            }
        }
    }
}

fn start(user: &User, connection: &std::os::unix::net::UnixStream) -> io::Result<Child> {
    let (uid, gid, descriptor) = (user.uid.as_raw(), user.gid.as_raw(), connection.as_raw_fd());
    let mut command = Command::new("/proc/self/exe");
    command.args(std::env::args_os().skip(1)).arg("--guardian").arg(descriptor.to_string()).kill_on_drop(true);
    #[expect(unsafe_code, reason = "privileges can only be dropped between fork and exec")]
    // SAFETY: the closure only makes system calls on numbers.
    unsafe {
        command.pre_exec(move || {
            keep_open(descriptor)?;
            become_user(uid, gid, (uid != 0).then_some(NET_ADMIN))?;
            die_with_parent()
        });
    }
    command.spawn()
}

#[expect(unsafe_code, reason = "the descriptor has no Rust owner in the child")]
fn keep_open(descriptor: RawFd) -> io::Result<()> {
    // SAFETY: takes numbers only.
    let result = unsafe { nix::libc::fcntl(descriptor, nix::libc::F_SETFD, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn end(child: &Child) {
    let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) else { return };
    // The pid stays valid until the child is waited for.
    if let Err(error) = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM) {
        tracing::warn!(%error, "cannot signal the helper to stop");
    }
}

/// The exit code in a shell's convention: 128 plus the signal number for a process that a signal ended.
fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}

/// In the child: takes over its end of the connection.
pub fn connection(descriptor: RawFd) -> anyhow::Result<UnixStream> {
    ensure!(descriptor > 2, "--guardian is only for internal use by --user");
    #[expect(unsafe_code, reason = "an inherited descriptor has no owner in this process yet")]
    // SAFETY: the parent left it open for this very process, and nothing else here uses its number.
    let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
    nix::fcntl::fcntl(&descriptor, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
    let stream = std::os::unix::net::UnixStream::from(descriptor);
    stream.peer_addr().context("--guardian is not a connected socket")?;
    stream.set_nonblocking(true)?;
    Ok(UnixStream::from_std(stream)?)
}
