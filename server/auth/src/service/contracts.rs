//! The other contracts besides [`Auth`](tornado_contracts::auth::Auth), delegated to the use cases.

use super::Service;
use super::access::Act;
use tornado_contracts::auth::audit::{AppendAudit, Audit, AuditQuery, AuditRow, AuditVerdict};
use tornado_contracts::auth::operators::{
    ConfirmTotp, MayI, OperatorRef, Operators, PutOperatorRole, Reaffirm, SignIn, SignInRef, SignInView, SignedIn,
    Standing,
};
use tornado_contracts::auth::users::{
    ChangePassword, CreateUser, DeviceInfo, DeviceRef, IssueDevice, IssuedDevice, Nothing, OwnAct, OwnPassword,
    TotpCode, UpdateOwn, UpdateUser, UserInfo, UserPage, UserQuery, UserRef, Users,
};
use tornado_contracts::auth::{Acting, AuthError, Operator};
use tornado_rpc::{Done, NoInput};
use tornado_shared::api::{RecoveryCodes, TotpOffer};

#[async_trait::async_trait]
impl Audit for Service {
    async fn append(&self, input: AppendAudit) -> Result<Done, AuthError> {
        self.append_row(input).await
    }

    async fn list(&self, input: Acting<AuditQuery>) -> Result<Vec<AuditRow>, AuthError> {
        self.authorise(input.operator.as_ref(), Act::AuditRead).await?;
        self.trail(input.what).await
    }

    async fn verify(&self, input: Acting<NoInput>) -> Result<AuditVerdict, AuthError> {
        self.checked_verdict(input.operator.as_ref()).await
    }
}

#[async_trait::async_trait]
impl Users for Service {
    async fn create(&self, input: Acting<CreateUser>) -> Result<UserInfo, AuthError> {
        self.create_user(input).await
    }

    async fn update(&self, input: Acting<UpdateUser>) -> Result<UserInfo, AuthError> {
        self.update_user(input).await
    }

    async fn delete(&self, input: Acting<UserRef>) -> Result<Done, AuthError> {
        self.delete_user(input).await
    }

    async fn show(&self, input: Acting<UserRef>) -> Result<UserInfo, AuthError> {
        self.show_user(input).await
    }

    async fn list(&self, input: Acting<UserQuery>) -> Result<UserPage, AuthError> {
        self.page_of_users(input).await
    }

    async fn devices(&self, input: Acting<UserRef>) -> Result<Vec<DeviceInfo>, AuthError> {
        self.devices_of(input).await
    }

    async fn remove_device(&self, input: Acting<DeviceRef>) -> Result<Done, AuthError> {
        self.remove_any_device(input).await
    }

    async fn issue_device(&self, input: Acting<IssueDevice>) -> Result<IssuedDevice, AuthError> {
        self.issue(input).await
    }

    async fn revoke(&self, input: Acting<UserRef>) -> Result<Done, AuthError> {
        self.revoke_user(input).await
    }

    async fn update_own(&self, input: OwnAct<UpdateOwn>) -> Result<Done, AuthError> {
        self.change_own(input).await
    }

    async fn change_own_password(&self, input: OwnAct<ChangePassword>) -> Result<Done, AuthError> {
        self.change_password(input).await
    }

    async fn own_devices(&self, input: OwnAct<Nothing>) -> Result<Vec<DeviceInfo>, AuthError> {
        self.own_device_list(input).await
    }

    async fn remove_own_device(&self, input: OwnAct<DeviceRef>) -> Result<Done, AuthError> {
        self.remove_own(input).await
    }

    async fn begin_own_totp(&self, input: OwnAct<OwnPassword>) -> Result<TotpOffer, AuthError> {
        self.begin_totp_of_user(input).await
    }

    async fn confirm_own_totp(&self, input: OwnAct<TotpCode>) -> Result<RecoveryCodes, AuthError> {
        self.confirm_totp_of_user(input).await
    }

    async fn end_own_totp(&self, input: OwnAct<OwnPassword>) -> Result<Done, AuthError> {
        self.end_totp_of_user(input).await
    }
}

#[async_trait::async_trait]
impl Operators for Service {
    async fn sign_in(&self, input: SignIn) -> Result<SignedIn, AuthError> {
        self.operator_signs_in(input).await
    }

    async fn sign_out(&self, input: Acting<NoInput>) -> Result<Done, AuthError> {
        self.operator_signs_out(input).await
    }

    async fn whoami(&self, input: Acting<NoInput>) -> Result<Standing, AuthError> {
        self.operator_standing(input).await
    }

    async fn check(&self, input: Acting<MayI>) -> Result<Operator, AuthError> {
        self.may(input).await
    }

    async fn list(&self, input: Acting<NoInput>) -> Result<Vec<Operator>, AuthError> {
        self.all_operators(input).await
    }

    async fn put(&self, input: Acting<PutOperatorRole>) -> Result<Operator, AuthError> {
        self.put_operator_role(input).await
    }

    async fn remove(&self, input: Acting<OperatorRef>) -> Result<Done, AuthError> {
        self.remove_operator(input).await
    }

    async fn sign_ins(&self, input: Acting<NoInput>) -> Result<Vec<SignInView>, AuthError> {
        self.list_sign_ins(input).await
    }

    async fn revoke_sign_in(&self, input: Acting<SignInRef>) -> Result<Done, AuthError> {
        self.revoke_sign_in_of(input).await
    }

    async fn begin_totp(&self, input: Acting<Reaffirm>) -> Result<TotpOffer, AuthError> {
        self.begin_operator_totp(input).await
    }

    async fn confirm_totp(&self, input: Acting<ConfirmTotp>) -> Result<RecoveryCodes, AuthError> {
        self.confirm_operator_totp(input).await
    }

    async fn end_totp(&self, input: Acting<Reaffirm>) -> Result<Done, AuthError> {
        self.end_operator_totp(input).await
    }
}
