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
    control: Option<Control>,
    /// Open streams, with the isolation number of the device if it is known.
    streams: HashMap<String, Option<Isolation>>,
    /// Without what [`State::status`] adds.
    status: TorStatus,
}

/// The part of the state whose changes are published.
pub(super) type Published = (Option<TorDesired>, TorProcess, LaneStatus, bool);

impl State {
    pub(super) fn new(desired: Option<TorDesired>, config: &Config, now: Instant, since: UnixSeconds) -> Self {
        let machine = Machine::new(desired, config.probe.proves());
        let Verdict { state, reason } = machine.verdict(now);
        let status = TorStatus {
            desired,
            process: TorProcess::Stopped,
            version: None,
            uptime: None,
            restarts: 0,
            controlled: false,
            bootstrap: Bootstrap::default(),
            circuit_established: false,
            network_live: None,
            probe: None,
            lane: LaneStatus { state, reason, since, applied: None },
            traffic: TorTraffic::default(),
            streams: 0,
            last_error: None,
        };
        let progress = Progress::new(!config.bridges.is_empty());
        Self { machine, progress, control: None, streams: HashMap::new(), status }
    }

    fn handle(&mut self, input: Input, now: Instant) {
        self.machine.handle(input, now);
        self.progress.handle(input, now);
    }

    /// Decides the lane's state. Returns it if it differs from the former one; a new reason alone is only recorded.
    pub(super) fn decide(&mut self, now: Instant, unix_now: UnixSeconds) -> Option<LaneStatus> {
        let Verdict { state, reason } = self.machine.verdict(now);
        let is_new = state != self.status.lane.state;
        let since = if is_new { unix_now } else { self.status.lane.since };
        self.status.lane = LaneStatus { state, reason, since, ..self.status.lane };
        is_new.then_some(self.status.lane)
    }

    pub(super) fn published(&self) -> Published {
        (self.status.desired, self.status.process.clone(), self.status.lane, self.control.is_some())
    }

    pub(super) fn set_desired(&mut self, desired: Option<TorDesired>, now: Instant) {
        self.status.desired = desired;
        self.handle(Input::Desired(desired), now);
    }

    /// Applies a report of the process supervisor.
    pub(super) fn set_process(&mut self, process: TorProcess, now: Instant) {
        let runs = matches!(process, TorProcess::Running { .. });
        if let TorProcess::BackingOff { reason, .. } | TorProcess::Waiting { reason } = &process {
            self.status.last_error = Some(reason.clone());
        }
        if !runs {
            self.detach(now);
            self.status.bootstrap = Bootstrap::default();
            self.status.traffic = TorTraffic::default();
            self.status.version = None;
        }
        self.status.process = process;
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
        self.status.circuit_established = false;
        self.status.network_live = None;
        self.streams.clear();
        self.handle(Input::Controlled(false), now);
    }

    /// Returns true if the step differs from the former one.
    pub(super) fn set_bootstrap(&mut self, bootstrap: &Bootstrap, now: Instant) -> bool {
        let is_new = self.status.bootstrap != *bootstrap;
        self.handle(Input::Bootstrap(bootstrap.percent), now);
        self.status.bootstrap = bootstrap.clone();
        is_new
    }

    pub(super) fn set_established(&mut self, established: bool, now: Instant) {
        self.status.circuit_established = established;
        self.handle(Input::Established(established), now);
    }

    pub(super) fn set_live(&mut self, up: bool, now: Instant) {
        self.status.network_live = Some(up);
        self.handle(Input::Liveness(up), now);
    }

    pub(super) fn set_counters(&mut self, version: Option<String>, traffic: TorTraffic) {
        self.status.version = version;
        self.status.traffic = traffic;
    }

    /// Applies a probe that was started at `started` and ended at `now`.
    pub(super) fn set_probe(&mut self, report: &ProbeReport, response: Response, started: Instant, now: Instant) {
        if let Some(error) = &report.error {
            self.status.last_error = Some(format!("the probe failed: {error}"));
        }
        self.status.probe = Some(report.clone());
        self.handle(Input::Probe { ok: report.ok, started }, now);
        self.progress.probed(response, now);
    }

    /// Replaces the latest report by one that names the exit.
    pub(super) fn complete_probe(&mut self, report: &ProbeReport) {
        self.status.probe = Some(report.clone());
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
        self.status.lane.applied = lane;
    }

    pub(super) fn set_error(&mut self, error: String) {
        self.status.last_error = Some(error);
    }

    /// Records that a process without progress is replaced. Returns its bootstrap progress in percent and the former
    /// error.
    pub(super) fn replace_stuck(&mut self) -> (u8, Option<String>) {
        self.progress.replaced();
        let percent = self.status.bootstrap.percent;
        let error = format!("Tor made no progress at {percent} %; it was restarted");
        (percent, self.status.last_error.replace(error))
    }

    pub(super) const fn desired(&self) -> Option<TorDesired> {
        self.status.desired
    }

    /// The pid of the Tor process and its start time, while it runs.
    pub(super) const fn running(&self) -> Option<(u32, UnixSeconds)> {
        match self.status.process {
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
        self.status.lane.state
    }

    pub(super) const fn live(&self) -> Option<bool> {
        self.status.network_live
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
        self.status.lane.reason == LaneReason::ProbeFailed
    }

    /// Returns true if the running process should be replaced.
    pub(super) fn is_stuck(&self, now: Instant) -> bool {
        self.progress.is_stuck(now)
    }

    pub(super) fn status(&self, restarts: u32, unix_now: UnixSeconds) -> TorStatus {
        TorStatus {
            uptime: self.running().and_then(|(_, since)| u64::try_from(unix_now - since).ok()),
            restarts,
            controlled: self.control.is_some(),
            streams: u32::try_from(self.streams.len()).unwrap_or(u32::MAX),
            ..self.status.clone()
        }
    }
}
