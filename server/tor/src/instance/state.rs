//! What is known about one Tor process, and the lane state that follows from it. Pure: time is an argument.

use crate::config::Config;
use crate::control::Control;
use crate::lane::{Input, Machine, Verdict};
use crate::process::stuck::{Progress, Response};
use std::collections::HashMap;
use std::time::Instant;
use tornado_contracts::tor::{
    Bootstrap, LaneReason, LaneState, LaneStatus, ProbeReport, TorDesired, TorProcess, TorStatus, TorTraffic,
};
use tornado_contracts::wg::{Isolation, TorLane};
use tornado_shared::model::UnixSeconds;

/// Maximum number of streams that are counted.
const MAX_STREAMS: usize = 100_000;

pub(super) struct State {
    machine: Machine,
    progress: Progress,
    desired: Option<TorDesired>,
    process: TorProcess,
    version: Option<String>,
    control: Option<Control>,
    bootstrap: Bootstrap,
    established: bool,
    live: Option<bool>,
    probe: Option<ProbeReport>,
    lane: LaneStatus,
    traffic: TorTraffic,
    /// Open streams, with the isolation number of the device if it is known.
    streams: HashMap<String, Option<Isolation>>,
    last_error: Option<String>,
}

/// The part of the state whose changes are published.
pub(super) type Published = (Option<TorDesired>, TorProcess, LaneStatus, bool);

impl State {
    pub(super) fn new(desired: Option<TorDesired>, config: &Config, now: Instant, since: UnixSeconds) -> Self {
        let machine = Machine::new(desired, config.probe.proves());
        let Verdict { state, reason } = machine.verdict(now);
        Self {
            machine,
            progress: Progress::new(!config.bridges.is_empty()),
            desired,
            process: TorProcess::Stopped,
            version: None,
            control: None,
            bootstrap: Bootstrap::default(),
            established: false,
            live: None,
            probe: None,
            lane: LaneStatus { state, reason, since, applied: None },
            traffic: TorTraffic::default(),
            streams: HashMap::new(),
            last_error: None,
        }
    }

    fn handle(&mut self, input: Input, now: Instant) {
        self.machine.handle(input, now);
        self.progress.handle(input, now);
    }

    /// Decides the lane's state. Returns it if it differs from the former one; a new reason alone is only recorded.
    pub(super) fn decide(&mut self, now: Instant, unix_now: UnixSeconds) -> Option<LaneStatus> {
        let Verdict { state, reason } = self.machine.verdict(now);
        let is_new = state != self.lane.state;
        let since = if is_new { unix_now } else { self.lane.since };
        self.lane = LaneStatus { state, reason, since, ..self.lane };
        is_new.then_some(self.lane)
    }

    pub(super) fn published(&self) -> Published {
        (self.desired, self.process.clone(), self.lane, self.control.is_some())
    }

    pub(super) fn set_desired(&mut self, desired: Option<TorDesired>, now: Instant) {
        self.desired = desired;
        self.handle(Input::Desired(desired), now);
    }

    /// Applies a report of the process supervisor.
    pub(super) fn set_process(&mut self, process: TorProcess, now: Instant) {
        let runs = matches!(process, TorProcess::Running { .. });
        if let TorProcess::BackingOff { reason, .. } | TorProcess::Waiting { reason } = &process {
            self.last_error = Some(reason.clone());
        }
        if !runs {
            self.detach(now);
            self.bootstrap = Bootstrap::default();
            self.traffic = TorTraffic::default();
            self.version = None;
        }
        self.process = process;
        self.handle(Input::Process(runs), now);
    }

    /// Records an authenticated control connection and the streams that were open before it.
    pub(super) fn attach(&mut self, control: Control, streams: Vec<String>, now: Instant) {
        // Only the first event of a stream carries its source, so the owners of these streams are unknown.
        self.streams = streams.into_iter().take(MAX_STREAMS).map(|id| (id, None)).collect();
        self.control = Some(control);
        self.handle(Input::Controlled(true), now);
    }

    /// Resets everything that depends on the control connection, which is closed.
    pub(super) fn detach(&mut self, now: Instant) {
        self.control = None;
        self.established = false;
        self.live = None;
        self.streams.clear();
        self.handle(Input::Controlled(false), now);
    }

    /// Returns true if the step differs from the former one.
    pub(super) fn set_bootstrap(&mut self, bootstrap: &Bootstrap, now: Instant) -> bool {
        let is_new = self.bootstrap != *bootstrap;
        self.handle(Input::Bootstrap(bootstrap.percent), now);
        self.bootstrap = bootstrap.clone();
        is_new
    }

    pub(super) fn set_established(&mut self, established: bool, now: Instant) {
        self.established = established;
        self.handle(Input::Established(established), now);
    }

    pub(super) fn set_live(&mut self, up: bool, now: Instant) {
        self.live = Some(up);
        self.handle(Input::Liveness(up), now);
    }

    pub(super) fn set_counters(&mut self, version: Option<String>, traffic: TorTraffic) {
        self.version = version;
        self.traffic = traffic;
    }

    /// Applies a probe that was started at `started` and ended at `now`.
    pub(super) fn set_probe(&mut self, report: &ProbeReport, response: Response, started: Instant, now: Instant) {
        if let Some(error) = &report.error {
            self.last_error = Some(format!("the probe failed: {error}"));
        }
        self.probe = Some(report.clone());
        self.handle(Input::Probe { ok: report.ok, started }, now);
        self.progress.probed(response, now);
    }

    /// Replaces the latest report by one that names the exit.
    pub(super) fn complete_probe(&mut self, report: &ProbeReport) {
        self.probe = Some(report.clone());
    }

    /// Counts a new stream. Returns the number of open streams if it changed.
    pub(super) fn open_stream(&mut self, id: String, owner: Option<Isolation>) -> Option<usize> {
        let is_new = self.streams.len() < MAX_STREAMS && self.streams.insert(id, owner).is_none();
        is_new.then_some(self.streams.len())
    }

    /// As [`Self::open_stream`], for a stream that ended.
    pub(super) fn close_stream(&mut self, id: &str) -> Option<usize> {
        self.streams.remove(id).map(|_| self.streams.len())
    }

    /// The isolation number of the device that opened a stream.
    pub(super) fn stream_owner(&self, id: &str) -> Option<Isolation> {
        self.streams.get(id).copied().flatten()
    }

    /// Records the state of the lane in `wg`; `None` if it is unknown.
    pub(super) fn set_applied(&mut self, lane: Option<TorLane>) {
        self.lane.applied = lane;
    }

    pub(super) fn set_error(&mut self, error: String) {
        self.last_error = Some(error);
    }

    /// Records that a process without progress is replaced. Returns its bootstrap progress in percent and the former
    /// error.
    pub(super) fn replace_stuck(&mut self) -> (u8, Option<String>) {
        self.progress.replaced();
        let percent = self.bootstrap.percent;
        let error = format!("Tor made no progress at {percent} %; it was restarted");
        (percent, self.last_error.replace(error))
    }

    pub(super) const fn desired(&self) -> Option<TorDesired> {
        self.desired
    }

    /// The pid of the Tor process and its start time, while it runs.
    pub(super) const fn running(&self) -> Option<(u32, UnixSeconds)> {
        match self.process {
            TorProcess::Running { pid, since } => Some((pid, since)),
            TorProcess::Stopped
            | TorProcess::Waiting { .. }
            | TorProcess::Stopping { .. }
            | TorProcess::BackingOff { .. } => None,
        }
    }

    pub(super) fn control(&self) -> Option<Control> {
        self.control.clone()
    }

    pub(super) const fn lane(&self) -> LaneState {
        self.lane.state
    }

    pub(super) const fn live(&self) -> Option<bool> {
        self.live
    }

    /// Returns true if the lane depends on regular probes.
    pub(super) fn wants_probe(&self) -> bool {
        self.machine.wants_probe()
    }

    /// Returns true if only a valid probe is missing.
    pub(super) fn is_unproved(&self, now: Instant) -> bool {
        self.machine.is_unproved(now)
    }

    /// Returns true if the latest probe failed.
    pub(super) fn is_failing(&self) -> bool {
        self.lane.reason == LaneReason::ProbeFailed
    }

    /// Returns true if the running process should be replaced.
    pub(super) fn is_stuck(&self, now: Instant) -> bool {
        self.progress.is_stuck(now)
    }

    pub(super) fn status(&self, restarts: u32, unix_now: UnixSeconds) -> TorStatus {
        TorStatus {
            desired: self.desired,
            process: self.process.clone(),
            version: self.version.clone(),
            uptime: self.running().and_then(|(_, since)| u64::try_from(unix_now - since).ok()),
            restarts,
            controlled: self.control.is_some(),
            bootstrap: self.bootstrap.clone(),
            circuit_established: self.established,
            network_live: self.live,
            probe: self.probe.clone(),
            lane: self.lane,
            traffic: self.traffic,
            streams: u32::try_from(self.streams.len()).unwrap_or(u32::MAX),
            last_error: self.last_error.clone(),
        }
    }
}
