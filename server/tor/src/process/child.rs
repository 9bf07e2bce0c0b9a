//! Starts a Tor process: writes its files, and ties the child to the calling thread.

use super::account::Account;
use super::layout::Layout;
use super::log::{self, TorLog};
use super::{leftovers, torrc};
use crate::config::Config;
use crate::files;
use nix::sys::signal::Signal;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use tokio::process::{Child, Command};
use tokio::task::JoinSet;
use tornado_runtime::files::{Durability, remove, replace};

/// Maximum size of the operator's own torrc lines in bytes.
const MAX_EXTRA: u64 = 64 * 1024;
/// Directories in which a program without a path is searched.
const PROGRAMS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/// Kills what an earlier run of this service left behind, and starts Tor. The tasks end with its output.
pub(super) async fn start(
    config: &Config,
    layout: &Layout,
    account: Account,
    log: &Arc<TorLog>,
) -> io::Result<(Child, JoinSet<()>)> {
    let program = program(&config.binary).ok_or(io::ErrorKind::NotFound)?;
    let arguments = ["-f".into(), layout.torrc(), "--defaults-torrc".into(), layout.defaults()];
    leftovers::kill(&program, &arguments, account.uid()).await;
    write_files(config, layout, account)?;
    let mut command = Command::new(&program);
    command
        .args(&arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .current_dir(layout.dir())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    account.apply(&mut command);
    tie_to_this_thread(&mut command);
    let mut child = command.spawn()?;
    log.begin();
    let mut readers = JoinSet::new();
    if let Some(output) = child.stdout.take() {
        readers.spawn(log::record(output, log.clone()));
    }
    if let Some(output) = child.stderr.take() {
        readers.spawn(log::record(output, log.clone()));
    }
    Ok((child, readers))
}

/// The path of a program that is given by path or name.
pub(super) fn program(name: &Path) -> Option<PathBuf> {
    if name.is_absolute() {
        return name.is_file().then(|| name.to_owned());
    }
    PROGRAMS.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file())
}

fn write_files(config: &Config, layout: &Layout, account: Account) -> io::Result<()> {
    let extra = match &config.extra_torrc {
        Some(path) => {
            let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
            files::read_text(path, MAX_EXTRA).map_err(named)?
        }
        None => String::new(),
    };
    for directory in [layout.data(), layout.sockets()] {
        files::private_dir(&directory)?;
        account.give(&directory)?;
    }
    // A stale socket or cookie of a killed Tor must not be mistaken for the new one.
    for stale in [layout.control(), layout.probe(), layout.cookie()] {
        remove(&stale)?;
    }
    let text = torrc::render(config, layout, std::process::id(), &extra);
    for (path, text) in [(layout.torrc(), text.as_str()), (layout.defaults(), "")] {
        replace(&path, text.as_bytes(), Durability::Synced)?;
        account.give(&path)?;
    }
    Ok(())
}

#[expect(unsafe_code, reason = "std has no other way to run something between fork and exec")]
fn tie_to_this_thread(command: &mut Command) {
    let parent = nix::unistd::getpid();
    let tie = move || {
        // SIGTERM may be blocked in a sandboxed Tor (see `Supervisor::stop`).
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        if nix::unistd::getppid() != parent {
            // The service ended in between, so the kernel will not send the signal.
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        // Tor must not inherit the listening socket that the supervisor passed to this service.
        // SAFETY: marks descriptors as close-on-exec; it closes none that is in use.
        let marked = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
        if marked < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: the closure makes three system calls and allocates nothing.
    unsafe { command.pre_exec(tie) };
}
