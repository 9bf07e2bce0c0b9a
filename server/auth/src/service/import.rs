//! Import of accounts from another installation.

use super::Service;
use super::access::Act;
use super::fault;
use super::users::{check_devices, check_email, subject};
use crate::password;
use tornado_contracts::auth::import::{Import, ImportAccount, Imported};
use tornado_contracts::auth::{Acting, AuthError};
use tornado_shared::model::UserId;
use tornado_store::identity::NewUser;

#[async_trait::async_trait]
impl Import for Service {
    async fn account(&self, input: Acting<ImportAccount>) -> Result<Imported, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::UsersWrite).await?;
        let what = input.what;
        check_devices(what.max_devices)?;
        let email = what.email.as_deref().map(check_email).transpose()?.flatten();
        password::check_foreign(what.password_hash.expose())
            .map_err(|why| AuthError::InvalidFields(format!("password_hash: {why}")))?;
        let id = UserId::random();
        let row = self.row(&actor, "user.import", subject(id));
        let password_hash = what.password_hash.expose().to_owned();
        let new = NewUser { id, username: what.username, email, password_hash, max_devices: what.max_devices };
        let made = self.store.import_user(&new, what.is_active, self.clock.now(), &row).await;
        if !made.map_err(fault::store)? {
            return Ok(Imported::Taken);
        }
        self.sign_trail().await;
        Ok(Imported::Made { id })
    }
}
