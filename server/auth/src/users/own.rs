//! Changes by an account's owner: e-mail address, password, devices, second factor. Authorised by an access token.

use super::fields::{check_email, subject};
use super::{accounts, devices};
use crate::actor::Actor;
use crate::core::Core;
use crate::guard::account_tag;
use crate::{factor, fault, tokens};
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::users::{
    ChangePassword, DeviceInfo, DeviceRef, Nothing, OwnAct, OwnPassword, TotpCode, UpdateOwn,
};
use tornado_rpc::Done;
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::Secret;
use tornado_store::identity::{FactorOwner, RevokeReason, Standing, User, UserChange};

pub async fn update_own(core: &Core, input: OwnAct<UpdateOwn>) -> Result<Done, AuthError> {
    let (owner, Standing { user, device, .. }) = owner(core, &input.access_token).await?;
    if let Some(email) = &input.what.email {
        let change = UserChange { email: Some(check_email(email)?), ..UserChange::default() };
        let rows = [core.trail.row(&owner, "user.email", subject(user.id))];
        accounts::apply(core, user.id, &change, &rows).await?;
    }
    if let Some(name) = &input.what.device_name
        && !core.store.rename_device(device, name).await.map_err(fault::store)?
    {
        return Err(AuthError::Revoked);
    }
    Ok(Done {})
}

/// Every other login of the account ends, because its holder may know the old password.
pub async fn change_own_password(core: &Core, input: OwnAct<ChangePassword>) -> Result<Done, AuthError> {
    let (claims, Standing { user, .. }) = tokens::holder(core, &input.access_token).await?;
    confirm_password(core, &user, &input.what.current).await?;
    let change = UserChange {
        password_hash: Some(core.passwords.hash_new(&input.what.new, &user.username).await?),
        end_logins: Some(RevokeReason::PasswordChanged),
        keep: Some(claims.fam),
        verified: Some(user.password_hash.clone()),
        ..UserChange::default()
    };
    let rows = [core.trail.row(&Actor::owner(&user, claims.fam), "user.password", subject(user.id))];
    accounts::apply(core, user.id, &change, &rows).await?;
    Ok(Done {})
}

pub async fn own_devices(core: &Core, input: OwnAct<Nothing>) -> Result<Vec<DeviceInfo>, AuthError> {
    let (_, standing) = tokens::holder(core, &input.access_token).await?;
    devices::list_of(core, standing.user.id).await
}

pub async fn remove_own_device(core: &Core, input: OwnAct<DeviceRef>) -> Result<Done, AuthError> {
    let (owner, standing) = owner(core, &input.access_token).await?;
    devices::remove_device(core, &owner, &input.what, Some(standing.user.id)).await
}

pub async fn begin_own_totp(core: &Core, input: OwnAct<OwnPassword>) -> Result<TotpOffer, AuthError> {
    let (_, Standing { user, .. }) = tokens::holder(core, &input.access_token).await?;
    confirm_password(core, &user, &input.what.password).await?;
    factor::offer_factor(core, FactorOwner::User(user.id), &user.password_hash, user.username.as_str()).await
}

pub async fn confirm_own_totp(core: &Core, input: OwnAct<TotpCode>) -> Result<RecoveryCodes, AuthError> {
    let (owner, Standing { user, .. }) = owner(core, &input.access_token).await?;
    let row = core.trail.row(&owner, "user.totp_on", subject(user.id));
    factor::confirm_factor(core, FactorOwner::User(user.id), &input.what.code, &row).await
}

pub async fn end_own_totp(core: &Core, input: OwnAct<OwnPassword>) -> Result<Done, AuthError> {
    let (owner, Standing { user, .. }) = owner(core, &input.access_token).await?;
    confirm_password(core, &user, &input.what.password).await?;
    let row = core.trail.row(&owner, "user.totp_off", subject(user.id));
    factor::remove_factor(core, FactorOwner::User(user.id), &user.password_hash, &row).await
}

async fn owner(core: &Core, access_token: &Secret) -> Result<(Actor, Standing), AuthError> {
    let (claims, standing) = tokens::holder(core, access_token).await?;
    Ok((Actor::owner(&standing.user, claims.fam), standing))
}

async fn confirm_password(core: &Core, user: &User, typed: &Secret) -> Result<(), AuthError> {
    core.passwords.confirm(account_tag(user.username.as_str()), typed, &user.password_hash).await
}
