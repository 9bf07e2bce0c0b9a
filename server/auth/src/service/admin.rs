//! The contracts `Audit`, `KeyRing`, `ServerSettings` and `Import`.

use super::Service;
use crate::access::{Act, authorise};
use crate::actor::Actor;
use crate::keyring;
use crate::server::settings;
use crate::users::accounts;
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
            Some(_) => authorise(&self.core, input.operator.as_ref(), Act::OwnRead).await?,
            None => Actor::caller()?,
        };
        self.core.trail.append(&actor, input).await
    }

    async fn list_audit(&self, input: Acting<AuditQuery>) -> Result<Vec<AuditRow>, AuthError> {
        self.authorise(&input, Act::AuditRead).await?;
        self.core.trail.list_audit(input.what).await
    }

    async fn verify_audit(&self, input: Acting<NoInput>) -> Result<AuditVerdict, AuthError> {
        let actor = self.authorise(&input, Act::AuditVerify).await?;
        self.core.trail.verify_audit(&actor).await
    }
}

#[async_trait::async_trait]
impl KeyRing for Service {
    async fn key_status(&self, input: Acting<NoInput>) -> Result<KeyStatus, AuthError> {
        self.authorise(&input, Act::KeysRead).await?;
        keyring::key_status(&self.core).await
    }

    async fn rotate_keys(&self, input: Acting<NoInput>) -> Result<KeyStatus, AuthError> {
        let actor = self.authorise(&input, Act::KeysRotate).await?;
        keyring::rotate_keys(&self.core, &actor).await
    }

    async fn check_keys(&self, input: Acting<NoInput>) -> Result<KeyCheck, AuthError> {
        self.authorise(&input, Act::KeysRead).await?;
        keyring::check_keys(&self.core)
    }
}

#[async_trait::async_trait]
impl Import for Service {
    async fn import_account(&self, input: Acting<ImportAccount>) -> Result<Imported, AuthError> {
        let actor = self.authorise(&input, Act::UsersWrite).await?;
        accounts::import_account(&self.core, &actor, input.what).await
    }
}

#[async_trait::async_trait]
impl ServerSettings for Service {
    async fn list_settings(&self, input: Acting<NoInput>) -> Result<Vec<Setting>, AuthError> {
        self.authorise(&input, Act::SettingsRead).await?;
        settings::list_settings(&self.core).await
    }

    async fn put_setting(&self, input: Acting<Setting>) -> Result<Done, AuthError> {
        let actor = self.authorise(&input, Act::SettingsWrite).await?;
        settings::put_setting(&self.core, &actor, input.what).await
    }
}
