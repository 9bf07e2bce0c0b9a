//! The facts that were read from the machine.

use ipnet::IpNet;
use std::net::IpAddr;
use std::path::PathBuf;
use tornado_contracts::engines::EngineStatus;
use tornado_contracts::master::MasterStatus;
use tornado_contracts::telemetry::logs::LogStatus;
use tornado_contracts::tor::TorStatus;
use tornado_shared::model::UnixSeconds;

/// All inputs of the judgement. `None` and empty lists mean "could not be read" and lead to no finding.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) is_root: bool,
    pub(super) now: UnixSeconds,
    /// Why the configuration is invalid.
    pub(super) config_error: Option<String>,
    pub(super) host: Host,
    /// Unix users of services that do not exist.
    pub(super) missing_users: Vec<&'static str>,
    pub(super) files: Vec<FileFact>,
    pub(super) ports: Vec<Port>,
    pub(super) forwarding_off: Vec<String>,
    /// `/proc/sys/net` is mounted read-only.
    pub(super) is_sysctl_read_only: bool,
    /// Version output of nft, or why it cannot run.
    pub(super) nft: Option<Result<String, String>>,
    pub(super) nft_refused: Option<String>,
    /// Tables with the server's names that another program created.
    pub(super) foreign_tables: Vec<String>,
    /// Service users that another program or person may use.
    pub(super) open_users: Vec<OpenUser>,
    pub(super) tor: Option<Result<String, String>>,
    pub(super) tun: bool,
    pub(super) kernel_wireguard: bool,
    pub(super) needs_kernel: bool,
    pub(super) drops: Vec<Drops>,
    pub(super) routes: Vec<Route>,
    pub(super) pools: Vec<(&'static str, IpNet)>,
    /// Private networks that devices may reach.
    pub(super) allowed: Vec<IpNet>,
    pub(super) clock: Clock,
    pub(super) disks: Vec<Disk>,
    pub(super) databases: Vec<Database>,
    /// As reported by running services, or as probed if none runs.
    pub(super) engines: Vec<EngineStatus>,
    /// Password files of the profile `cluster` that their service cannot use.
    pub(super) secrets: Vec<SecretFact>,
    /// The configured certificate, if any.
    pub(super) certificate: Option<Certificate>,
    /// What exists at the paths of the sockets.
    pub(super) sockets: Vec<(PathBuf, Socket)>,
    /// The configuration and the reason, if a service cannot read it.
    pub(super) unreadable: Option<(PathBuf, String)>,
    pub(super) master: Option<MasterStatus>,
    pub(super) tor_status: Option<TorStatus>,
    pub(super) key_problems: Vec<String>,
    /// The log archive, if service `telemetry` responds.
    pub(super) logs: Option<LogFacts>,
}

/// The log archive and its space.
#[derive(Debug, Clone, Default)]
pub(super) struct LogFacts {
    pub(super) status: LogStatus,
    /// Configured maximum size in bytes.
    pub(super) budget: u64,
    /// Free space of the state directory in bytes.
    pub(super) free: Option<u64>,
}

/// A service's Unix user that can log in or is root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenUser {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) shell: PathBuf,
}

/// The address of this server that devices receive.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// Empty if unknown.
    pub(super) name: String,
    pub(super) is_configured: bool,
    /// The addresses of the name. `None` if it is an address itself or was not resolved.
    pub(super) resolved: Option<Vec<IpAddr>>,
}

/// A directory or file of the state with a wrong owner or mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileFact {
    pub(super) path: PathBuf,
    pub(super) uid: u32,
    pub(super) wanted_uid: u32,
    /// Permission bits.
    pub(super) mode: u32,
    /// The most permission bits that it may have.
    pub(super) allowed: u32,
}

/// A port that the server needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) protocol: &'static str,
    pub(super) number: u16,
    pub(super) what: &'static str,
    pub(super) holder: Holder,
}

/// Which process holds a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    Nobody,
    /// The kernel, or a process that is not visible.
    Unknown,
    Process {
        name: String,
        pid: u32,
    },
}

/// A base chain of another table that drops by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drops {
    pub(super) family: String,
    pub(super) table: String,
    pub(super) chain: String,
    pub(super) hook: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) net: IpNet,
    pub(super) interface: String,
}

#[derive(Debug, Default)]
pub(super) struct Clock {
    /// `None` if unknown.
    pub(super) synchronised: Option<bool>,
    /// Time of the newest change to a state file.
    pub(super) newest_file: Option<UnixSeconds>,
}

/// Free space at a path.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) path: PathBuf,
    pub(super) free_bytes: u64,
    pub(super) free_files: Option<u64>,
    pub(super) is_read_only: bool,
    /// How to make it writable.
    pub(super) cure_read_only: String,
}

/// A database file.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) path: PathBuf,
    /// Problems in the database; `Err` if it cannot be opened.
    pub(super) check: Result<Vec<String>, String>,
    /// Its newest migration is unknown to this program.
    pub(super) is_newer: bool,
}

/// A password file that is not usable.
#[derive(Debug, Clone)]
pub(super) struct SecretFact {
    pub(super) path: PathBuf,
    /// The Unix group that must be able to read it.
    pub(super) group: &'static str,
    pub(super) why: String,
}

/// The operator's certificate.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) path: PathBuf,
    /// Start and end of its validity, or why it cannot be used.
    pub(super) validity: Result<(UnixSeconds, UnixSeconds), String>,
}

/// What exists at the path of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Socket {
    /// A process listens.
    Answers,
    /// A socket without a listener.
    Stale,
    /// Neither a file nor a socket.
    Foreign,
}
