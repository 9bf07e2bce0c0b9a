//! Starts, watches, stops and restarts the Tor process, without a limit on retries.
//!
//! All of it runs on a dedicated thread, which waits for the child before it starts another one, so there are never
//! two. The thread lives as long as the service, so the child can be tied to it: when the service is killed, the kernel
//! kills the child (`PR_SET_PDEATHSIG`, which watches the thread that forked).

use super::account::Account;
use super::layout::Layout;
use super::log::TorLog;
use super::{child, leftovers};
use crate::config::Settings;
use crate::control::{ControlError, connect};
use nix::sys::signal::Signal;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::process::Child;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::TorProcess;
use tornado_runtime::backoff::Backoff;
use tornado_runtime::clock::Clock;

/// Interval at which a missing precondition is checked again.
const CHECK: Duration = Duration::from_millis(500);
/// Pauses between starts of Tor, shortened by up to a quarter, so that several servers do not retry at the same time.
/// There is no limit on the number of retries.
const PAUSES: Backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(60)).spread(0.25);
/// A Tor process that ran this long does not count as a failed start.
const GOOD_RUN: Duration = Duration::from_secs(60);
/// How long Tor may take to exit.
const PATIENCE: Duration = Duration::from_secs(3);
/// Deadline for a shutdown request over the control port.
const REQUEST: Duration = Duration::from_secs(1);
/// How long to read the remaining output of a Tor process that has ended.
const READING: Duration = Duration::from_millis(300);

/// The desired state of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DesiredProcess {
    pub(crate) runs: bool,
    /// Increases with each order `start`, which ends a restart pause.
    pub(crate) starts: u64,
    /// Increases when the running process should be replaced.
    pub(crate) replacements: u64,
}

/// Owns the child.
pub(crate) struct Supervisor {
    pub(crate) settings: Arc<Settings>,
    pub(crate) layout: Layout,
    pub(crate) account: Account,
    pub(crate) desired: watch::Receiver<DesiredProcess>,
    pub(crate) reports: mpsc::UnboundedSender<TorProcess>,
    pub(crate) log: Arc<TorLog>,
    pub(crate) restarts: Arc<AtomicU32>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) clock: Clock,
}

impl Supervisor {
    /// Runs until shutdown. The child has ended when this returns.
    pub(crate) async fn supervise(mut self) {
        let mut failures: u32 = 0;
        let mut starts: u32 = 0;
        while !self.shutdown.is_cancelled() {
            let desired = *self.desired.borrow_and_update();
            if !desired.runs {
                self.report(TorProcess::Stopped);
                self.pause(Duration::MAX).await;
                continue;
            }
            if let Some(reason) = self.missing() {
                self.report(TorProcess::Waiting { reason });
                self.pause(CHECK).await;
                continue;
            }
            let started = Instant::now();
            let reason = match child::start(&self.settings, &self.layout, self.account, &self.log).await {
                Ok((child, readers)) => {
                    self.restarts.store(starts, Ordering::Relaxed);
                    starts = starts.saturating_add(1);
                    match self.watch(child, readers).await {
                        Some(reason) => reason,
                        None => continue,
                    }
                }
                Err(error) => format!("cannot start Tor: {error}"),
            };
            if started.elapsed() >= GOOD_RUN {
                failures = 0;
            }
            let mut random = [0];
            getrandom::fill(&mut random).unwrap_or_default();
            let pause = PAUSES.pause(failures, f64::from(random[0]) / 255.0);
            failures = failures.saturating_add(1);
            tracing::warn!(reason, ?pause, "Tor is restarted after a pause");
            let retry_in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            self.report(TorProcess::BackingOff { reason, retry_in_ms });
            if self.pause(pause).await {
                failures = 0;
            }
        }
        self.report(TorProcess::Stopped);
    }

    fn report(&self, state: TorProcess) {
        // The receiver is closed only while the service shuts down.
        drop(self.reports.send(state));
    }

    /// Returns true if another desired state ended the pause.
    async fn pause(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = self.shutdown.cancelled() => false,
            changed = self.desired.changed() => changed.is_ok(),
            () = tokio::time::sleep(time) => false,
        }
    }

    /// Returns the precondition that Tor lacks.
    fn missing(&self) -> Option<String> {
        if self.account.is_root() {
            return Some("Tor does not run as root; run this service as its own Unix user".into());
        }
        if child::program(&self.settings.own.binary).is_none() {
            let name = self.settings.own.binary.display();
            return Some(format!("the program '{name}' is not installed; install the package 'tor'"));
        }
        let absent = |address: &IpAddr| TcpListener::bind((*address, 0)).is_err();
        let address = self.settings.wiring.listen.iter().find(|address| absent(address))?;
        Some(format!("this machine does not have the lane's address {address} yet"))
    }

    /// Waits until the child ends or must be stopped. Returns the reason if the end was unexpected.
    async fn watch(&mut self, mut child: Child, mut readers: JoinSet<()>) -> Option<String> {
        let pid = child.id()?;
        let replacements = self.desired.borrow().replacements;
        self.report(TorProcess::Running { pid, since: self.clock.now() });
        if self.log.admit("started Tor", 0) {
            tracing::info!(pid, "started Tor");
        }
        loop {
            tokio::select! {
                status = child.wait() => {
                    // Its last lines may still be in the pipe, which a transport program may keep open.
                    let all = async { while readers.join_next().await.is_some() {} };
                    drop(tokio::time::timeout(READING, all).await);
                    return Some(self.end_reason(status));
                }
                () = self.shutdown.cancelled() => break,
                changed = self.desired.changed() => {
                    let desired = *self.desired.borrow_and_update();
                    if changed.is_err() || !desired.runs || desired.replacements != replacements {
                        break;
                    }
                }
            }
        }
        self.report(TorProcess::Stopping { pid });
        self.stop(child).await;
        if self.log.admit("stopped Tor", 0) {
            tracing::info!(pid, "stopped Tor");
        }
        None
    }

    /// Stops Tor over the control port, so that it saves which guards it uses. SIGTERM is not reliable: with the
    /// sandbox, Tor 0.4.9 with glibc 2.36 ends up with a random signal mask, because the filter rejects the call that
    /// would have returned the former mask.
    async fn stop(&self, mut child: Child) {
        if let Err(error) = self.request_shutdown().await {
            tracing::debug!(%error, "cannot request a shutdown over the control port");
            if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
                // The child has not been reaped, so the pid cannot belong to another process.
                leftovers::signal(pid, Signal::SIGTERM);
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

    async fn request_shutdown(&self) -> Result<(), ControlError> {
        let request = async {
            let connection = connect(&self.layout.control(), &self.layout.cookie(), self.account.uid()).await?;
            connection.control.shut_down().await
        };
        tokio::time::timeout(REQUEST, request).await.map_err(|_| ControlError::Late)?
    }

    fn end_reason(&self, status: io::Result<ExitStatus>) -> String {
        let status = match status {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        match self.log.latest_warning() {
            Some(warning) => format!("Tor ended ({status}): {warning}"),
            None => format!("Tor ended ({status})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use proptest::prelude::*;
    use std::path::Path;
    use tornado_endurance::sixty_days;

    proptest! {
        #[test]
        fn pauses_grow_to_a_minute_and_retries_never_end(failures in any::<u32>(), random in 0.0f64..=1.0) {
            let this = PAUSES.pause(failures, random);
            prop_assert!(this >= Duration::from_millis(375) && this <= Duration::from_secs(60));
            prop_assert!(PAUSES.pause(failures.saturating_add(1), 0.0) >= PAUSES.pause(failures, 0.0));
        }
    }

    fn supervisor(dir: &Path, runs: bool) -> (Supervisor, watch::Sender<DesiredProcess>) {
        let (orders, desired) = watch::channel(DesiredProcess { runs, starts: 0, replacements: 0 });
        let own = Config { binary: dir.join("no-tor"), ..Config::default() };
        let supervisor = Supervisor {
            settings: Arc::new(Settings { own, ..Settings::default() }),
            layout: Layout::new(dir),
            account: Account::of(None).unwrap(),
            desired,
            reports: mpsc::unbounded_channel().0,
            log: Arc::default(),
            restarts: Arc::default(),
            shutdown: CancellationToken::new(),
            clock: Clock::new(|| 0),
        };
        (supervisor, orders)
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_tor_causes_no_wake_ups_for_sixty_days() {
        let dir = tempfile::tempdir().unwrap();
        let (supervisor, _orders) = supervisor(dir.path(), false);
        sixty_days(0, supervisor.supervise()).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_missing_program_is_checked_steadily_for_sixty_days() {
        let dir = tempfile::tempdir().unwrap();
        let (supervisor, _orders) = supervisor(dir.path(), true);
        sixty_days(7_200, supervisor.supervise()).await;
    }
}
