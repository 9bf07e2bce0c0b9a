//! Processes and backups, for operators. Served by `master`.

use super::OperatorError;
use crate::ServiceName;
use crate::auth::Acting;
use crate::master::{Control, MasterStatus};
use serde::{Deserialize, Serialize};
use tornado_shared::model::Secret;
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

tornado_rpc::contract! {
    /// Processes and backups, for operators.
    trait OperatorServices, client OperatorServicesClient, error OperatorError, callers ServiceName {
        /// Sets the desired state of one service and returns immediately. Right `services.control`.
        control_service(Acting<Control>) -> MasterStatus = POST "/v1/operator/control", within 20, up to 4_096, for [Admin];
        /// Creates a sealed backup of the whole server. Right `backup.create`.
        create_backup(Acting<CreateBackup>) -> CreatedBackup = POST "/v1/operator/backup", within 120, up to 4_096, for [Admin];
        /// Reads a part of a backup. Right `backup.read`.
        read_backup(Acting<ReadBackup>) -> BackupPart = POST "/v1/operator/backup/part", within 15, up to 4_096, for [Admin];
    }
}
