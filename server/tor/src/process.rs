//! The Tor process of this service: started, watched, stopped and restarted, without limit.
//!
//! All of it runs on a dedicated thread, which waits for the child before it starts another one, so there are never two
//! (defect_056). The thread lives as long as the service, so the child can be tied to it: when the service is killed,
//! the kernel kills the child (`PR_SET_PDEATHSIG`, which watches the thread that forked). Only a process with exactly
//! our command line is ever signalled (defect_034).

use crate::account::Account;
use crate::control::{ControlError, connect};
use crate::damper::Damper;
use crate::ring::Ring;
use crate::torrc::{self, Layout};
use crate::{Config, backoff, files};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::TorProcess;

/// Interval at which a missing precondition is checked again.
const LOOK: Duration = Duration::from_millis(500);
/// How long Tor may take to exit.
const PATIENCE: Duration = Duration::from_secs(3);
/// Deadline for a shutdown request over the control port.
const ASKING: Duration = Duration::from_secs(1);
/// How long to read the remaining output of a Tor process that has ended.
const READING: Duration = Duration::from_millis(300);
const MAX_EXTRA: u64 = 64 * 1024;
/// Directories in which a program without a path is searched.
const PROGRAMS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/// The desired state of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) wanted: bool,
    /// Increases with each `start`, which ends a back-off pause.
    pub(crate) kick: u64,
    /// Increases when the running process should be replaced.
    pub(crate) renew: u64,
}

/// What the supervisor thread needs.
pub(crate) struct Supervisor {
    pub(crate) config: Arc<Config>,
    pub(crate) layout: Layout,
    pub(crate) account: Account,
    pub(crate) run: watch::Receiver<Run>,
    pub(crate) reports: mpsc::UnboundedSender<TorProcess>,
    pub(crate) log: Arc<Ring>,
    pub(crate) restarts: Arc<AtomicU32>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) unix_now: fn() -> i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    Time,
    Order,
    Shutdown,
}

impl Supervisor {
    /// Runs until shutdown. The child has ended when this returns.
    pub(crate) async fn supervise(mut self) {
        let mut failures: u32 = 0;
        let mut starts: u32 = 0;
        while !self.shutdown.is_cancelled() {
            let run = *self.run.borrow_and_update();
            if !run.wanted {
                self.report(TorProcess::Stopped);
                self.wait(Duration::MAX).await;
                continue;
            }
            if let Some(reason) = self.missing() {
                self.report(TorProcess::Waiting { reason });
                self.wait(LOOK).await;
                continue;
            }
            let started = Instant::now();
            let reason = match self.start().await {
                Ok((child, readers)) => {
                    self.restarts.store(starts, Ordering::Relaxed);
                    starts = starts.saturating_add(1);
                    match self.attend(child, readers).await {
                        Some(reason) => reason,
                        None => continue,
                    }
                }
                Err(error) => format!("cannot start Tor: {error}"),
            };
            failures = if started.elapsed() >= backoff::GOOD_RUN { 1 } else { failures.saturating_add(1) };
            let mut random = [0];
            getrandom::fill(&mut random).unwrap_or_default();
            let pause = backoff::pause(failures, random[0]);
            tracing::warn!(reason, ?pause, "Tor is restarted after a pause");
            let retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            self.report(TorProcess::BackingOff { reason, retry_in_ms });
            if self.wait(pause).await == Woken::Order {
                failures = 0;
            }
        }
        self.report(TorProcess::Stopped);
    }

    fn report(&self, state: TorProcess) {
        // The receiver is closed only while the service shuts down.
        drop(self.reports.send(state));
    }

    async fn wait(&mut self, time: Duration) -> Woken {
        tokio::select! {
            () = self.shutdown.cancelled() => Woken::Shutdown,
            changed = self.run.changed() => if changed.is_ok() { Woken::Order } else { Woken::Shutdown },
            () = tokio::time::sleep(time) => Woken::Time,
        }
    }

    fn missing(&self) -> Option<String> {
        if self.account.is_root() {
            return Some("Tor does not run as root; run this service as its own Unix user".into());
        }
        if program(&self.config.binary).is_none() {
            let name = self.config.binary.display();
            return Some(format!("the program '{name}' is not installed; install the package 'tor'"));
        }
        let absent = |address: &IpAddr| TcpListener::bind((*address, 0)).is_err();
        let address = self.config.addresses().into_iter().find(absent)?;
        Some(format!("this machine does not have the lane's address {address} yet"))
    }

    async fn start(&self) -> io::Result<(Child, JoinSet<()>)> {
        let program = program(&self.config.binary).ok_or(io::ErrorKind::NotFound)?;
        let arguments = self.arguments();
        self.end_leftovers(&program, &arguments).await;
        self.write_files()?;
        let mut command = Command::new(&program);
        command
            .args(&arguments)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .current_dir(self.layout.dir())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        self.account.apply(&mut command);
        tie_to_this_thread(&mut command);
        let mut child = command.spawn()?;
        self.log.begin();
        let mut readers = JoinSet::new();
        if let Some(output) = child.stdout.take() {
            readers.spawn(keep_lines(output, self.log.clone()));
        }
        if let Some(output) = child.stderr.take() {
            readers.spawn(keep_lines(output, self.log.clone()));
        }
        Ok((child, readers))
    }

    fn arguments(&self) -> [PathBuf; 4] {
        ["-f".into(), self.layout.torrc(), "--defaults-torrc".into(), self.layout.defaults()]
    }

    fn write_files(&self) -> io::Result<()> {
        let extra = match &self.config.extra_torrc {
            Some(path) => {
                let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
                files::read_text(path, MAX_EXTRA).map_err(named)?
            }
            None => String::new(),
        };
        for directory in [self.layout.data(), self.layout.sockets()] {
            files::private_dir(&directory)?;
            self.account.give(&directory)?;
        }
        // A stale socket or cookie of a killed Tor must not be mistaken for the new one.
        for stale in [self.layout.control(), self.layout.probe(), self.layout.cookie()] {
            match std::fs::remove_file(stale) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
                Ok(()) | Err(_) => {}
            }
        }
        let text = torrc::render(&self.config, &self.layout, std::process::id(), &extra);
        for (path, text) in [(self.layout.torrc(), text.as_str()), (self.layout.defaults(), "")] {
            files::replace(&path, text.as_bytes())?;
            self.account.give(&path)?;
        }
        Ok(())
    }

    /// Waits until the child ends or must be stopped. Returns the reason if the end was unexpected.
    async fn attend(&mut self, mut child: Child, mut readers: JoinSet<()>) -> Option<String> {
        let pid = child.id()?;
        let renew = self.run.borrow().renew;
        self.report(TorProcess::Running { pid, since: (self.unix_now)() });
        tracing::info!(pid, "started Tor");
        loop {
            tokio::select! {
                status = child.wait() => {
                    // Its last lines may still be in the pipe, which a transport program may keep open.
                    let all = async { while readers.join_next().await.is_some() {} };
                    drop(tokio::time::timeout(READING, all).await);
                    return Some(self.last_words(status));
                }
                () = self.shutdown.cancelled() => break,
                changed = self.run.changed() => {
                    let run = *self.run.borrow_and_update();
                    if changed.is_err() || !run.wanted || run.renew != renew {
                        break;
                    }
                }
            }
        }
        self.report(TorProcess::Stopping { pid });
        self.stop(child).await;
        tracing::info!(pid, "stopped Tor");
        None
    }

    /// Stops Tor over the control port, so that it saves which guards it uses. SIGTERM is not reliable: with the
    /// sandbox, Tor 0.4.9 with glibc 2.36 ends up with a random signal mask, because the filter rejects the call that
    /// would have returned the former mask.
    async fn stop(&self, mut child: Child) {
        if let Err(error) = self.ask_to_end().await {
            tracing::debug!(%error, "cannot request a shutdown over the control port");
            if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                // The child has not been reaped, so the pid cannot belong to another process.
                signal(pid, Signal::SIGTERM);
            }
        }
        if tokio::time::timeout(PATIENCE, child.wait()).await.is_ok() {
            return;
        }
        tracing::warn!("Tor did not exit in time and is killed");
        if let Err(error) = child.kill().await {
            tracing::error!(%error, "cannot kill Tor");
        }
    }

    async fn ask_to_end(&self) -> Result<(), ControlError> {
        let asking = async {
            let connection = connect(&self.layout.control(), &self.layout.cookie(), self.account.uid()).await?;
            connection.control.shut_down().await
        };
        tokio::time::timeout(ASKING, asking).await.map_err(|_| ControlError::Late)?
    }

    fn last_words(&self, status: io::Result<ExitStatus>) -> String {
        let status = match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        match self.log.complaint() {
            Some(complaint) => format!("Tor ended ({status}): {complaint}"),
            None => format!("Tor ended ({status})"),
        }
    }

    /// Kills a Tor process of this state directory that outlived an earlier run of this service.
    async fn end_leftovers(&self, program: &Path, arguments: &[PathBuf]) {
        let words = std::iter::once(program).chain(arguments.iter().map(PathBuf::as_path));
        let wanted: Vec<u8> = words.flat_map(|word| word.as_os_str().as_bytes().iter().copied().chain([0])).collect();
        let Ok(processes) = std::fs::read_dir("/proc") else { return };
        let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        for pid in pids.filter(|pid| is_ours(*pid, &wanted, self.account.uid())) {
            tracing::warn!(pid, "killing a Tor process that an earlier run of this service left behind");
            signal(pid, Signal::SIGKILL);
            let gone = async {
                while is_ours(pid, &wanted, self.account.uid()) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            drop(tokio::time::timeout(PATIENCE, gone).await);
        }
    }
}

fn signal(pid: i32, signal: Signal) {
    if let Err(error) = kill(Pid::from_raw(pid), signal) {
        tracing::debug!(%error, pid, "cannot signal a process; it has probably ended");
    }
}

fn is_ours(pid: i32, command_line: &[u8], uid: u32) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let owner = std::fs::metadata(format!("/proc/{pid}")).map(|m| m.uid());
    let words = std::fs::read(format!("/proc/{pid}/cmdline"));
    owner.is_ok_and(|owner| owner == uid || owner == 0) && words.is_ok_and(|words| words == command_line)
}

fn program(name: &Path) -> Option<PathBuf> {
    if name.is_absolute() {
        return name.is_file().then(|| name.to_owned());
    }
    PROGRAMS.iter().map(|dir| Path::new(dir).join(name)).find(|path| path.is_file())
}

#[expect(unsafe_code, reason = "std has no other way to run something between fork and exec")]
fn tie_to_this_thread(command: &mut Command) {
    let parent = nix::unistd::getpid();
    let tie = move || {
        // SIGTERM may be blocked in a sandboxed Tor (see `stop`).
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

async fn keep_lines(output: impl AsyncRead + Unpin, log: Arc<Ring>) {
    const LONGEST: u64 = 8 * 1024;
    let mut reader = BufReader::new(output);
    let mut bytes = Vec::new();
    let mut damper = Damper::default();
    loop {
        bytes.clear();
        match (&mut reader).take(LONGEST).read_until(b'\n', &mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim_end();
        // Devices can trigger some lines as often as they like.
        let Some(hidden) = damper.admit(line, Instant::now()) else { continue };
        if hidden > 0 {
            tracing::warn!(target: "tornado_tor::log", lines = hidden, "suppressed more lines like the next one");
        }
        if line.contains("[err]") {
            // A separate call site has its own rate limit, so warnings that devices trigger do not use it up.
            tracing::error!(target: "tornado_tor::log", "{line}");
        } else if line.contains("[warn]") {
            tracing::warn!(target: "tornado_tor::log", "{line}");
        } else {
            tracing::debug!(target: "tornado_tor::log", "{line}");
        }
        log.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_endurance::sixty_days;

    fn supervisor(dir: &Path, wanted: bool) -> (Supervisor, watch::Sender<Run>) {
        let (run, orders) = watch::channel(Run { wanted, kick: 0, renew: 0 });
        let config = Config { binary: dir.join("no-tor"), ..Config::default() };
        let supervisor = Supervisor {
            config: Arc::new(config),
            layout: Layout::new(dir),
            account: Account::of(None).unwrap(),
            run: orders,
            reports: mpsc::unbounded_channel().0,
            log: Arc::default(),
            restarts: Arc::default(),
            shutdown: CancellationToken::new(),
            unix_now: || 0,
        };
        (supervisor, run)
    }

    #[tokio::test(start_paused = true)]
    async fn a_tor_that_is_not_wanted_costs_nothing_for_sixty_days() {
        let dir = tempfile::tempdir().unwrap();
        let (supervisor, _orders) = supervisor(dir.path(), false);
        sixty_days(0, supervisor.supervise()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_tor_that_is_not_installed_is_looked_for_at_a_steady_pace_for_sixty_days() {
        let dir = tempfile::tempdir().unwrap();
        let (supervisor, _orders) = supervisor(dir.path(), true);
        sixty_days(7_200, supervisor.supervise()).await;
    }
}
