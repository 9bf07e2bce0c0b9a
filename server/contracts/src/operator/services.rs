//! Processes and backups, for operators. Served by `master`.

use super::OperatorError;
use crate::ServiceName;
use crate::auth::Acting;
use crate::master::{Action, Control, MasterStatus};
use serde::{Deserialize, Serialize};
use tornado_rpc::NoInput;
use tornado_shared::model::{Secret, UnixSeconds};
use uuid::Uuid;

/// Input of [`OperatorServices::create_backup`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateBackup {
    /// Passphrase with which the backup is sealed, at least 10 characters, without line breaks.
    pub passphrase: Secret,
}

/// A backup that can be read until it is replaced by the next one, at most 15 minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatedBackup {
    /// Its id.
    pub id: Uuid,
    /// Its size.
    pub bytes: u64,
}

/// Input of [`OperatorServices::read_backup`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadBackup {
    /// Id of the backup.
    pub id: Uuid,
    /// Position of the first byte.
    pub offset: u64,
}

/// A part of a backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupPart {
    /// At most 512 KiB, Base64. Empty: the end.
    pub data: String,
}

/// A unit of systemd on the server's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OsService {
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
    pub since: Option<UnixSeconds>,
    /// Its main process.
    pub pid: Option<u32>,
    /// How often systemd restarted it.
    pub restarts: Option<u64>,
    /// Memory of its processes.
    pub memory_bytes: Option<u64>,
    /// True if operators may start, stop and restart it.
    pub is_controllable: bool,
}

/// Input of [`OperatorServices::control_os_service`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlOsService {
    /// Name of the unit.
    pub unit: String,
    /// The action.
    pub action: Action,
}

tornado_rpc::contract! {
    /// Processes and backups, for operators.
    trait OperatorServices, client OperatorServicesClient, error OperatorError, callers ServiceName {
        /// Sets the desired state of one service and returns immediately. Right `services.control`.
        control_service(Acting<Control>) -> MasterStatus = POST "/v1/operator/control", within 20, up to 4_096, for [Admin];
        /// State of the units that the configuration names. Right `services.read`.
        os_services(Acting<NoInput>) -> Vec<OsService> = POST "/v1/operator/os-services", within 5, up to 4_096, for [Admin];
        /// Starts, stops or restarts a unit that the configuration permits. Right `services.control`.
        control_os_service(Acting<ControlOsService>) -> OsService = POST "/v1/operator/os-services/control", within 10, up to 4_096, for [Admin];
        /// Creates a sealed backup of the whole server. Right `backup.create`.
        create_backup(Acting<CreateBackup>) -> CreatedBackup = POST "/v1/operator/backup", within 120, up to 4_096, for [Admin];
        /// Reads a part of a backup. Right `backup.read`.
        read_backup(Acting<ReadBackup>) -> BackupPart = POST "/v1/operator/backup/part", within 15, up to 4_096, for [Admin];
    }
}
