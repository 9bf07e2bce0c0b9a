//! What was read from the machine.

use ipnet::IpNet;
use std::net::IpAddr;
use std::path::PathBuf;
use tornado_contracts::engines::EngineStatus;
use tornado_contracts::master::MasterStatus;
use tornado_contracts::tor::TorStatus;
use tornado_shared::model::UnixSeconds;

/// Everything that is judged. `None` and empty lists stand for what could not be read, which accuses nobody.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) is_root: bool,
    pub(super) now: UnixSeconds,
    /// Why the configuration cannot be used.
    pub(super) config_error: Option<String>,
    pub(super) host: Host,
    /// Unix users of services that do not exist.
    pub(super) missing_users: Vec<&'static str>,
    pub(super) files: Vec<FileFact>,
    pub(super) ports: Vec<Port>,
    pub(super) forwarding_off: Vec<String>,
    /// `/proc/sys/net` is mounted read-only here.
    pub(super) is_sysctl_read_only: bool,
    /// What nft said when asked for its tables; `Err` with its words.
    pub(super) nft: Option<Result<String, String>>,
    pub(super) nft_refused: Option<String>,
    /// Tables under the server's names that it did not make.
    pub(super) foreign_tables: Vec<String>,
    /// Users of services that another program or person may work as.
    pub(super) open_users: Vec<OpenUser>,
    pub(super) tor: Option<Result<String, String>>,
    pub(super) tun: bool,
    pub(super) kernel_wireguard: bool,
    pub(super) needs_kernel: bool,
    pub(super) drops: Vec<Drops>,
    pub(super) routes: Vec<Route>,
    pub(super) pools: Vec<(&'static str, IpNet)>,
    /// Networks that devices may reach besides the internet.
    pub(super) allowed: Vec<IpNet>,
    pub(super) clock: Clock,
    pub(super) disks: Vec<Disk>,
    pub(super) databases: Vec<Database>,
    /// As running services found them, or as they would find them.
    pub(super) engines: Vec<EngineStatus>,
    /// Password files of the profile `cluster` that their service cannot use.
    pub(super) secrets: Vec<SecretFact>,
    /// The certificate of the configuration, where there is one.
    pub(super) certificate: Option<Certificate>,
    /// What is in the places of the sockets.
    pub(super) sockets: Vec<(PathBuf, Socket)>,
    /// The configuration, when a service cannot read it, and why.
    pub(super) unreadable: Option<(PathBuf, String)>,
    pub(super) master: Option<MasterStatus>,
    pub(super) tor_status: Option<TorStatus>,
    pub(super) key_problems: Vec<String>,
}

/// A service's Unix user that is more than that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OpenUser {
    pub(super) name: String,
    pub(super) uid: u32,
    /// Its shell.
    pub(super) shell: PathBuf,
}

/// How devices are told to reach the server.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// Empty: none is known.
    pub(super) name: String,
    pub(super) is_configured: bool,
    /// What the name resolves to; `None`: it is an address, or was not asked.
    pub(super) resolved: Option<Vec<IpAddr>>,
}

/// A directory or file of the state that is not as it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileFact {
    pub(super) path: PathBuf,
    pub(super) uid: u32,
    pub(super) wanted_uid: u32,
    /// Permission bits.
    pub(super) mode: u32,
    /// Bits it may have.
    pub(super) allowed: u32,
}

/// A port the server needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Port {
    pub(super) protocol: &'static str,
    pub(super) number: u16,
    pub(super) what: &'static str,
    pub(super) holder: Holder,
}

/// Who has a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Holder {
    Nobody,
    /// The kernel or a process that cannot be seen.
    Unknown,
    Process {
        name: String,
        pid: u32,
    },
}

/// A base chain that is not ours and drops by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Drops {
    pub(super) family: String,
    pub(super) table: String,
    pub(super) chain: String,
    pub(super) hook: String,
}

/// A route of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) net: IpNet,
    pub(super) interface: String,
}

#[derive(Debug, Default)]
pub(super) struct Clock {
    /// `None`: nobody here knows.
    pub(super) synchronised: Option<bool>,
    /// Newest change of a file of the state.
    pub(super) newest_file: Option<UnixSeconds>,
}

/// Room where a path is.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    pub(super) path: PathBuf,
    pub(super) free_bytes: u64,
    pub(super) free_files: Option<u64>,
    pub(super) is_read_only: bool,
    /// What makes it writable.
    pub(super) cure_read_only: String,
}

/// A database file.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) path: PathBuf,
    /// What is wrong inside; `Err`: it does not open.
    pub(super) check: Result<Vec<String>, String>,
    /// Its newest migration is one this program does not know.
    pub(super) is_newer: bool,
}

/// A password file and why it is of no use.
#[derive(Debug, Clone)]
pub(super) struct SecretFact {
    pub(super) path: PathBuf,
    /// The Unix group that must be able to read it.
    pub(super) group: &'static str,
    pub(super) why: String,
}

/// A certificate of the operator's.
#[derive(Debug, Clone)]
pub(super) struct Certificate {
    pub(super) path: PathBuf,
    /// From when to when it is good, or why it cannot be used.
    pub(super) validity: Result<(UnixSeconds, UnixSeconds), String>,
}

/// What is in the place of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Socket {
    /// Somebody listens.
    Answers,
    /// A socket without anybody.
    Stale,
    /// Something that is no file and no socket.
    Foreign,
}
