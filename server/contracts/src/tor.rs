//! Contract of service `tor`: the Tor process behind the tor lane, and whether the lane may be open.
//!
//! The desired state ([`TorDesired`]) and the actual state (the other fields of [`TorStatus`]) are separate. A stopped,
//! starting or failing Tor process is data in the response, never an error of the call.
//!
//! Besides the methods there is the stream [`EVENTS`].

use crate::ServiceName;
use crate::wg::{Isolation, TorLane};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use tornado_rpc::{Done, Fault, NoInput};
use tornado_shared::model::{CountryCode, UnixSeconds};

/// Desired state, set by an operator. Stored on disk; failures of Tor do not change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorDesired {
    /// True: the Tor process should run.
    pub process: bool,
    /// True: the lane should open as soon as Tor can carry traffic.
    pub lane: bool,
}

/// Order of an operator; each is idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TorOrder {
    /// Tor should run. Also ends a restart pause.
    Start,
    /// Tor should not run.
    Stop,
    /// The lane should be open.
    Up,
    /// The lane should be in maintenance; Tor keeps running.
    Down,
}

/// Input of [`Tor::control`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorControl {
    /// The order.
    pub order: TorOrder,
}

/// The Tor process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TorProcess {
    /// Not running, as desired.
    Stopped,
    /// Cannot start because the program or the lane's addresses are missing.
    Waiting {
        /// What is missing.
        reason: String,
    },
    /// Is running.
    Running {
        /// Process id.
        pid: u32,
        /// Start time.
        since: UnixSeconds,
    },
    /// Is stopping.
    Stopping {
        /// Process id.
        pid: u32,
    },
    /// Exited or could not start. Restarts after a pause, without a limit on retries.
    BackingOff {
        /// How the process exited.
        reason: String,
        /// Length of the pause, milliseconds.
        retry_in_ms: u64,
    },
}

/// Progress of Tor's bootstrap (control-spec, `STATUS_CLIENT BOOTSTRAP`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// 0 to 100.
    pub percent: u8,
    /// Tor's tag for the step, for example `conn_or`.
    pub tag: String,
    /// Tor's readable summary.
    pub summary: String,
    /// Tor's warning about a problem at this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// State of the tor lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaneState {
    /// Traffic is blocked: Tor has not been ready since the service started.
    Closed,
    /// HTTP gets a page; everything else is rejected immediately.
    Maintenance,
    /// Traffic goes through Tor.
    Open,
}

/// Reason for the lane's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneReason {
    /// Tor is at 100 %, has a circuit, and a probe succeeded.
    Healthy,
    /// An operator closed the lane.
    OperatorDown,
    /// An operator stopped Tor.
    OperatorStopped,
    /// The desired state cannot be read from disk: the lane stays closed until the next order.
    DesiredUnreadable,
    /// Tor is not running.
    ProcessDown,
    /// Tor's control port does not respond.
    ControlDown,
    /// Tor's bootstrap is below 100 %.
    Bootstrapping,
    /// Tor has no working circuit.
    NoCircuit,
    /// No probe has succeeded yet, or the latest success is too old.
    Unproved,
    /// The latest probe failed.
    ProbeFailed,
}

/// State of the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStatus {
    /// Target state, from the desired state and Tor's health.
    pub state: LaneState,
    /// Reason.
    pub reason: LaneReason,
    /// Time of the last change.
    pub since: UnixSeconds,
    /// Actual state, as reported by `wg`; `None` while `wg` does not respond.
    pub applied: Option<TorLane>,
}

/// An active probe through Tor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// True: an exit responded.
    pub ok: bool,
    /// End time.
    pub at: UnixSeconds,
    /// Duration, milliseconds.
    pub took_ms: u64,
    /// The exit that responded, if Tor reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// Reason for the failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Transfer of the Tor process since its start, bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorTraffic {
    /// Bytes read from the network.
    pub read: u64,
    /// Bytes written to the network.
    pub written: u64,
}

/// Status of Tor and the lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorStatus {
    /// Desired state; `None` when it cannot be read.
    pub desired: Option<TorDesired>,
    /// The process.
    pub process: TorProcess,
    /// Tor's version, once known.
    pub version: Option<String>,
    /// Seconds since Tor was started.
    pub uptime: Option<u64>,
    /// Number of restarts since the service started.
    pub restarts: u32,
    /// True while the control port responds.
    pub controlled: bool,
    /// Bootstrap progress.
    pub bootstrap: Bootstrap,
    /// True while Tor reports a working circuit.
    pub circuit_established: bool,
    /// Tor's network liveness; `None` before its first report.
    pub network_live: Option<bool>,
    /// The latest probe.
    pub probe: Option<ProbeReport>,
    /// The lane.
    pub lane: LaneStatus,
    /// Traffic of the process.
    pub traffic: TorTraffic,
    /// Number of open streams.
    pub streams: u32,
    /// The latest failure, kept after recovery.
    pub last_error: Option<String>,
}

/// The Tor process of one exit country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountryTor {
    /// The country.
    pub country: CountryCode,
    /// The process.
    pub process: TorProcess,
    /// Bootstrap progress.
    pub bootstrap: Bootstrap,
    /// True when it can carry this country's devices once the lane is open: 100 %, a circuit, and a successful probe.
    pub ready: bool,
    /// Reason for the state.
    pub reason: LaneReason,
    /// True while a device has chosen the country. The process ends some time after the last one.
    pub in_use: bool,
}

/// One relay of a circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// `guard`, `middle`, `exit`; `bridge` is shown as `guard`.
    pub role: HopRole,
    /// 40 hexadecimal digits.
    pub fingerprint: String,
    /// The relay's nickname, chosen by its operator.
    pub nickname: String,
    /// The relay's address, if it is in the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Two letters, if Tor knows the country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Flags from the directory, such as `Fast` or `Exit`.
    #[serde(default)]
    pub flags: Vec<String>,
}

/// A relay's position in a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HopRole {
    /// First relay.
    Guard,
    /// Middle relay.
    Middle,
    /// Last relay.
    Exit,
}

/// One circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// Tor's circuit id.
    pub id: String,
    /// Tor's status: `LAUNCHED`, `EXTENDED`, `BUILT`, …
    pub status: String,
    /// Tor's purpose: `GENERAL`, `CONFLUX_LINKED`, `HS_CLIENT_REND`, …
    pub purpose: String,
    /// Id shared by all legs of one conflux set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflux_id: Option<String>,
    /// Its relays, guard first.
    pub path: Vec<Hop>,
}

/// Response of [`Tor::circuits`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuits {
    /// All circuits; empty while Tor is not running.
    pub circuits: Vec<Circuit>,
    /// Reason why circuits cannot be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// An exit relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// 40 hexadecimal digits.
    pub fingerprint: String,
    /// The relay's nickname, chosen by its operator.
    pub nickname: String,
    /// The relay's address.
    pub address: Option<IpAddr>,
    /// Two letters, lower case, if Tor knows the country.
    pub country: Option<String>,
    /// Directory weight, kilobytes per second.
    pub bandwidth: u64,
}

/// Exit capacity of a country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitCountry {
    /// Two letters, lower case; `??` where Tor does not know the country.
    pub country: String,
    /// Number of exits.
    pub exits: u32,
    /// Sum of the exits' weights.
    pub bandwidth: u64,
}

/// Response of [`Tor::exits`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exits {
    /// Countries, highest weight first.
    pub countries: Vec<ExitCountry>,
    /// Exits, highest weight first; at most 500.
    pub exits: Vec<Exit>,
    /// Reason why exits cannot be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// Input of [`Tor::sync_countries`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncCountries {
    /// Countries chosen by devices that have a session.
    pub countries: BTreeSet<CountryCode>,
    /// All isolation numbers in use; recorded paths of other numbers are discarded.
    pub live: Vec<Isolation>,
}

/// Response of [`Tor::sync_countries`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountriesReport {
    /// Countries without a Tor process, with the reason.
    pub refused: BTreeMap<CountryCode, CountryRefusal>,
    /// The other countries, ready or not.
    pub countries: Vec<CountryTor>,
}

/// Reason why a country has no Tor process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum CountryRefusal {
    /// The directory has no exit in that country.
    #[error("Tor has no exit there")]
    NoExit,
    /// The maximum number of countries is in use.
    #[error("all {max} exit countries that this server supports at once are in use")]
    TooMany {
        /// Maximum number of countries in use at once.
        max: u32,
    },
}

/// Input of [`Tor::path`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathQuery {
    /// The session's isolation number.
    pub isolation: Isolation,
}

/// The circuit that carried a device's latest connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicePath {
    /// Its relays, guard first.
    pub hops: Vec<Hop>,
    /// Start time of that connection.
    pub since: UnixSeconds,
}

/// Input of [`Tor::log`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorLogQuery {
    /// Maximum number of lines; absent: all retained lines.
    pub lines: Option<usize>,
}

/// Response of [`Tor::log`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorLog {
    /// Lines of Tor's own log, oldest first. Tor removes addresses from them.
    pub lines: Vec<String>,
}

/// One line of the stream [`EVENTS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum TorEvent {
    /// Full status: the first line, and after every change of process, lane or desired state.
    Status(Box<TorStatus>),
    /// A bootstrap step.
    Bootstrap(Bootstrap),
    /// A circuit changed. Relay addresses are omitted here.
    Circuit(Circuit),
    /// Number of open streams.
    Streams {
        /// The number.
        open: u32,
    },
    /// Bytes in the last second.
    Bandwidth(TorTraffic),
    /// Tor's network liveness changed.
    Liveness {
        /// True: the network is reachable.
        up: bool,
    },
    /// A probe ended.
    Probe(ProbeReport),
    /// Events were dropped because the reader was too slow. The stream continues with a full status.
    Lost {
        /// Number of dropped events.
        events: u64,
    },
}

/// Errors of service `tor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum TorError {
    /// The desired state could not be stored. An order that closes or stops still took effect until the service
    /// restarts; an order that opens or starts did not.
    #[error("cannot save the order: {0}; `down` and `stop` apply until the service restarts, others are ignored")]
    NotSaved(String),
    /// The request needs a running Tor process.
    #[error("cannot complete the request: {0}")]
    NotRunning(String),
    /// The call itself failed.
    #[error(transparent)]
    Fault(Fault),
}

tornado_rpc::service_error! {
    TorError {
        Self::NotSaved(_) => 507, "not_saved";
        Self::NotRunning(_) => 409, "tor_not_running";
    }
}

tornado_rpc::contract! {
    /// The Tor process and the lane's state. Orders return immediately; the state follows.
    trait Tor, client TorClient, error TorError, callers ServiceName {
        /// Full status.
        status(NoInput) -> TorStatus = GET "/v1/status", within 10, up to 0, for [Admin, Session, Wg, ClientApi];
        /// Changes the desired state.
        control(TorControl) -> TorStatus = PUT "/v1/wanted", within 10, up to 4_096, for [];
        /// Circuits with their relays.
        circuits(NoInput) -> Circuits = GET "/v1/circuits", within 10, up to 0, for [Session];
        /// New circuits for new streams of all devices; open streams keep their circuits.
        new_identity(NoInput) -> Done = PUT "/v1/identity", within 10, up to 4_096, for [];
        /// Runs a probe and returns its result.
        health(NoInput) -> ProbeReport = PUT "/v1/health", within 25, up to 4_096, for [];
        /// Available exits and countries.
        exits(NoInput) -> Exits = GET "/v1/exits", within 20, up to 0, for [Admin, Session];
        /// Sets the countries in use. Starts a Tor process for each new country and stops those that have been unused
        /// for a while. Sent periodically; the latest call counts.
        sync_countries(SyncCountries) -> CountriesReport = PUT "/v1/countries", within 20, up to 64 * 1024 * 1024,
            for [Session];
        /// The Tor processes of the chosen countries.
        countries(NoInput) -> Vec<CountryTor> = GET "/v1/countries", within 10, up to 0, for [Admin, Session];
        /// Circuit of the latest connection under an isolation number; `None` when no connection was observed.
        path(PathQuery) -> Option<DevicePath> = POST "/v1/path", within 10, up to 4_096, for [Session];
        /// The latest lines of Tor's own log.
        log(TorLogQuery) -> TorLog = GET "/v1/log", within 10, up to 0, for [];
    }
    streams {
        /// Tor events from now on; the first line is a full [`TorStatus`].
        events() -> TorEvent = EVENTS "/v1/events", for [Admin];
    }
}
