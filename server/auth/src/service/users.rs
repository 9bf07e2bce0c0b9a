//! The contract `Users`.

use super::Service;
use crate::access::Act;
use crate::users::{accounts, devices, own};
use tornado_contracts::auth::users::{
    ChangePassword, CreateUser, DeviceInfo, DeviceRef, ExportDevice, ExportedDevice, Nothing, OwnAct, OwnPassword,
    TotpCode, UpdateOwn, UpdateUser, UserInfo, UserPage, UserQuery, UserRef, Users,
};
use tornado_contracts::auth::{Acting, AuthError};
use tornado_rpc::Done;
use tornado_shared::api::{RecoveryCodes, TotpOffer};

#[async_trait::async_trait]
impl Users for Service {
    async fn create_user(&self, input: Acting<CreateUser>) -> Result<UserInfo, AuthError> {
        let actor = self.authorise(&input, Act::UsersWrite).await?;
        accounts::create_user(&self.core, &actor, input.what).await
    }

    async fn update_user(&self, input: Acting<UpdateUser>) -> Result<UserInfo, AuthError> {
        let actor = self.authorise(&input, Act::UsersWrite).await?;
        accounts::update_user(&self.core, &actor, input.what).await
    }

    async fn delete_user(&self, input: Acting<UserRef>) -> Result<Done, AuthError> {
        let actor = self.authorise(&input, Act::UsersWrite).await?;
        accounts::delete_user(&self.core, &actor, input.what).await
    }

    async fn show_user(&self, input: Acting<UserRef>) -> Result<UserInfo, AuthError> {
        self.authorise(&input, Act::UsersRead).await?;
        accounts::show_user(&self.core, input.what).await
    }

    async fn list_users(&self, input: Acting<UserQuery>) -> Result<UserPage, AuthError> {
        self.authorise(&input, Act::UsersRead).await?;
        accounts::list_users(&self.core, input.what).await
    }

    async fn list_devices(&self, input: Acting<UserRef>) -> Result<Vec<DeviceInfo>, AuthError> {
        self.authorise(&input, Act::UsersRead).await?;
        devices::list_devices(&self.core, input.what).await
    }

    async fn remove_device(&self, input: Acting<DeviceRef>) -> Result<Done, AuthError> {
        let actor = self.authorise(&input, Act::DevicesWrite).await?;
        devices::remove_device(&self.core, &actor, &input.what, None).await
    }

    async fn export_device(&self, input: Acting<ExportDevice>) -> Result<ExportedDevice, AuthError> {
        let actor = self.authorise(&input, Act::DevicesWrite).await?;
        devices::export_device(&self.core, &actor, input.what).await
    }

    async fn revoke_user(&self, input: Acting<UserRef>) -> Result<Done, AuthError> {
        let actor = self.authorise(&input, Act::UsersWrite).await?;
        accounts::revoke_user(&self.core, &actor, input.what).await
    }

    async fn update_own(&self, input: OwnAct<UpdateOwn>) -> Result<Done, AuthError> {
        own::update_own(&self.core, input).await
    }

    async fn change_own_password(&self, input: OwnAct<ChangePassword>) -> Result<Done, AuthError> {
        own::change_own_password(&self.core, input).await
    }

    async fn own_devices(&self, input: OwnAct<Nothing>) -> Result<Vec<DeviceInfo>, AuthError> {
        own::own_devices(&self.core, input).await
    }

    async fn remove_own_device(&self, input: OwnAct<DeviceRef>) -> Result<Done, AuthError> {
        own::remove_own_device(&self.core, input).await
    }

    async fn begin_own_totp(&self, input: OwnAct<OwnPassword>) -> Result<TotpOffer, AuthError> {
        own::begin_own_totp(&self.core, input).await
    }

    async fn confirm_own_totp(&self, input: OwnAct<TotpCode>) -> Result<RecoveryCodes, AuthError> {
        own::confirm_own_totp(&self.core, input).await
    }

    async fn end_own_totp(&self, input: OwnAct<OwnPassword>) -> Result<Done, AuthError> {
        own::end_own_totp(&self.core, input).await
    }
}
