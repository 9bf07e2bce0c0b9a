//! One running process: its end and its readiness, told to the supervisor.

use crate::policy::Probe;
use crate::proc;
use crate::record::Identity;
use crate::supervisor::Event;
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
use tornado_mesh::master::ServiceName;
use tornado_mesh::{Channel, HoldReady, MeshFault};

/// Between probes of a service that is not ready, at first and later.
const IMPATIENT: Duration = Duration::from_millis(50);
const PATIENT: Duration = Duration::from_millis(250);
/// So many probes are impatient.
const IMPATIENT_PROBES: u32 = 200;
/// For so long a service holds its answer while nothing changes.
const HOLD: Duration = Duration::from_secs(5);
/// After an answer that came before its time and without a change.
const CALM: Duration = Duration::from_secs(1);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(3);

/// A process of ours or of an earlier supervisor.
pub struct Process {
    identity: Identity,
    pidfd: OwnedFd,
    child: Option<Child>,
    tasks: Vec<AbortOnDropHandle<()>>,
}

/// Where the tasks of a process report.
pub struct Watch {
    /// Whose process it is.
    pub name: ServiceName,
    /// Where it answers.
    pub socket: PathBuf,
    /// The supervisor.
    pub events: mpsc::Sender<Event>,
}

impl Process {
    /// A child of this process.
    pub fn own(child: Child) -> io::Result<Self> {
        let pid = child.id();
        // A child that is not reaped yet keeps its number, so this is the right one even if it has ended.
        let pidfd = proc::pidfd_open(pid)?;
        let start_ticks = proc::start_ticks(pid).unwrap_or_default();
        let identity = Identity { pid, start_ticks, started_at: proc::unix_now(), program: proc::own_program() };
        Ok(Self { identity, pidfd, child: Some(child), tasks: Vec::new() })
    }

    /// The process of a record, if it still runs and its number was not given to another.
    pub fn adopt(identity: Identity) -> Option<Self> {
        let pidfd = proc::pidfd_open(identity.pid).ok()?;
        let same = proc::start_ticks(identity.pid) == Some(identity.start_ticks);
        same.then_some(Self { identity, pidfd, child: None, tasks: Vec::new() })
    }

    /// Starts the two tasks that report its end and its readiness. They end with this value.
    pub fn watch(&mut self, watch: Watch) {
        let pid = self.pid();
        match self.pidfd.try_clone() {
            Ok(pidfd) => {
                let ended = await_end(pidfd, watch.name, pid, watch.events.clone());
                self.tasks.push(AbortOnDropHandle::new(tokio::spawn(ended)));
            }
            Err(error) => tracing::error!(service = %watch.name, %error, "its end cannot be watched"),
        }
        self.tasks.push(AbortOnDropHandle::new(tokio::spawn(probe(watch, pid))));
    }

    /// Its number.
    pub const fn pid(&self) -> u32 {
        self.identity.pid
    }

    /// What a record keeps of it.
    pub const fn identity(&self) -> Identity {
        self.identity
    }

    /// True when an earlier supervisor started it.
    pub const fn is_adopted(&self) -> bool {
        self.child.is_none()
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        if let Err(error) = proc::signal(&self.pidfd, Signal::SIGTERM) {
            tracing::debug!(pid = self.pid(), %error, "SIGTERM was not needed");
        }
    }

    /// Ends it and everything it started.
    pub fn kill(&self) {
        proc::kill_group(self.pid());
        drop(proc::signal(&self.pidfd, Signal::SIGKILL));
    }

    /// Takes leave of a process that ended: ends what it left behind, and says how it ended.
    pub fn bury(mut self) -> String {
        proc::kill_group(self.pid());
        match self.child.as_mut().map(Child::wait) {
            Some(Ok(status)) => describe(status),
            Some(Err(error)) => format!("ended ({error})"),
            None => "ended (it was taken over from an earlier supervisor)".into(),
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "ended by itself".into(),
        (Some(code), _) => format!("failed with exit code {code}"),
        (None, Some(signal)) => {
            let name = Signal::try_from(signal).map_or("unknown", Signal::as_str);
            format!("was killed by signal {signal} ({name})")
        }
        (None, None) => "ended".into(),
    }
}

async fn await_end(pidfd: OwnedFd, name: ServiceName, pid: u32, events: mpsc::Sender<Event>) {
    #[expect(unsafe_code, reason = "tokio asks for a promise about the descriptor")]
    // SAFETY: an owned descriptor stays open and the same until the value is dropped.
    let registered = unsafe { AsyncFd::register(pidfd) };
    match registered {
        Ok(pidfd) => drop(pidfd.readable().await),
        Err(error) => {
            tracing::error!(service = %name, %error, "its end is watched by asking");
            while proc::start_ticks(pid).is_some() {
                tokio::time::sleep(PATIENT).await;
            }
        }
    }
    drop(events.send(Event::Ended(name, pid)).await);
}

/// Repeats the request until the receiver is dropped. A service that is ready holds its answer: a change is known at
/// once, and a service at rest is woken every few seconds only.
async fn probe(watch: Watch, pid: u32) {
    let channel = Channel::new(watch.socket);
    let (mut not_ready, mut hold) = (0u32, Duration::ZERO);
    loop {
        let (asked, held) = (Instant::now(), HoldReady { ready: true, hold_ms: milliseconds(hold) });
        let answer: Result<serde_json::Value, MeshFault> =
            channel.call(http::Method::GET, "/v1/ready", &held, ANSWER + hold).await;
        let probe = match answer {
            Ok(_) => Probe::Ready,
            // The supervisor holds the socket, so a connection is never refused: no answer means that time ran out.
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

    /// Probes for sixty days; the last thing that was reported.
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
        // Each attempt polls the connection of the channel a few times, and the supervisor hears of it.
        let absent = last("/nonexistent/auth.sock".into(), 6 * 4 * 3_600).await;
        assert!(matches!(absent, Some(Probe::NotReady(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_hangs_is_asked_at_a_steady_pace_for_sixty_days() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("auth.sock");
        let _unread = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        // More connections than the listener queues are refused at once.
        let hanging = last(socket, 6 * 4 * 3_600).await;
        assert!(matches!(hanging, Some(Probe::Silent(_) | Probe::NotReady(_))));
    }
}
