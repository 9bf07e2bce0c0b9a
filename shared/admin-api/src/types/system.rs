//! Services, keys and the audit trail.

use super::{LogFormat, inputs, views, words};
use std::collections::BTreeMap;

words! {
    /// Action on a service.
    pub enum ServiceAction {
        /// The service should run. Also ends a crash loop.
        Start,
        /// The service should not run.
        Stop,
        /// The process is stopped and started again.
        Restart,
    }
}

views! {
    /// All services.
    pub struct ServicesView {
        /// Version of the program.
        pub version: String,
        /// Start time of the supervisor.
        pub started_at: i64,
        /// True when every service that should run is ready.
        pub ready: bool,
        /// The services, in start order.
        pub services: Vec<ServiceView>,
    }

    /// A unit of systemd on the server's machine.
    pub struct OsServiceView {
        /// Its name.
        pub unit: String,
        /// Its description.
        pub description: Option<String>,
        /// `loaded`, `not-found`, `masked` or another word of systemd.
        pub load_state: String,
        /// `active`, `inactive`, `failed`, `activating`, `deactivating` or another word of systemd.
        pub active_state: String,
        /// The state of its kind, for example `running`.
        pub sub_state: Option<String>,
        /// Time at which it became active.
        pub since: Option<i64>,
        /// Its main process.
        pub pid: Option<u32>,
        /// How often systemd restarted it.
        pub restarts: Option<u64>,
        /// Memory of its processes.
        pub memory_bytes: Option<u64>,
        /// True if operators may start, stop and restart it.
        pub is_controllable: bool,
    }

    /// One service.
    pub struct ServiceView {
        /// Its name.
        pub name: String,
        /// True: the service should run.
        pub desired: bool,
        /// `stopped`, `waiting`, `starting`, `ready`, `degraded`, `backing_off`, `crash_loop` or `stopping`.
        pub state: String,
        /// Reason for the state.
        pub reason: Option<String>,
        /// Milliseconds until the next start.
        pub retry_in_ms: Option<u64>,
        /// Process id.
        pub pid: Option<u32>,
        /// Start time of the process.
        pub started_at: Option<i64>,
        /// Restarts since the supervisor started.
        pub restarts: u32,
        /// Resident memory, bytes.
        pub memory_bytes: Option<u64>,
    }

    /// All keys.
    pub struct KeysView {
        /// The server's current time.
        pub now: i64,
        /// The keys, grouped by purpose, newest first.
        pub keys: Vec<KeyView>,
        /// Time of the next scheduled rotation; absent: rotation is manual.
        pub next_rotation: Option<i64>,
        /// Seconds between publication and first use of a new key.
        pub lead: i64,
        /// True while a rotation is in progress.
        pub rotating: bool,
        /// SHA-256 of the TLS certificate's key.
        pub tls_spki_sha256: Option<String>,
    }

    /// A key.
    pub struct KeyView {
        /// Public id.
        pub id: String,
        /// `access`, `refresh`, `login_v1` or `login_v2`.
        pub usage: String,
        /// `next`, `current` or `verify_only`.
        pub phase: String,
        /// Creation time.
        pub created_at: i64,
        /// Time from which it is used.
        pub active_from: i64,
        /// Time of its removal; absent: it has no successor yet.
        pub gone_at: Option<i64>,
    }

    /// Result of a key check.
    pub struct KeyCheckView {
        /// Files read.
        pub files: u64,
        /// Problems found.
        pub problems: Vec<String>,
    }

    /// A row of the audit trail.
    pub struct AuditView {
        /// Sequence number.
        pub seq: i64,
        /// Time.
        pub at: i64,
        /// `root`, `operator:NAME`, `user:NAME` or `service:NAME`.
        pub actor: String,
        /// The action, for example `user.delete`.
        pub action: String,
        /// The object.
        pub subject: String,
        /// `done`, `refused` or `failed`.
        pub outcome: String,
        /// Details.
        pub details: BTreeMap<String, String>,
        /// SHA-256 of the row and of the hash before it.
        pub hash: String,
    }

    /// Result of a check of the trail.
    pub struct AuditVerdictView {
        /// Rows checked.
        pub rows: i64,
        /// Sequence number of the newest signed row; 0: none.
        pub signed: i64,
        /// The first altered row; absent: the trail is intact.
        pub broken_seq: Option<i64>,
        /// Description of the fault.
        pub broken_reason: Option<String>,
    }
}

inputs! {
    /// Filters of the audit trail.
    #[derive(Default)]
    pub struct AuditQuery {
        /// Only actions with this prefix, for example `user.`.
        #[serde(default)]
        pub action: Option<String>,
        /// Only this actor.
        #[serde(default)]
        pub actor: Option<String>,
        /// `next` of the page before.
        #[serde(default)]
        pub cursor: Option<String>,
        /// Largest number of items, 1 to 500; default 50.
        #[serde(default)]
        pub limit: Option<u32>,
    }

    /// Rows of the audit trail as a file.
    pub struct ExportAuditQuery {
        /// Only actions with this prefix, for example `user.`.
        #[serde(default)]
        pub action: Option<String>,
        /// Only this actor.
        #[serde(default)]
        pub actor: Option<String>,
        /// Format.
        pub format: LogFormat,
    }

    /// An action on a unit of systemd.
    pub struct ControlOsService {
        /// Name of the unit.
        pub unit: String,
        /// The action.
        pub action: ServiceAction,
    }

    /// An action on a service.
    pub struct ControlService {
        /// Name of the service.
        pub service: String,
        /// The action.
        pub action: ServiceAction,
    }
}
