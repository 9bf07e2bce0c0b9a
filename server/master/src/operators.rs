//! The methods for operators; each checks the operator's right and passes the order on.

use crate::backups::Backups;
use crate::os_services::Units;
use std::sync::Arc;
use tornado_contracts::auth::Acting;
use tornado_contracts::master::{self, Control, Master, MasterStatus};
use tornado_contracts::operator::OperatorError;
use tornado_contracts::operator::services::{
    self, BackupPart, ControlOsService, CreateBackup, CreatedBackup, OperatorServices, OsService, ReadBackup,
};
use tornado_rpc::{Fault, NoInput, Router};
use tornado_runtime::operators::{Action, OperatorRights};

/// The implementation of the contract.
struct Desk {
    master: Arc<dyn Master>,
    backups: Backups,
    units: Units,
    rights: OperatorRights,
}

/// The routes of the methods.
pub fn router(master: Arc<dyn Master>, backups: Backups, units: Units, rights: OperatorRights) -> Router {
    services::router(Arc::new(Desk { master, backups, units, rights }))
}

const fn word(action: master::Action) -> &'static str {
    match action {
        master::Action::Start => "start",
        master::Action::Stop => "stop",
        master::Action::Restart => "restart",
    }
}

#[async_trait::async_trait]
impl OperatorServices for Desk {
    async fn control_service(&self, input: Acting<Control>) -> Result<MasterStatus, OperatorError> {
        let Some(service) = input.what.service else {
            return Err(Fault::Malformed("a service is required".into()).into());
        };
        let action = |what: &Control| {
            Action::new("service.control", format!("service:{service}")).with("action", word(what.action))
        };
        self.rights.act(input, "services.control", action, |control| self.master.control(control)).await
    }

    async fn os_services(&self, input: Acting<NoInput>) -> Result<Vec<OsService>, OperatorError> {
        self.rights.check(input, "services.read").await?;
        self.units.list().await
    }

    async fn control_os_service(&self, input: Acting<ControlOsService>) -> Result<OsService, OperatorError> {
        let action = |what: &ControlOsService| {
            // Any name can arrive here; those of the configuration are at most this long.
            let unit: String = what.unit.chars().take(100).collect();
            Action::new("os_service.control", format!("unit:{unit}")).with("action", word(what.action))
        };
        self.rights.act(input, "services.control", action, |what| self.units.control(what)).await
    }

    async fn create_backup(&self, input: Acting<CreateBackup>) -> Result<CreatedBackup, OperatorError> {
        let action = |_: &CreateBackup| Action::new("backup.create", "server");
        self.rights.act(input, "backup.create", action, |what| self.backups.create(what)).await
    }

    async fn read_backup(&self, input: Acting<ReadBackup>) -> Result<BackupPart, OperatorError> {
        self.backups.read(self.rights.check(input, "backup.read").await?)
    }
}
