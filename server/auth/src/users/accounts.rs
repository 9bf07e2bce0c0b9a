//! Accounts, as administered by operators.

use super::changes;
use super::fields::{check_devices, check_email, check_rate, subject};
use super::lookup::{find, not_found, resolve};
use crate::actor::Actor;
use crate::core::Core;
use crate::password::check_foreign;
use crate::tokens::traffic_policy;
use crate::{factor, fault};
use tornado_contracts::UserTrafficPolicy;
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::import::{ImportAccount, Imported};
use tornado_contracts::auth::users::{CreateUser, UpdateUser, UserInfo, UserPage, UserQuery, UserRef};
use tornado_rpc::Done;
use tornado_shared::model::{CloseReason, UserId};
use tornado_store::identity::{
    ChangeOutcome, FactorOwner, NewAudit, NewUser, RevokeReason, User, UserChange, UserFilter,
};

const MAX_PAGE: u32 = 500;

pub async fn create_user(core: &Core, actor: &Actor, what: CreateUser) -> Result<UserInfo, AuthError> {
    check_devices(what.max_devices)?;
    let email = what.email.as_deref().map(check_email).transpose()?.flatten();
    let password_hash = core.passwords.hash_new(&what.password, &what.username).await?;
    let id = UserId::random();
    let row = core.trail.row(actor, "user.create", subject(id));
    let new = NewUser { id, username: what.username, email, password_hash, max_devices: what.max_devices };
    if !core.trail.signed(core.store.create_user(&new, core.clock.now(), &row)).await? {
        return Err(AuthError::NameTaken);
    }
    info(core, &find(&core.store, id).await?).await
}

pub async fn import_account(core: &Core, actor: &Actor, what: ImportAccount) -> Result<Imported, AuthError> {
    check_devices(what.max_devices)?;
    let email = what.email.as_deref().map(check_email).transpose()?.flatten();
    check_foreign(what.password_hash.expose())
        .map_err(|why| AuthError::InvalidFields(format!("password_hash: {why}")))?;
    let id = UserId::random();
    let row = core.trail.row(actor, "user.import", subject(id));
    let password_hash = what.password_hash.expose().to_owned();
    let new = NewUser { id, username: what.username, email, password_hash, max_devices: what.max_devices };
    let created = core.store.import_account(&new, what.is_active, core.clock.now(), &row);
    Ok(if core.trail.signed(created).await? { Imported::Made { id } } else { Imported::Taken })
}

/// Suspension, a new password and a lower device limit end the affected sessions before this returns.
pub async fn update_user(core: &Core, actor: &Actor, what: UpdateUser) -> Result<UserInfo, AuthError> {
    let user = resolve(&core.store, &what.user).await?;
    let mut change = UserChange {
        username: what.username.filter(|name| *name != user.username),
        max_devices: what.max_devices,
        month_quota: what.month_quota.map(|bytes| (bytes > 0).then_some(bytes)),
        download_rate: what.download_rate.map(check_rate).transpose()?,
        upload_rate: what.upload_rate.map(check_rate).transpose()?,
        together: what.peer_group,
        active: what.active,
        forget_totp: what.forget_totp,
        ..UserChange::default()
    };
    change.email = what.email.as_deref().map(check_email).transpose()?;
    what.max_devices.map_or(Ok(()), check_devices)?;
    if let Some(new) = &what.password {
        let name = change.username.as_ref().unwrap_or(&user.username);
        change.password_hash = Some(core.passwords.hash_new(new, name).await?);
        change.end_logins = Some(RevokeReason::PasswordChanged);
    }
    if what.active == Some(false) {
        change.end_logins = Some(RevokeReason::Suspended);
    }
    let rows = changes::rows(&core.trail, actor, &user, &change);
    apply(core, user.id, &change, &rows).await?;
    if what.max_devices.is_some_and(|max| max < user.max_devices) {
        core.closing.end_surplus(user.id, change.max_devices.unwrap_or(user.max_devices)).await?;
    }
    info(core, &find(&core.store, user.id).await?).await
}

/// Writes a change, then ends the sessions of every device that lost its login.
pub(super) async fn apply(core: &Core, user: UserId, change: &UserChange, rows: &[NewAudit]) -> Result<(), AuthError> {
    let pending = core.closing.begin();
    let outcome = core.trail.signed(core.store.update_user(user, change, core.clock.now(), rows)).await?;
    match outcome {
        ChangeOutcome::Changed(ended) => core.closing.end_sessions(pending, &ended, CloseReason::Revoked).await,
        ChangeOutcome::Taken => Err(AuthError::NameTaken),
        ChangeOutcome::Gone => Err(not_found()),
    }
}

pub async fn delete_user(core: &Core, actor: &Actor, what: UserRef) -> Result<Done, AuthError> {
    let user = resolve(&core.store, &what.user).await?;
    let details = [("name", user.username.to_string())];
    let row = core.trail.detailed(actor, "user.delete", subject(user.id), &details);
    let pending = core.closing.begin();
    let erased = core.trail.signed(core.store.delete_user(user.id, core.clock.now(), &row)).await?;
    let ended = erased.ok_or_else(not_found)?;
    core.closing.end_sessions(pending, &ended, CloseReason::Revoked).await?;
    Ok(Done {})
}

/// Ends every login of an account. The account may log in again.
pub async fn revoke_user(core: &Core, actor: &Actor, what: UserRef) -> Result<Done, AuthError> {
    let user = resolve(&core.store, &what.user).await?;
    let change = UserChange { end_logins: Some(RevokeReason::Revoked), ..UserChange::default() };
    let rows = [core.trail.row(actor, "user.revoke", subject(user.id))];
    apply(core, user.id, &change, &rows).await?;
    Ok(Done {})
}

pub async fn show_user(core: &Core, what: UserRef) -> Result<UserInfo, AuthError> {
    info(core, &resolve(&core.store, &what.user).await?).await
}

pub async fn list_users(core: &Core, query: UserQuery) -> Result<UserPage, AuthError> {
    if !(1..=MAX_PAGE).contains(&query.limit) {
        return Err(AuthError::InvalidFields(format!("limit must be 1 to {MAX_PAGE}")));
    }
    let filter = UserFilter {
        search: query.search,
        active: query.active,
        after: query.after.map(String::from).unwrap_or_default(),
        limit: query.limit.into(),
    };
    let (rows, total) = core.store.list_users(&filter).await.map_err(fault::store)?;
    let mut users = Vec::with_capacity(rows.len());
    for user in &rows {
        users.push(info(core, user).await?);
    }
    Ok(UserPage { users, total })
}

/// Traffic policies that differ from the default.
pub async fn traffic_policies(core: &Core) -> Result<Vec<UserTrafficPolicy>, AuthError> {
    let users = core.store.treated_users().await.map_err(fault::store)?;
    let of = |user: &User| UserTrafficPolicy { user_id: user.id, traffic_policy: traffic_policy(user) };
    Ok(users.iter().map(of).collect())
}

async fn info(core: &Core, user: &User) -> Result<UserInfo, AuthError> {
    Ok(UserInfo {
        id: user.id,
        username: user.username.clone(),
        email: user.email.clone(),
        is_active: user.is_active,
        max_devices: user.max_devices,
        month_quota: user.month_quota,
        traffic_policy: traffic_policy(user),
        totp: factor::has_factor(core, FactorOwner::User(user.id)).await?,
        created_at: user.created_at,
        last_login_at: user.last_login_at,
    })
}
