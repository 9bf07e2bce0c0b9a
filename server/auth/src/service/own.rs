//! Changes by an account's owner: e-mail address, password, devices, second factor. Authorised by an access token.

use super::access::Actor;
use super::attempt::tag;
use super::users::{check_email, subject};
use super::{Service, fault};
use crate::guard::Attempt;
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::users::{
    ChangePassword, DeviceInfo, DeviceRef, Nothing, OwnAct, OwnPassword, TotpCode, UpdateOwn,
};
use tornado_rpc::Done;
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::Secret;
use tornado_store::identity::{FactorOwner, RevokeReason, User, UserChange};

impl Service {
    pub(super) async fn change_own(&self, input: OwnAct<UpdateOwn>) -> Result<Done, AuthError> {
        let (claims, standing) = self.holder(&input.access_token).await?;
        let user = standing.user;
        if let Some(email) = &input.what.email {
            let change = UserChange { email: Some(check_email(email)?), ..UserChange::default() };
            let rows = [self.row(&Actor::owner(&user, claims.fam), "user.email", subject(user.id))];
            self.apply(user.id, &change, &rows).await?;
        }
        if let Some(name) = &input.what.device_name
            && !self.store.rename_device(standing.device, name).await.map_err(fault::store)?
        {
            return Err(AuthError::Revoked);
        }
        Ok(Done {})
    }

    /// Every other login of the account ends, because its holder may know the old password.
    pub(super) async fn change_password(&self, input: OwnAct<ChangePassword>) -> Result<Done, AuthError> {
        let (claims, standing) = self.holder(&input.access_token).await?;
        let user = standing.user;
        self.reaffirm(&user, &input.what.current).await?;
        let change = UserChange {
            password_hash: Some(self.hash_new(&input.what.new, &user.username).await?),
            end_logins: Some(RevokeReason::PasswordChanged),
            keep: Some(claims.fam),
            verified: Some(user.password_hash.clone()),
            ..UserChange::default()
        };
        let rows = [self.row(&Actor::owner(&user, claims.fam), "user.password", subject(user.id))];
        self.apply(user.id, &change, &rows).await?;
        Ok(Done {})
    }

    pub(super) async fn own_device_list(&self, input: OwnAct<Nothing>) -> Result<Vec<DeviceInfo>, AuthError> {
        let (_, standing) = self.holder(&input.access_token).await?;
        self.list_devices(standing.user.id).await
    }

    pub(super) async fn remove_own(&self, input: OwnAct<DeviceRef>) -> Result<Done, AuthError> {
        let (claims, standing) = self.holder(&input.access_token).await?;
        let actor = Actor::owner(&standing.user, claims.fam);
        self.take_device(&actor, &input.what, Some(standing.user.id)).await
    }

    pub(super) async fn begin_totp_of_user(&self, input: OwnAct<OwnPassword>) -> Result<TotpOffer, AuthError> {
        let (_, standing) = self.holder(&input.access_token).await?;
        self.reaffirm(&standing.user, &input.what.password).await?;
        let user = standing.user;
        self.offer_factor(FactorOwner::User(user.id), &user.password_hash, user.username.as_str()).await
    }

    pub(super) async fn confirm_totp_of_user(&self, input: OwnAct<TotpCode>) -> Result<RecoveryCodes, AuthError> {
        let (claims, standing) = self.holder(&input.access_token).await?;
        let user = standing.user;
        let row = self.row(&Actor::owner(&user, claims.fam), "user.totp_on", subject(user.id));
        self.confirm_factor(FactorOwner::User(user.id), &input.what.code, &row).await
    }

    pub(super) async fn end_totp_of_user(&self, input: OwnAct<OwnPassword>) -> Result<Done, AuthError> {
        let (claims, standing) = self.holder(&input.access_token).await?;
        let user = standing.user;
        self.reaffirm(&user, &input.what.password).await?;
        let row = self.row(&Actor::owner(&user, claims.fam), "user.totp_off", subject(user.id));
        self.remove_factor(FactorOwner::User(user.id), &user.password_hash, &row).await
    }

    /// Verifies the password again and counts failures, so that a stolen token cannot be used to guess it.
    async fn reaffirm(&self, user: &User, password: &Secret) -> Result<(), AuthError> {
        let attempt = self.attempt(Attempt::own(tag(user.username.as_str())), self.clock.now())?;
        if self.is_right(password, Some(&user.password_hash)).await? {
            attempt.succeeded(self.clock.now());
            return Ok(());
        }
        attempt.failed(self.clock.now());
        Err(AuthError::InvalidCredentials)
    }
}
