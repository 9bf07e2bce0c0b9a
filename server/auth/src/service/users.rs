//! The contract `Users`.

use super::Service;
use crate::access::Act;
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
        let actor = self.access.authorise(input.operator.as_ref(), Act::UsersWrite).await?;
        self.accounts.create_user(&actor, input.what).await
    }

    async fn update_user(&self, input: Acting<UpdateUser>) -> Result<UserInfo, AuthError> {
        let actor = self.access.authorise(input.operator.as_ref(), Act::UsersWrite).await?;
        self.accounts.update_user(&actor, input.what).await
    }

    async fn delete_user(&self, input: Acting<UserRef>) -> Result<Done, AuthError> {
        let actor = self.access.authorise(input.operator.as_ref(), Act::UsersWrite).await?;
        self.accounts.delete_user(&actor, input.what).await
    }

    async fn show_user(&self, input: Acting<UserRef>) -> Result<UserInfo, AuthError> {
        self.access.authorise(input.operator.as_ref(), Act::UsersRead).await?;
        self.accounts.show_user(input.what).await
    }

    async fn list_users(&self, input: Acting<UserQuery>) -> Result<UserPage, AuthError> {
        self.access.authorise(input.operator.as_ref(), Act::UsersRead).await?;
        self.accounts.list_users(input.what).await
    }

    async fn list_devices(&self, input: Acting<UserRef>) -> Result<Vec<DeviceInfo>, AuthError> {
        self.access.authorise(input.operator.as_ref(), Act::UsersRead).await?;
        self.devices.list_devices(input.what).await
    }

    async fn remove_device(&self, input: Acting<DeviceRef>) -> Result<Done, AuthError> {
        let actor = self.access.authorise(input.operator.as_ref(), Act::DevicesWrite).await?;
        self.devices.remove_device(&actor, &input.what, None).await
    }

    async fn export_device(&self, input: Acting<ExportDevice>) -> Result<ExportedDevice, AuthError> {
        let actor = self.access.authorise(input.operator.as_ref(), Act::DevicesWrite).await?;
        self.devices.export_device(&actor, input.what).await
    }

    async fn revoke_user(&self, input: Acting<UserRef>) -> Result<Done, AuthError> {
        let actor = self.access.authorise(input.operator.as_ref(), Act::UsersWrite).await?;
        self.accounts.revoke_user(&actor, input.what).await
    }

    async fn update_own(&self, input: OwnAct<UpdateOwn>) -> Result<Done, AuthError> {
        self.own.update_own(input).await
    }

    async fn change_own_password(&self, input: OwnAct<ChangePassword>) -> Result<Done, AuthError> {
        self.own.change_own_password(input).await
    }

    async fn own_devices(&self, input: OwnAct<Nothing>) -> Result<Vec<DeviceInfo>, AuthError> {
        self.own.own_devices(input).await
    }

    async fn remove_own_device(&self, input: OwnAct<DeviceRef>) -> Result<Done, AuthError> {
        self.own.remove_own_device(input).await
    }

    async fn begin_own_totp(&self, input: OwnAct<OwnPassword>) -> Result<TotpOffer, AuthError> {
        self.own.begin_own_totp(input).await
    }

    async fn confirm_own_totp(&self, input: OwnAct<TotpCode>) -> Result<RecoveryCodes, AuthError> {
        self.own.confirm_own_totp(input).await
    }

    async fn end_own_totp(&self, input: OwnAct<OwnPassword>) -> Result<Done, AuthError> {
        self.own.end_own_totp(input).await
    }
}
