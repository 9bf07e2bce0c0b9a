//! The contracts `Audit`, `KeyRing`, `ServerSettings` and `Import`.

use super::Service;
use crate::access::Act;
use crate::actor::Actor;
use tornado_contracts::auth::audit::{AppendAudit, Audit, AuditQuery, AuditRow, AuditVerdict};
use tornado_contracts::auth::import::{Import, ImportAccount, Imported};
use tornado_contracts::auth::keys::{KeyCheck, KeyRing, KeyStatus};
use tornado_contracts::auth::settings::{ServerSettings, Setting};
use tornado_contracts::auth::{Acting, AuthError};
use tornado_rpc::{Done, NoInput};

#[async_trait::async_trait]
impl Audit for Service {
    async fn append(&self, input: AppendAudit) -> Result<Done, AuthError> {
        let actor = match &input.operator {
            Some(_) => self.access.authorise(input.operator.as_ref(), Act::OwnRead).await?,
            None => Actor::caller()?,
        };
        self.trail.append(&actor, input).await
    }

    async fn list_audit(&self, input: Acting<AuditQuery>) -> Result<Vec<AuditRow>, AuthError> {
        self.access.authorise(input.operator.as_ref(), Act::AuditRead).await?;
        self.trail.list_audit(input.what).await
    }

    async fn verify_audit(&self, input: Acting<NoInput>) -> Result<AuditVerdict, AuthError> {
        let actor = self.access.authorise(input.operator.as_ref(), Act::AuditVerify).await?;
        self.trail.verify_audit(&actor).await
    }
}

#[async_trait::async_trait]
impl KeyRing for Service {
    async fn key_status(&self, input: Acting<NoInput>) -> Result<KeyStatus, AuthError> {
        self.access.authorise(input.operator.as_ref(), Act::KeysRead).await?;
        self.keyring.key_status().await
    }

    async fn rotate_keys(&self, input: Acting<NoInput>) -> Result<KeyStatus, AuthError> {
        let actor = self.access.authorise(input.operator.as_ref(), Act::KeysRotate).await?;
        self.keyring.rotate_keys(&actor).await
    }

    async fn check_keys(&self, input: Acting<NoInput>) -> Result<KeyCheck, AuthError> {
        self.access.authorise(input.operator.as_ref(), Act::KeysRead).await?;
        self.keyring.check_keys()
    }
}

#[async_trait::async_trait]
impl Import for Service {
    async fn import_account(&self, input: Acting<ImportAccount>) -> Result<Imported, AuthError> {
        let actor = self.access.authorise(input.operator.as_ref(), Act::UsersWrite).await?;
        self.accounts.import_account(&actor, input.what).await
    }
}

#[async_trait::async_trait]
impl ServerSettings for Service {
    async fn list_settings(&self, input: Acting<NoInput>) -> Result<Vec<Setting>, AuthError> {
        self.access.authorise(input.operator.as_ref(), Act::SettingsRead).await?;
        self.settings.list_settings().await
    }

    async fn put_setting(&self, input: Acting<Setting>) -> Result<Done, AuthError> {
        let actor = self.access.authorise(input.operator.as_ref(), Act::SettingsWrite).await?;
        self.settings.put_setting(&actor, input.what).await
    }
}
