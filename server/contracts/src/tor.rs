//! Contract of service `tor`: the Tor process behind the tor lane, and whether the lane may be open.
//!
//! What an operator wants ([`TorWanted`]) and what is (all the rest of [`TorStatus`]) are two things. That Tor
//! is stopped, starting or failing is data in the answer, never an error of the call.
//!
//! Besides the methods there is the stream [`EVENTS`].

use crate::ServiceName;
use crate::wg::{Isolation, TorLane};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use tornado_rpc::{Done, Fault, NoInput, ServiceError};
use tornado_shared::model::{CountryCode, UnixSeconds};

/// What an operator wants. Kept on disk, and not changed by anything that happens to Tor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorWanted {
    /// The Tor process should run.
    pub process: bool,
    /// The lane should be open as soon as Tor can carry it.
    pub lane: bool,
}

/// An order of an operator; each is idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TorOrder {
    /// Tor should run. Also ends a pause before the next start.
    Start,
    /// Tor should not run.
    Stop,
    /// The lane should be open.
    Up,
    /// The lane should be in maintenance; Tor goes on running.
    Down,
}

/// Input of [`Tor::control`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorControl {
    /// What should be.
    pub order: TorOrder,
}

/// The Tor process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum TorProcess {
    /// Not running, as wanted.
    Stopped,
    /// Something is missing before it can be started: the program, or the lane's addresses.
    Waiting {
        /// What.
        reason: String,
    },
    /// Runs.
    Running {
        /// Process id.
        pid: u32,
        /// When it was started.
        since: UnixSeconds,
    },
    /// Is ending.
    Stopping {
        /// Process id.
        pid: u32,
    },
    /// Ended by itself or could not be started; starts again after a pause, for ever.
    BackingOff {
        /// How it ended.
        reason: String,
        /// Milliseconds of the pause.
        retry_in_ms: u64,
    },
}

/// How far Tor is with its start (control-spec, `STATUS_CLIENT BOOTSTRAP`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// 0 to 100.
    pub percent: u8,
    /// Tor's word for the step, for example `conn_or`.
    pub tag: String,
    /// Tor's sentence for people.
    pub summary: String,
    /// What hinders it at this step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
}

/// State of the tor lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LaneState {
    /// Nothing passes: Tor was never ready since the start of the service.
    Closed,
    /// HTTP gets a page, all else a fast refusal.
    Maintenance,
    /// Through Tor.
    Open,
}

/// Why the lane is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneReason {
    /// Tor is at 100 %, has a circuit, and a probe went through.
    Healthy,
    /// An operator wants it down.
    OperatorDown,
    /// An operator stopped Tor.
    OperatorStopped,
    /// The file with the operator's wish cannot be read: nothing is opened before the next order.
    WishUnreadable,
    /// Tor does not run.
    ProcessDown,
    /// Tor's control port does not answer.
    ControlDown,
    /// Tor is not at 100 %.
    Bootstrapping,
    /// Tor has no working circuit.
    NoCircuit,
    /// No probe went through yet, or the latest is too old.
    Unproved,
    /// The latest probe failed.
    ProbeFailed,
}

/// The lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneStatus {
    /// What it should be now, by the operator's wish and Tor's health together.
    pub state: LaneState,
    /// Why.
    pub reason: LaneReason,
    /// Since when.
    pub since: UnixSeconds,
    /// What it is, as `wg` says; `None` while that does not answer.
    pub applied: Option<TorLane>,
}

/// An active probe through Tor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// An exit answered.
    pub ok: bool,
    /// When it ended.
    pub at: UnixSeconds,
    /// How long it took, milliseconds.
    pub took_ms: u64,
    /// The exit that answered, where Tor says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Exit>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Bytes of the whole Tor process since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorTraffic {
    /// Bytes read from the network.
    pub read: u64,
    /// Bytes written to the network.
    pub written: u64,
}

/// Everything about Tor and the lane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorStatus {
    /// What the operator wants; `None` when that cannot be read.
    pub wanted: Option<TorWanted>,
    /// The process.
    pub process: TorProcess,
    /// Tor's version, once it said it.
    pub version: Option<String>,
    /// Seconds since Tor was started.
    pub uptime: Option<u64>,
    /// Times it was started again since the service began.
    pub restarts: u32,
    /// True while its control port answers.
    pub controlled: bool,
    /// How far it is.
    pub bootstrap: Bootstrap,
    /// True while Tor says that it has a working circuit.
    pub circuit_established: bool,
    /// Tor's view of the network; `None` before it said anything.
    pub network_live: Option<bool>,
    /// The latest probe.
    pub probe: Option<ProbeReport>,
    /// The lane.
    pub lane: LaneStatus,
    /// Traffic of the process.
    pub traffic: TorTraffic,
    /// Streams open now.
    pub streams: u32,
    /// The latest failure, also when it is over.
    pub last_error: Option<String>,
}

/// The Tor process of one exit country.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountryTor {
    /// Which.
    pub country: CountryCode,
    /// The process.
    pub process: TorProcess,
    /// How far it is.
    pub bootstrap: Bootstrap,
    /// True while devices of this country are carried, if the lane is open: 100 %, a circuit, and a probe.
    pub ready: bool,
    /// Why it is so.
    pub reason: LaneReason,
    /// True while a device has chosen it; it ends some time after the last.
    pub in_use: bool,
}

/// One relay of a circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// `guard`, `middle`, `exit`; `bridge` is shown as `guard`.
    pub role: HopRole,
    /// 40 hexadecimal digits.
    pub fingerprint: String,
    /// The relay's name for itself.
    pub nickname: String,
    /// Where it is, when the network's directory says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// Two letters, when Tor knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Flags of the directory, such as `Fast` or `Exit`.
    #[serde(default)]
    pub flags: Vec<String>,
}

/// A relay's place in a circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HopRole {
    /// First.
    Guard,
    /// Between.
    Middle,
    /// Last.
    Exit,
}

/// One circuit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// Tor's number for it.
    pub id: String,
    /// Tor's word: `LAUNCHED`, `EXTENDED`, `BUILT`, …
    pub status: String,
    /// Tor's word: `GENERAL`, `CONFLUX_LINKED`, `HS_CLIENT_REND`, …
    pub purpose: String,
    /// Same for all legs of one conflux set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflux_id: Option<String>,
    /// Its relays, guard first.
    pub path: Vec<Hop>,
}

/// Answer of [`Tor::circuits`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuits {
    /// All of them; none while Tor does not run.
    pub circuits: Vec<Circuit>,
    /// Why there are none to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// An exit relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// 40 hexadecimal digits.
    pub fingerprint: String,
    /// Its name for itself.
    pub nickname: String,
    /// Where it is.
    pub address: Option<IpAddr>,
    /// Two letters, lower case, when Tor knows.
    pub country: Option<String>,
    /// Weight in the directory, kilobytes a second.
    pub bandwidth: u64,
}

/// What a country offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitCountry {
    /// Two letters, lower case; `??` where Tor does not know.
    pub country: String,
    /// Number of exits.
    pub exits: u32,
    /// Sum of their weights.
    pub bandwidth: u64,
}

/// Answer of [`Tor::exits`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exits {
    /// Countries, the widest first.
    pub countries: Vec<ExitCountry>,
    /// Exits, the widest first; at most 500.
    pub exits: Vec<Exit>,
    /// Why there is nothing to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
}

/// Input of [`Tor::sync_countries`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyncCountries {
    /// Every country that a device with a session has chosen.
    pub countries: BTreeSet<CountryCode>,
    /// Every isolation number in use; paths of all others are forgotten.
    pub live: Vec<Isolation>,
}

/// Answer of [`Tor::sync_countries`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountriesReport {
    /// Those for which there is no Tor, and why.
    pub refused: BTreeMap<CountryCode, CountryRefusal>,
    /// The others, ready or not.
    pub countries: Vec<CountryTor>,
}

/// Why a country has no Tor of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum CountryRefusal {
    /// The network's directory has no exit there.
    #[error("Tor has no exit there")]
    NoExit,
    /// As many as may be are in use.
    #[error("all {max} places for exit countries of this server are in use")]
    TooMany {
        /// How many may be in use at once.
        max: u32,
    },
}

/// Input of [`Tor::path`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathQuery {
    /// Whose.
    pub isolation: Isolation,
}

/// The circuit that carried a device's latest connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DevicePath {
    /// Its relays, guard first.
    pub hops: Vec<Hop>,
    /// When that connection began.
    pub since: UnixSeconds,
}

/// Input of [`Tor::log`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorLogQuery {
    /// Most lines wanted; absent means all that are kept.
    #[serde(default)]
    pub lines: Option<usize>,
}

/// Answer of [`Tor::log`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TorLog {
    /// Lines of Tor's own log, oldest first. Tor itself blanks out addresses in them.
    pub lines: Vec<String>,
}

/// One line of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum TorEvent {
    /// All of it: the first line, and whenever process, lane or wish changed.
    Status(Box<TorStatus>),
    /// A step of the start.
    Bootstrap(Bootstrap),
    /// A circuit changed. Its relays have no addresses here.
    Circuit(Circuit),
    /// Streams open now.
    Streams {
        /// How many.
        open: u32,
    },
    /// Bytes of the last second.
    Bandwidth(TorTraffic),
    /// Tor's view of the network changed.
    Liveness {
        /// True: reachable.
        up: bool,
    },
    /// A probe ended.
    Probe(ProbeReport),
    /// The reader was too slow and lost some; the stream goes on with a whole status.
    Lost {
        /// How many.
        events: u64,
    },
}

/// What `tor` can answer besides success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum TorError {
    /// The wish could not be written down. What shuts was done all the same, until the service starts again;
    /// what opens was not.
    #[error("the order could not be saved ({0}); what shuts was done until the next start, what opens was not")]
    NotSaved(String),
    /// Only a running Tor can do this.
    #[error("Tor cannot do this now: {0}")]
    NotRunning(String),
    /// The call failed on its way.
    #[error(transparent)]
    #[serde(rename = "mesh")]
    Fault(Fault),
}

impl From<Fault> for TorError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl ServiceError for TorError {
    fn status(&self) -> u16 {
        match self {
            Self::NotSaved(_) => 507,
            Self::NotRunning(_) => 409,
            Self::Fault(fault) => fault.status(),
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::NotSaved(_) => "not_saved",
            Self::NotRunning(_) => "tor_not_running",
            Self::Fault(fault) => fault.code(),
        }
    }
}

tornado_rpc::contract! {
    /// The Tor process and the lane's state. Orders return at once, the state follows.
    trait Tor, client TorClient, error TorError, callers ServiceName {
        /// Everything at a glance.
        status(NoInput) -> TorStatus = GET "/v1/status", within 10, up to 0, for [Admin, Session, Wg, ClientApi];
        /// Changes what is wanted.
        control(TorControl) -> TorStatus = PUT "/v1/wanted", within 10, up to 4_096, for [];
        /// Circuits with their relays.
        circuits(NoInput) -> Circuits = GET "/v1/circuits", within 10, up to 0, for [Session];
        /// New circuits for every stream from now on, of all devices; running streams stay where they are.
        new_identity(NoInput) -> Done = PUT "/v1/identity", within 10, up to 4_096, for [];
        /// Probes now and tells what came of it.
        health(NoInput) -> ProbeReport = PUT "/v1/health", within 25, up to 4_096, for [];
        /// Exits and countries on offer.
        exits(NoInput) -> Exits = GET "/v1/exits", within 20, up to 0, for [Admin, Session];
        /// What devices use now. Starts a Tor for each new country, ends those that nobody used for a while.
        /// Sent again and again; the latest counts.
        sync_countries(SyncCountries) -> CountriesReport = PUT "/v1/countries", within 20, up to 64 * 1024 * 1024,
            for [Session];
        /// The Tor processes of countries that devices chose.
        countries(NoInput) -> Vec<CountryTor> = GET "/v1/countries", within 10, up to 0, for [Admin, Session];
        /// How the latest connection under an isolation number went; none when nothing was seen.
        path(PathQuery) -> Option<DevicePath> = POST "/v1/path", within 10, up to 4_096, for [Session];
        /// The end of Tor's own log.
        log(TorLogQuery) -> TorLog = GET "/v1/log", within 10, up to 0, for [];
    }
    streams {
        /// What happens to Tor from now on; the first line is a whole [`TorStatus`].
        events() -> TorEvent = EVENTS "/v1/events", for [Admin];
    }
}
