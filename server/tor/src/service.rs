//! The state of the service behind one lock, and the notification of its changes.

use crate::control::Control;
use crate::countries::{Countries, ports};
use crate::machine::{Input, Machine, Verdict};
use crate::offer::Offer;
use crate::paths::Paths;
use crate::process::Run;
use crate::ring::Ring;
use crate::stuck::{Answer, Progress};
use crate::torrc::Layout;
use crate::{Config, wanted};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::{Notify, Semaphore, broadcast, watch};
use tornado_contracts::tor::{
    Bootstrap, LaneReason, LaneState, LaneStatus, ProbeReport, TorError, TorEvent, TorOrder, TorProcess, TorStatus,
    TorTraffic, TorWanted,
};
use tornado_contracts::wg::{Isolation, SetTorLane, TorLane, TorPorts};
use tornado_shared::model::CountryCode;

/// Events that are kept for a slow reader.
const EVENTS: usize = 1024;
/// Maximum number of concurrent readers of the event stream.
const READERS: usize = 16;

pub(crate) struct Service {
    pub(crate) config: Arc<Config>,
    pub(crate) layout: Layout,
    pub(crate) log: Arc<Ring>,
    pub(crate) restarts: Arc<AtomicU32>,
    /// Number of addresses on which the maintenance page listens.
    pub(crate) pages: Arc<AtomicUsize>,
    pub(crate) events: broadcast::Sender<TorEvent>,
    pub(crate) readers: Arc<Semaphore>,
    pub(crate) unix_now: fn() -> i64,
    /// Starts the next probe early.
    pub(crate) probe_soon: Notify,
    /// Serialises probes. The number selects the circuit.
    pub(crate) probing: tokio::sync::Mutex<u64>,
    /// Serialises orders.
    orders: tokio::sync::Mutex<()>,
    run: watch::Sender<Run>,
    /// Shared with the Tor processes of exit countries, so that the task that sets the lane sees all changes.
    changes: watch::Sender<()>,
    /// The exit country of this Tor process; `None` for the lane's own.
    country: Option<CountryCode>,
    pub(crate) countries: Countries,
    pub(crate) offer: Offer,
    paths: Mutex<Paths>,
    state: Mutex<State>,
}

/// The mutable state.
pub(crate) struct State {
    machine: Machine,
    progress: Progress,
    wanted: Option<TorWanted>,
    pub(crate) process: TorProcess,
    pub(crate) version: Option<String>,
    pub(crate) control: Option<Control>,
    pub(crate) bootstrap: Bootstrap,
    pub(crate) established: bool,
    pub(crate) live: Option<bool>,
    pub(crate) probe: Option<ProbeReport>,
    lane: LaneStatus,
    pub(crate) traffic: TorTraffic,
    /// Open streams, with the isolation number of the device if it is known.
    pub(crate) streams: HashMap<String, Option<Isolation>>,
    pub(crate) last_error: Option<String>,
}

impl State {
    pub(crate) const fn lane(&self) -> LaneStatus {
        self.lane
    }

    pub(crate) fn feed(&mut self, input: Input) {
        let now = Instant::now();
        self.machine.handle(input, now);
        self.progress.handle(input, now);
    }

    /// Applies the outcome of a probe.
    pub(crate) fn probed(&mut self, ok: bool, started: Instant, answer: Answer) {
        self.feed(Input::Probe { ok, started });
        self.progress.probed(answer, Instant::now());
    }
}

impl Service {
    pub(crate) fn new(config: Arc<Config>, layout: Layout, unix_now: fn() -> i64) -> Self {
        let wanted = wanted::load(&layout.wanted());
        Self::with(config, layout, unix_now, wanted, watch::Sender::new(()), None)
    }

    /// The service of one exit country, with the desired state of its parent.
    pub(crate) fn of_country(parent: &Self, country: CountryCode, config: Arc<Config>, layout: Layout) -> Self {
        Self::with(config, layout, parent.unix_now, parent.wanted(), parent.changes.clone(), Some(country))
    }

    fn with(
        config: Arc<Config>,
        layout: Layout,
        unix_now: fn() -> i64,
        wanted: Option<TorWanted>,
        changes: watch::Sender<()>,
        country: Option<CountryCode>,
    ) -> Self {
        let machine = Machine::new(wanted, config.probe.proves());
        let Verdict { state, reason } = machine.verdict(Instant::now());
        let state = State {
            machine,
            progress: Progress::new(!config.bridges.is_empty()),
            wanted,
            process: TorProcess::Stopped,
            version: None,
            control: None,
            bootstrap: Bootstrap::default(),
            established: false,
            live: None,
            probe: None,
            lane: LaneStatus { state, reason, since: unix_now(), applied: None },
            traffic: TorTraffic::default(),
            streams: HashMap::new(),
            last_error: None,
        };
        let run = Run { wanted: wanted.is_some_and(|w| w.process), kick: 0, renew: 0 };
        let countries = Countries::new(&config);
        Self {
            config,
            layout,
            log: Arc::default(),
            restarts: Arc::default(),
            pages: Arc::default(),
            events: broadcast::Sender::new(EVENTS),
            readers: Arc::new(Semaphore::new(READERS)),
            unix_now,
            probe_soon: Notify::new(),
            probing: tokio::sync::Mutex::new(0),
            orders: tokio::sync::Mutex::new(()),
            run: watch::Sender::new(run),
            changes,
            country,
            offer: Offer::default(),
            countries,
            paths: Mutex::default(),
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The desired state of the process.
    pub(crate) fn run(&self) -> watch::Receiver<Run> {
        self.run.subscribe()
    }

    /// Notifies whenever the process, the lane or the desired state changes.
    pub(crate) fn changed(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state, decides the lane again, and notifies subscribers.
    pub(crate) fn update(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        let before = (state.wanted, state.process.clone(), state.lane, state.control.is_some());
        change(&mut state);
        let verdict = state.machine.verdict(Instant::now());
        if (verdict.state, verdict.reason) != (state.lane.state, state.lane.reason) {
            let since = if verdict.state == state.lane.state { state.lane.since } else { (self.unix_now)() };
            state.lane = LaneStatus { state: verdict.state, reason: verdict.reason, since, ..state.lane };
            if verdict.state != before.2.state {
                match self.country {
                    None => tracing::info!(lane = ?verdict.state, reason = ?verdict.reason, "the tor lane changed"),
                    Some(country) => {
                        tracing::info!(%country, lane = ?verdict.state, reason = ?verdict.reason, "an exit country changed");
                    }
                }
            }
        }
        if before != (state.wanted, state.process.clone(), state.lane, state.control.is_some()) {
            let status = self.status_of(&state);
            drop(state);
            self.emit(TorEvent::Status(Box::new(status)));
            self.changes.send_replace(());
        } else {
            drop(state);
        }
        if self.read(|s| s.machine.is_unproved(Instant::now())) {
            self.probe_soon.notify_one();
        }
    }

    /// Decides again at the current time: a probe may have expired.
    pub(crate) fn look(&self) {
        self.update(|_| ());
        for (_, country) in self.countries.all() {
            country.update(|_| ());
        }
    }

    /// Sends an event. Without a subscriber it is dropped.
    pub(crate) fn emit(&self, event: TorEvent) {
        drop(self.events.send(event));
    }

    /// The state that `wg` should set.
    pub(crate) fn lane_wish(&self) -> SetTorLane {
        let lane = self.lane_state();
        // `maintenance` and `closed` apply to all devices.
        let exits = if matches!(lane, TorLane::Open { .. }) { self.countries.open() } else { BTreeMap::new() };
        SetTorLane { lane, exits }
    }

    fn lane_state(&self) -> TorLane {
        let has_page = self.pages.load(Ordering::SeqCst) > 0;
        let TorPorts { trans_port, dns_port, socks_port } = ports(&self.config);
        match self.read(|s| s.lane.state) {
            LaneState::Open => TorLane::Open { trans_port, dns_port, socks_port },
            LaneState::Maintenance if has_page => TorLane::Maintenance { page_port: self.config.page_port },
            LaneState::Maintenance | LaneState::Closed => TorLane::Closed,
        }
    }

    /// Records the state that `wg` confirmed.
    pub(crate) fn applied(&self, lane: Option<TorLane>) {
        self.update(|state| state.lane.applied = lane);
    }

    /// Returns true if the lane depends on regular probes.
    pub(crate) fn wants_probe(&self) -> bool {
        self.read(|s| s.machine.wants_probe())
    }

    /// Returns true if the latest probe failed.
    pub(crate) fn is_failing(&self) -> bool {
        self.read(|s| s.lane.reason == LaneReason::ProbeFailed)
    }

    /// Applies an order after it has been stored.
    ///
    /// # Errors
    ///
    /// Fails with `NotSaved` if it cannot be stored. An order that closes something is applied even so.
    pub(crate) async fn order(&self, order: TorOrder) -> Result<TorStatus, TorError> {
        let _turn = self.orders.lock().await;
        let wish = wanted::after(self.read(|s| s.wanted), order);
        let path = self.layout.wanted();
        let opens = match order {
            TorOrder::Start | TorOrder::Up => true,
            TorOrder::Stop | TorOrder::Down => false,
        };
        let save = move || match wanted::save(&path, wish) {
            // If the disk is full, a lost "down" would open the lane at the next start.
            Err(_) if !opens => wanted::save_without_room(&path, wish),
            saved => saved,
        };
        let saved = tokio::task::spawn_blocking(save).await;
        let saved = saved.map_err(|e| e.to_string()).and_then(|result| result.map_err(|e| e.to_string()));
        // An order that closes something is always applied: a full disk must not keep the lane open.
        if saved.is_ok() || !opens {
            self.take_over(order, wish);
        }
        saved.map_err(TorError::NotSaved)?;
        Ok(self.status())
    }

    fn take_over(&self, order: TorOrder, wish: TorWanted) {
        tracing::info!(bounded = true, ?order, process = wish.process, lane = wish.lane, "applied an operator's order");
        self.update(|state| {
            state.wanted = Some(wish);
            state.feed(Input::Wanted(Some(wish)));
        });
        self.run.send_if_modified(|run| {
            let former = *run;
            run.wanted = wish.process;
            if order == TorOrder::Start {
                run.kick = run.kick.wrapping_add(1);
            }
            *run != former
        });
    }

    /// Replaces a Tor process that makes no progress.
    pub(crate) fn renew_if_stuck(&self) {
        if !self.read(|state| state.progress.is_stuck(Instant::now())) {
            return;
        }
        let (percent, error) = self.read(|s| (s.bootstrap.percent, s.last_error.clone()));
        tracing::warn!(percent, error, "Tor makes no progress and is restarted");
        self.update(|state| {
            state.progress.renewed();
            state.last_error = Some(format!("Tor made no progress at {percent} %; it was restarted"));
        });
        self.renew_process();
    }

    /// Ends the running Tor process; the supervisor starts another.
    pub(crate) fn renew_process(&self) {
        self.run.send_modify(|run| run.renew = run.renew.wrapping_add(1));
    }

    /// The operator's desired state.
    pub(crate) fn wanted(&self) -> Option<TorWanted> {
        self.read(|state| state.wanted)
    }

    /// Applies the desired state of the parent.
    pub(crate) fn follow(&self, wanted: Option<TorWanted>) {
        if self.wanted() == wanted {
            return;
        }
        self.update(|state| {
            state.wanted = wanted;
            state.feed(Input::Wanted(wanted));
        });
        self.run.send_modify(|run| run.wanted = wanted.is_some_and(|w| w.process));
    }

    /// Notifies the task that sets the lane.
    pub(crate) fn touch(&self) {
        self.changes.send_replace(());
    }

    /// The circuits of devices. Do not hold the guard across an await.
    pub(crate) fn paths(&self) -> MutexGuard<'_, Paths> {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a report of the process supervisor.
    pub(crate) fn process(&self, process: TorProcess) {
        self.update(|state| {
            let runs = matches!(process, TorProcess::Running { .. });
            if let TorProcess::BackingOff { reason, .. } | TorProcess::Waiting { reason } = &process {
                state.last_error = Some(reason.clone());
            }
            if !runs {
                state.detached();
                *self.paths() = Paths::default();
                state.bootstrap = Bootstrap::default();
                state.traffic = TorTraffic::default();
                state.version = None;
            }
            state.process = process;
            state.feed(Input::Process(runs));
        });
    }

    pub(crate) fn status(&self) -> TorStatus {
        self.status_of(&self.lock())
    }

    fn status_of(&self, state: &State) -> TorStatus {
        let uptime = match &state.process {
            TorProcess::Running { since, .. } => u64::try_from((self.unix_now)() - since).ok(),
            TorProcess::Stopped
            | TorProcess::Waiting { .. }
            | TorProcess::Stopping { .. }
            | TorProcess::BackingOff { .. } => None,
        };
        TorStatus {
            wanted: state.wanted,
            process: state.process.clone(),
            version: state.version.clone(),
            uptime,
            restarts: self.restarts.load(Ordering::Relaxed),
            controlled: state.control.is_some(),
            bootstrap: state.bootstrap.clone(),
            circuit_established: state.established,
            network_live: state.live,
            probe: state.probe.clone(),
            lane: state.lane,
            traffic: state.traffic,
            streams: u32::try_from(state.streams.len()).unwrap_or(u32::MAX),
            last_error: state.last_error.clone(),
        }
    }
}

impl State {
    /// Resets everything that depends on the control connection, which is closed.
    pub(crate) fn detached(&mut self) {
        self.control = None;
        self.established = false;
        self.live = None;
        self.streams.clear();
        self.feed(Input::Controlled(false));
    }
}
