//! Tor and the tor lane.

use super::{Bytes, inputs, views, words};

words! {
    /// An order; each can be repeated without further effect.
    pub enum TorOrder {
        /// Tor should run.
        Start,
        /// Tor should not run.
        Stop,
        /// The lane should be open.
        Up,
        /// The lane should be in maintenance; Tor keeps running.
        Down,
    }

    /// State of the tor lane.
    pub enum LaneState {
        /// Traffic is blocked.
        Closed,
        /// HTTP gets a page; everything else is rejected.
        Maintenance,
        /// Traffic goes through Tor.
        Open,
    }
}

views! {
    /// Desired and actual state.
    pub struct TorView {
        /// Desired state; absent when it cannot be read.
        pub desired: Option<TorDesired>,
        /// The process.
        pub process: ProcessView,
        /// Tor's version.
        pub version: Option<String>,
        /// Seconds since Tor was started.
        pub uptime: Option<u64>,
        /// Restarts since the service started.
        pub restarts: u32,
        /// Bootstrap progress.
        pub bootstrap: BootstrapView,
        /// True while Tor has a working circuit.
        pub circuit_established: bool,
        /// Tor's network liveness; absent before its first report.
        pub network_live: Option<bool>,
        /// The latest probe.
        pub probe: Option<ProbeView>,
        /// State of the lane that follows from desired state and Tor's health.
        pub lane: LaneState,
        /// Reason for the state, for example `healthy` or `operator_down`.
        pub lane_reason: String,
        /// Time of the latest change of the lane.
        pub lane_since: i64,
        /// State of the lane in the kernel; absent while `wg` does not respond.
        pub lane_applied: Option<LaneState>,
        /// Transfer of the process since its start.
        pub traffic: Bytes,
        /// Open streams.
        pub streams: u32,
        /// The latest failure, kept after recovery.
        pub last_error: Option<String>,
    }

    /// Desired state.
    #[derive(Copy, Eq)]
    pub struct TorDesired {
        /// True: the process should run.
        pub process: bool,
        /// True: the lane should open as soon as Tor can carry traffic.
        pub lane: bool,
    }

    /// A process.
    pub struct ProcessView {
        /// `stopped`, `waiting`, `running`, `stopping` or `backing_off`.
        pub state: String,
        /// Process id.
        pub pid: Option<u32>,
        /// Start time.
        pub since: Option<i64>,
        /// Why it does not run.
        pub reason: Option<String>,
        /// Milliseconds until the next start.
        pub retry_in_ms: Option<u64>,
    }

    /// Bootstrap progress.
    pub struct BootstrapView {
        /// 0 to 100.
        pub percent: u8,
        /// Tor's name of the step.
        pub tag: String,
        /// Tor's summary.
        pub summary: String,
        /// Tor's warning about this step.
        pub warning: Option<String>,
    }

    /// A probe through Tor.
    pub struct ProbeView {
        /// True: an exit responded.
        pub ok: bool,
        /// End time.
        pub at: i64,
        /// Duration, milliseconds.
        pub took_ms: u64,
        /// Nickname of the exit.
        pub exit: Option<String>,
        /// Country of the exit.
        pub country: Option<String>,
        /// Reason for the failure.
        pub error: Option<String>,
    }

    /// A circuit.
    pub struct CircuitView {
        /// Tor's id.
        pub id: String,
        /// Tor's status, for example `BUILT`.
        pub status: String,
        /// Tor's purpose, for example `GENERAL`.
        pub purpose: String,
        /// Id that all legs of a conflux set share.
        pub conflux_id: Option<String>,
        /// Relays, guard first.
        pub path: Vec<HopView>,
    }

    /// A relay of a circuit.
    pub struct HopView {
        /// `guard`, `middle` or `exit`.
        pub role: String,
        /// 40 hexadecimal digits.
        pub fingerprint: String,
        /// Nickname.
        pub nickname: String,
        /// Address, if known.
        pub address: Option<String>,
        /// Country, two letters, if known.
        pub country: Option<String>,
        /// Flags of the directory.
        pub flags: Vec<String>,
    }

    /// Exit capacity of a country.
    pub struct ExitCountryView {
        /// Two letters; `??`: unknown.
        pub country: String,
        /// Number of exits.
        pub exits: u32,
        /// Sum of their weights, kilobytes per second.
        pub bandwidth: u64,
    }

    /// The Tor process of an exit country.
    pub struct CountryTorView {
        /// The country.
        pub country: String,
        /// The process.
        pub process: ProcessView,
        /// Bootstrap progress.
        pub bootstrap: BootstrapView,
        /// True when it can carry traffic.
        pub ready: bool,
        /// Reason for the state.
        pub reason: String,
        /// True while a device has chosen the country.
        pub in_use: bool,
    }
}

inputs! {
    /// An order.
    #[derive(Copy)]
    pub struct TorOrderInput {
        /// The order.
        pub order: TorOrder,
    }

    /// How many lines.
    #[derive(Copy, Default)]
    pub struct LinesQuery {
        /// Largest number of lines; default 200.
        #[serde(default)]
        pub lines: Option<u32>,
    }
}
