//! Changes by an account's owner: e-mail address, password, devices, second factor. Authorised by an access token.

use super::accounts::Accounts;
use super::devices::Devices;
use super::fields::{check_email, subject};
use crate::actor::Actor;
use crate::factor::Factors;
use crate::fault;
use crate::guard::account_tag;
use crate::password::Passwords;
use crate::tokens::Logins;
use crate::trail::Trail;
use std::sync::Arc;
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::users::{
    ChangePassword, DeviceInfo, DeviceRef, Nothing, OwnAct, OwnPassword, TotpCode, UpdateOwn,
};
use tornado_rpc::Done;
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::Secret;
use tornado_store::identity::{FactorOwner, IdentityStore, RevokeReason, Standing, User, UserChange};

/// The account of the caller's access token.
pub struct OwnAccount {
    store: Arc<dyn IdentityStore>,
    trail: Arc<Trail>,
    logins: Arc<Logins>,
    accounts: Arc<Accounts>,
    devices: Arc<Devices>,
    passwords: Arc<Passwords>,
    factors: Arc<Factors>,
}

impl OwnAccount {
    pub fn new(
        store: Arc<dyn IdentityStore>,
        trail: Arc<Trail>,
        logins: Arc<Logins>,
        accounts: Arc<Accounts>,
        devices: Arc<Devices>,
        passwords: Arc<Passwords>,
        factors: Arc<Factors>,
    ) -> Self {
        Self { store, trail, logins, accounts, devices, passwords, factors }
    }

    pub async fn update_own(&self, input: OwnAct<UpdateOwn>) -> Result<Done, AuthError> {
        let (owner, Standing { user, device, .. }) = self.owner(&input.access_token).await?;
        if let Some(email) = &input.what.email {
            let change = UserChange { email: Some(check_email(email)?), ..UserChange::default() };
            let rows = [self.trail.row(&owner, "user.email", subject(user.id))];
            self.accounts.apply(user.id, &change, &rows).await?;
        }
        if let Some(name) = &input.what.device_name
            && !self.store.rename_device(device, name).await.map_err(fault::store)?
        {
            return Err(AuthError::Revoked);
        }
        Ok(Done {})
    }

    /// Every other login of the account ends, because its holder may know the old password.
    pub async fn change_own_password(&self, input: OwnAct<ChangePassword>) -> Result<Done, AuthError> {
        let (claims, Standing { user, .. }) = self.logins.holder(&input.access_token).await?;
        self.confirm_password(&user, &input.what.current).await?;
        let change = UserChange {
            password_hash: Some(self.passwords.hash_new(&input.what.new, &user.username).await?),
            end_logins: Some(RevokeReason::PasswordChanged),
            keep: Some(claims.fam),
            verified: Some(user.password_hash.clone()),
            ..UserChange::default()
        };
        let rows = [self.trail.row(&Actor::owner(&user, claims.fam), "user.password", subject(user.id))];
        self.accounts.apply(user.id, &change, &rows).await?;
        Ok(Done {})
    }

    pub async fn own_devices(&self, input: OwnAct<Nothing>) -> Result<Vec<DeviceInfo>, AuthError> {
        let (_, standing) = self.logins.holder(&input.access_token).await?;
        self.devices.list_of(standing.user.id).await
    }

    pub async fn remove_own_device(&self, input: OwnAct<DeviceRef>) -> Result<Done, AuthError> {
        let (owner, standing) = self.owner(&input.access_token).await?;
        self.devices.remove_device(&owner, &input.what, Some(standing.user.id)).await
    }

    pub async fn begin_own_totp(&self, input: OwnAct<OwnPassword>) -> Result<TotpOffer, AuthError> {
        let (_, Standing { user, .. }) = self.logins.holder(&input.access_token).await?;
        self.confirm_password(&user, &input.what.password).await?;
        self.factors.offer_factor(FactorOwner::User(user.id), &user.password_hash, user.username.as_str()).await
    }

    pub async fn confirm_own_totp(&self, input: OwnAct<TotpCode>) -> Result<RecoveryCodes, AuthError> {
        let (owner, Standing { user, .. }) = self.owner(&input.access_token).await?;
        let row = self.trail.row(&owner, "user.totp_on", subject(user.id));
        self.factors.confirm_factor(FactorOwner::User(user.id), &input.what.code, &row).await
    }

    pub async fn end_own_totp(&self, input: OwnAct<OwnPassword>) -> Result<Done, AuthError> {
        let (owner, Standing { user, .. }) = self.owner(&input.access_token).await?;
        self.confirm_password(&user, &input.what.password).await?;
        let row = self.trail.row(&owner, "user.totp_off", subject(user.id));
        self.factors.remove_factor(FactorOwner::User(user.id), &user.password_hash, &row).await
    }

    async fn owner(&self, access_token: &Secret) -> Result<(Actor, Standing), AuthError> {
        let (claims, standing) = self.logins.holder(access_token).await?;
        Ok((Actor::owner(&standing.user, claims.fam), standing))
    }

    async fn confirm_password(&self, user: &User, typed: &Secret) -> Result<(), AuthError> {
        self.passwords.confirm(account_tag(user.username.as_str()), typed, &user.password_hash).await
    }
}
