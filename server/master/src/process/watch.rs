//! One running process: watches for its end and its readiness and reports both to the supervisor.

use super::proc;
use super::record::Identity;
use crate::event::Event;
use crate::policy::Probe;
use nix::sys::signal::Signal;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tornado_contracts::ServiceName;
use tornado_rpc::{Channel, Fault};
use tornado_runtime::HoldReady;
use tornado_runtime::clock::unix_now;

/// Pause between probes of a service that is not ready.
const IMPATIENT: Duration = Duration::from_millis(50);
/// The same after [`IMPATIENT_PROBES`] probes.
const PATIENT: Duration = Duration::from_millis(250);
/// Number of probes with the short pause.
const IMPATIENT_PROBES: u32 = 200;
/// Longest time for which a ready service holds its response.
const HOLD: Duration = Duration::from_secs(5);
/// Pause after a response that came early without a change of readiness.
const CALM: Duration = Duration::from_secs(1);
/// Longest wait for a response, in addition to the hold time.
const ANSWER: Duration = Duration::from_secs(3);

/// A process that this or an earlier supervisor started.
pub struct Process {
    identity: Identity,
    pidfd: OwnedFd,
    child: Option<Child>,
    tasks: Vec<AbortOnDropHandle<()>>,
}

/// Target of the reports about a process.
pub struct Watch {
    /// Service that the process runs.
    pub name: ServiceName,
    /// Socket of the service.
    pub socket: PathBuf,
    /// The supervisor's event queue.
    pub events: mpsc::Sender<Event>,
}

impl Process {
    /// Wraps a child of this process.
    pub fn own(child: Child) -> io::Result<Self> {
        let pid = child.id();
        // The pid of an unreaped child is not reused, so the descriptor refers to the child even if it has ended.
        let pidfd = proc::pidfd_open(pid)?;
        let start_ticks = proc::start_ticks(pid).unwrap_or_default();
        let identity = Identity { pid, start_ticks, started_at: unix_now(), program: proc::own_program() };
        Ok(Self { identity, pidfd, child: Some(child), tasks: Vec::new() })
    }

    /// Wraps the process of a record, if it is still running and its pid was not reused.
    pub fn adopt(identity: Identity) -> Option<Self> {
        let pidfd = proc::pidfd_open(identity.pid).ok()?;
        let same = proc::start_ticks(identity.pid) == Some(identity.start_ticks);
        same.then_some(Self { identity, pidfd, child: None, tasks: Vec::new() })
    }

    /// Starts the two tasks that report the end and the readiness of the process. Dropping this value aborts them.
    pub fn watch(&mut self, watch: Watch) {
        let pid = self.pid();
        match self.pidfd.try_clone() {
            Ok(pidfd) => {
                let ended = await_end(pidfd, watch.name, pid, watch.events.clone());
                self.tasks.push(AbortOnDropHandle::new(tokio::spawn(ended)));
            }
            Err(error) => tracing::error!(service = %watch.name, %error, "cannot watch for the end of the process"),
        }
        self.tasks.push(AbortOnDropHandle::new(tokio::spawn(probe(watch, pid))));
    }

    pub const fn pid(&self) -> u32 {
        self.identity.pid
    }

    /// Identity for the record.
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// True if an earlier supervisor started the process.
    pub const fn is_adopted(&self) -> bool {
        self.child.is_none()
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        if let Err(error) = proc::signal(&self.pidfd, Signal::SIGTERM) {
            tracing::debug!(pid = self.pid(), %error, "SIGTERM was not sent; the process has ended");
        }
    }

    /// Sends SIGKILL to the process and its group.
    pub fn kill(&self) {
        proc::kill_group(self.pid());
        drop(proc::signal(&self.pidfd, Signal::SIGKILL));
    }

    /// Reaps a process that ended, kills the rest of its group, and returns how it ended.
    pub fn bury(mut self) -> String {
        proc::kill_group(self.pid());
        match self.child.as_mut().map(Child::wait) {
            Some(Ok(status)) => describe(status),
            Some(Err(error)) => format!("ended ({error})"),
            None => "ended; exit status unknown, because an earlier supervisor started it".into(),
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "exited with code 0".into(),
        (Some(code), _) => format!("failed with exit code {code}"),
        (None, Some(signal)) => {
            let name = Signal::try_from(signal).map_or("unknown", Signal::as_str);
            format!("was killed by signal {signal} ({name})")
        }
        (None, None) => "ended".into(),
    }
}

async fn await_end(pidfd: OwnedFd, name: ServiceName, pid: u32, events: mpsc::Sender<Event>) {
    #[expect(unsafe_code, reason = "tokio requires a guarantee about the descriptor")]
    // SAFETY: the descriptor is owned, so it stays open and unchanged until the value is dropped.
    let registered = unsafe { AsyncFd::register(pidfd) };
    match registered {
        Ok(pidfd) => drop(pidfd.readable().await),
        Err(error) => {
            tracing::error!(service = %name, %error, "cannot register the process descriptor; polling for its end");
            while proc::start_ticks(pid).is_some() {
                tokio::time::sleep(PATIENT).await;
            }
        }
    }
    drop(events.send(Event::Ended(name, pid)).await);
}

/// Probes until the supervisor is gone. A ready service holds its response, so that a change is known immediately and
/// an idle service wakes up only every few seconds.
async fn probe(watch: Watch, pid: u32) {
    let channel = Channel::new(watch.socket);
    let (mut not_ready, mut hold) = (0u32, Duration::ZERO);
    loop {
        let (asked, held) = (Instant::now(), HoldReady { ready: true, hold_ms: milliseconds(hold) });
        let answer: Result<serde_json::Value, Fault> =
            channel.call(tornado_rpc::verb::GET, "/v1/ready", &held, ANSWER + hold).await;
        let probe = match answer {
            Ok(_) => Probe::Ready,
            // The supervisor holds the listening socket, so a connection is never refused. A call without a response
            // ran into its timeout.
            Err(error) if asked.elapsed() >= ANSWER + hold => Probe::Silent(error.to_string()),
            Err(error) => Probe::NotReady(error.to_string()),
        };
        let is_ready = probe == Probe::Ready;
        let was_early = asked.elapsed() < hold;
        let pause = match (is_ready, not_ready) {
            (true, _) if was_early => CALM,
            (true, _) => Duration::ZERO,
            (false, n) if n < IMPATIENT_PROBES => IMPATIENT,
            (false, _) => PATIENT,
        };
        hold = if is_ready { HOLD } else { Duration::ZERO };
        not_ready = if is_ready { 0 } else { not_ready.saturating_add(1) };
        if watch.events.send(Event::Probed(watch.name, pid, probe)).await.is_err() {
            return;
        }
        tokio::time::sleep(pause).await;
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probes for sixty days and returns the last result.
    async fn last(socket: PathBuf, per_hour: u64) -> Option<Probe> {
        let (events, mut reports) = mpsc::channel(16);
        let watch = Watch { name: ServiceName::Auth, socket, events };
        let mut last = None;
        let supervisor = async {
            while let Some(event) = reports.recv().await {
                if let Event::Probed(_, _, probe) = event {
                    last = Some(probe);
                }
            }
        };
        let both = async { tokio::join!(probe(watch, 1), supervisor) };
        tornado_endurance::sixty_days(per_hour, both).await;
        last
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_not_ready_is_asked_at_a_steady_pace_for_sixty_days() {
        // Each attempt polls the channel's connection a few times and sends an event to the supervisor.
        let absent = last("/nonexistent/auth.sock".into(), 6 * 4 * 3_600).await;
        assert!(matches!(absent, Some(Probe::NotReady(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_hangs_is_asked_at_a_steady_pace_for_sixty_days() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("auth.sock");
        let _unread = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        // The kernel refuses connections beyond the listener's backlog.
        let hanging = last(socket, 6 * 4 * 3_600).await;
        assert!(matches!(hanging, Some(Probe::Silent(_) | Probe::NotReady(_))));
    }
}
