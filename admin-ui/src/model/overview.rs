//! The overview.

use super::{Condition, Lane, Values};
use serde::{Deserialize, Serialize};
use tornado_ui::path::Passage;

/// Time that the charts show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Range {
    /// The last two minutes, as they happen.
    Live,
    /// One hour.
    Hour,
    /// 24 hours.
    #[default]
    Day,
    /// 30 days.
    Month,
}

impl Range {
    /// All, shortest first.
    pub const ALL: [Self; 4] = [Self::Live, Self::Hour, Self::Day, Self::Month];

    /// Its word in the address.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Month => "30d",
        }
    }

    /// The range of a word; 24 hours for any other.
    pub fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|range| range.word() == word).unwrap_or_default()
    }
}

/// Everything on the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// When the values were read.
    pub as_of: i64,
    /// What an operator has to act on, most urgent first.
    pub attention: Vec<Attention>,
    /// Sessions online.
    pub online: Count,
    /// Sessions offline, whose address is held.
    pub offline: Count,
    /// Address slots with a lease, and all address slots, if `session` responds.
    pub slots: Option<(u64, u64)>,
    /// Connects of devices per minute.
    pub connects: Count,
    /// The lanes.
    pub lanes: Vec<LaneFigures>,
    /// Start of the courses.
    pub from: i64,
    /// The machine.
    pub machine: Option<Machine>,
    /// The services.
    pub services: Vec<Service>,
    /// Databases, Tor, canary, firewall.
    pub dependencies: Vec<Dependency>,
    /// The latest events, newest first.
    pub latest: Vec<Event>,
}

/// A count with its course over the chosen time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// The current value, if known.
    pub now: Option<u64>,
    /// The course.
    pub course: Values,
}

/// Something to act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Attention {
    /// A service is not as desired.
    Service {
        /// Which.
        name: String,
        /// How it is.
        condition: Condition,
        /// Its own words about it.
        reason: String,
    },
    /// The disk of the state directory fills.
    Disk {
        /// Used part.
        percent: u64,
    },
    /// The rules in the kernel differ from the policy.
    Firewall,
    /// The canary found packets outside the tor lane, or has not run.
    Canary,
    /// A part of the page cannot be read.
    Missing {
        /// The service that did not respond.
        service: String,
        /// The reason, in the server's words.
        reason: String,
    },
    /// A lane does not pass packets.
    Lane {
        /// Which.
        lane: Lane,
        /// Devices that have no internet there, if known.
        devices: Option<u64>,
    },
}

/// A lane: state, path, rates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LaneFigures {
    /// Which.
    pub lane: Lane,
    /// How it is.
    pub passage: Gate,
    /// Since when, in seconds.
    pub since_s: Option<u64>,
    /// Devices with a session on it, if known.
    pub devices: Option<u64>,
    /// Address of the gateway, as devices see it.
    pub gateway: String,
    /// Exit countries available, on the tor lane.
    pub exit_countries: Option<u64>,
    /// Bits per second to devices.
    pub down: Option<f64>,
    /// Bits per second from devices.
    pub up: Option<f64>,
    /// Bits per second to devices over the chosen time.
    pub course: Values,
}

/// State of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Packets pass.
    Open,
    /// Held by an operator.
    Maintenance,
    /// Not ready.
    Closed,
}

impl Gate {
    /// How it is drawn.
    pub const fn passage(self) -> Passage {
        match self {
            Self::Open => Passage::Open,
            Self::Maintenance => Passage::Maintenance,
            Self::Closed => Passage::Closed,
        }
    }

    /// As a state.
    pub const fn condition(self) -> Condition {
        match self {
            Self::Open => Condition::Good,
            Self::Maintenance => Condition::Held,
            Self::Closed => Condition::Shut,
        }
    }
}

/// The machine that the server runs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// Use of the processor in percent.
    pub cpu: Count,
    /// Used memory in bytes.
    pub memory_used: Count,
    /// Network interfaces, those towards the internet first.
    pub interfaces: Vec<Interface>,
    /// Used bytes of the state directory's disk.
    pub disk_used: Count,
    /// Size of that disk.
    pub disk: Option<u64>,
}

/// A network interface, in bits per second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// What it receives.
    pub received: Count,
    /// What it sends.
    pub sent: Count,
}

/// A service of the product.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Whether it is to run.
    pub is_desired: bool,
    /// How it is.
    pub condition: Condition,
    /// Its own words, if it is not ready.
    pub reason: String,
    /// How long it has run.
    pub up_s: Option<u64>,
    /// Restarts since the server started.
    pub restarts: u64,
    /// Use of one core in percent.
    pub cpu: Option<f64>,
    /// Course of it over the last minutes.
    pub cpu_course: Values,
    /// Resident bytes.
    pub memory: Option<u64>,
}

/// A unit of systemd on the server's machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// How it is.
    pub condition: Condition,
    /// Its state in the words of systemd.
    pub state: String,
    /// How long it has been so.
    pub up_s: Option<u64>,
    /// How often systemd has restarted it.
    pub restarts: Option<u64>,
    /// Memory of its processes.
    pub memory: Option<u64>,
    /// Operators may start, stop and restart it.
    pub is_controllable: bool,
}

/// The page of services.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Services {
    /// Services of the product.
    pub services: Vec<Service>,
    /// Units that the configuration names.
    pub units: Vec<Unit>,
    /// Why they cannot be read, in the server's words.
    pub problem: Option<String>,
}

/// Something that services need, or that watches them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Database of users and operators.
    Identity,
    /// Database of sessions.
    Sessions,
    /// Live state.
    Live,
    /// A probe through the Tor network.
    TorNetwork,
    /// The leak canary.
    Canary,
    /// The rules in the kernel.
    Firewall,
}

/// How a part is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dependency {
    /// Which.
    pub part: Part,
    /// How it is.
    pub condition: Condition,
    /// How long the check took, in milliseconds.
    pub latency_ms: Option<f64>,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: i64,
    /// How it went.
    pub condition: Condition,
    /// What happened, in the server's words.
    pub text: String,
    /// Cause or detail.
    pub detail: String,
}
