//! The state that the tasks of one Tor process share, and the notification of its changes.

use super::paths::Paths;
use super::state::State;
use crate::config::{Config, Settings};
use crate::control::Control;
use crate::process::log::TorLog;
use crate::process::{Account, DesiredProcess, Layout, Supervisor};
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;
use tokio::sync::{Notify, broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tornado_contracts::tor::{LaneState, TorDesired, TorEvent, TorProcess, TorStatus};
use tornado_contracts::wg::TorLane;
use tornado_runtime::clock::Clock;
use tornado_shared::model::{CountryCode, UnixSeconds};

/// Events that are kept for a slow reader.
const EVENTS: usize = 1024;

/// One Tor process: the lane's own, or that of an exit country.
pub(crate) struct Instance {
    settings: Arc<Settings>,
    layout: Layout,
    /// `None` for the lane's own process.
    country: Option<CountryCode>,
    clock: Clock,
    log: Arc<TorLog>,
    restarts: Arc<AtomicU32>,
    /// The desired state of the process, for the supervisor.
    process: watch::Sender<DesiredProcess>,
    /// Shared by all instances, so that the task that sets the lane receives all changes.
    changes: watch::Sender<()>,
    events: broadcast::Sender<TorEvent>,
    /// Starts the next probe early.
    probe_soon: Notify,
    /// Serialises probes. The number selects the circuit.
    probe_circuit: tokio::sync::Mutex<u64>,
    paths: Mutex<Paths>,
    state: Mutex<State>,
}

impl Instance {
    /// The lane's own Tor process.
    pub(crate) fn new(settings: Arc<Settings>, layout: Layout, desired: Option<TorDesired>, clock: Clock) -> Self {
        let state = State::new(desired, &settings.own, Instant::now(), clock.now());
        let runs = desired.is_some_and(|desired| desired.process);
        Self {
            settings,
            layout,
            country: None,
            clock,
            log: Arc::default(),
            restarts: Arc::default(),
            process: watch::Sender::new(DesiredProcess { runs, starts: 0, replacements: 0 }),
            changes: watch::Sender::new(()),
            events: broadcast::Sender::new(EVENTS),
            probe_soon: Notify::new(),
            probe_circuit: tokio::sync::Mutex::new(0),
            paths: Mutex::default(),
            state: Mutex::new(state),
        }
    }

    /// The Tor process of an exit country, with the desired state of the lane's own.
    pub(crate) fn of_country(lane: &Self, country: CountryCode, settings: Arc<Settings>, layout: Layout) -> Self {
        let instance = Self::new(settings, layout, lane.desired(), lane.clock.clone());
        Self { country: Some(country), changes: lane.changes.clone(), ..instance }
    }

    pub(crate) fn config(&self) -> &Config {
        &self.settings.own
    }

    /// The settings for the Tor process of an exit country. `slot` counts from 0 and selects its ports.
    pub(crate) fn settings_of(&self, country: CountryCode, slot: u8) -> Settings {
        let Settings { own, wiring } = &*self.settings;
        Settings { own: own.of_country(country, slot), wiring: wiring.clone() }
    }

    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Tor's own log.
    pub(crate) fn log(&self) -> &TorLog {
        &self.log
    }

    pub(super) fn unix_now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// The circuits of devices. Do not hold the guard across an await.
    pub(crate) fn paths(&self) -> MutexGuard<'_, Paths> {
        self.paths.lock()
    }

    /// Notifies whenever the process, the lane or the desired state of any instance changes.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Notifies the receivers of [`Self::changed`].
    pub(crate) fn notify(&self) {
        self.changes.send_replace(());
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<TorEvent> {
        self.events.subscribe()
    }

    /// Sends an event. Without a subscriber it is dropped.
    pub(super) fn emit(&self, event: TorEvent) {
        drop(self.events.send(event));
    }

    /// Resolves when a probe should start early.
    pub(super) async fn probe_soon(&self) {
        self.probe_soon.notified().await;
    }

    /// Waits for a running probe. The number selects the circuit of the next one.
    pub(super) async fn probe_circuit(&self) -> tokio::sync::MutexGuard<'_, u64> {
        self.probe_circuit.lock().await
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state.lock())
    }

    /// Changes the state, decides the lane again, and notifies subscribers.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut State, Instant) -> T) -> T {
        let mut state = self.state.lock();
        let now = Instant::now();
        let before = state.published();
        let result = change(&mut state, now);
        if let Some(lane) = state.decide(now, self.unix_now()) {
            match self.country {
                None => tracing::info!(lane = ?lane.state, reason = ?lane.reason, "the tor lane changed"),
                Some(country) => {
                    tracing::info!(%country, lane = ?lane.state, reason = ?lane.reason, "an exit country changed");
                }
            }
        }
        let is_unproved = state.is_unproved(now);
        let status = (state.published() != before).then(|| self.status_of(&state));
        drop(state);
        if let Some(status) = status {
            self.emit(TorEvent::Status(Box::new(status)));
            self.notify();
        }
        if is_unproved {
            self.probe_soon.notify_one();
        }
        result
    }

    /// Decides again at the current time: a probe may have expired.
    pub(crate) fn decide(&self) {
        self.update(|_, _| ());
    }

    pub(crate) fn desired(&self) -> Option<TorDesired> {
        self.read(State::desired)
    }

    /// Applies the operator's desired state. `restarts_now` ends a restart pause of the supervisor.
    pub(crate) fn set_desired(&self, desired: Option<TorDesired>, restarts_now: bool) {
        self.update(|state, now| state.set_desired(desired, now));
        self.process.send_if_modified(|process| {
            let former = *process;
            process.runs = desired.is_some_and(|desired| desired.process);
            process.starts = process.starts.wrapping_add(u64::from(restarts_now));
            *process != former
        });
    }

    /// Applies a report of the process supervisor.
    pub(super) fn set_process(&self, process: TorProcess) {
        if !matches!(process, TorProcess::Running { .. }) {
            *self.paths() = Paths::default();
        }
        self.update(|state, now| state.set_process(process, now));
    }

    /// Records the state of the lane in `wg`; `None` if it is unknown.
    pub(crate) fn set_applied(&self, lane: Option<TorLane>) {
        self.update(|state, _| state.set_applied(lane));
    }

    /// Ends the running Tor process; the supervisor starts another.
    pub(super) fn replace_process(&self) {
        self.process.send_modify(|process| process.replacements = process.replacements.wrapping_add(1));
    }

    /// Replaces a Tor process that makes no progress.
    pub(super) fn replace_if_stuck(&self) {
        if !self.read(|state| state.is_stuck(Instant::now())) {
            return;
        }
        let (percent, error) = self.update(|state, _| state.replace_stuck());
        // Every 20 seconds while there is no network.
        if self.log.admit("Tor makes no progress", 0) {
            tracing::warn!(percent, error, "Tor makes no progress and is restarted");
        }
        self.replace_process();
    }

    /// The control connection, if Tor responds; otherwise the reason.
    pub(crate) fn control(&self) -> Result<Control, String> {
        self.read(State::control).ok_or_else(|| "Tor does not run or does not respond".to_owned())
    }

    /// The lane's state, or for an exit country whether it can carry traffic.
    pub(crate) fn lane(&self) -> LaneState {
        self.read(State::lane)
    }

    pub(crate) fn status(&self) -> TorStatus {
        self.status_of(&self.state.lock())
    }

    fn status_of(&self, state: &State) -> TorStatus {
        state.status(self.restarts.load(Ordering::Relaxed), self.unix_now())
    }

    /// The supervisor of this Tor process.
    pub(super) fn supervisor(
        &self,
        account: Account,
        reports: mpsc::UnboundedSender<TorProcess>,
        shutdown: CancellationToken,
    ) -> Supervisor {
        Supervisor {
            settings: self.settings.clone(),
            layout: self.layout.clone(),
            account,
            desired: self.process.subscribe(),
            reports,
            log: self.log.clone(),
            restarts: self.restarts.clone(),
            shutdown,
            clock: self.clock.clone(),
        }
    }
}
