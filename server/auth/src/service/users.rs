//! Changes to accounts and devices by operators.

use super::access::{Act, Actor};
use super::{Service, fault};
use tornado_contracts::auth::users::{
    CreateUser, DeviceInfo, DeviceRef, UpdateUser, UserInfo, UserPage, UserQuery, UserRef,
};
use tornado_contracts::auth::{Acting, AuthError};
use tornado_contracts::session::LiveQuery;
use tornado_contracts::{MAX_RATE, TrafficPolicy};
use tornado_rpc::{Done, Fault};
use tornado_shared::model::{CloseReason, UserId, text};
use tornado_store::identity::{
    ChangeOutcome, DeviceRow, FactorOwner, NewAudit, NewUser, RevokeReason, User, UserChange, UserFilter, UserKey,
};

const MAX_DEVICES: u32 = 10;
const MAX_PAGE: u32 = 500;
const MAX_EMAIL: usize = 254;

impl Service {
    pub(super) async fn create_user(&self, input: Acting<CreateUser>) -> Result<UserInfo, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::UsersWrite).await?;
        let what = input.what;
        check_devices(what.max_devices)?;
        let email = what.email.as_deref().map(check_email).transpose()?.flatten();
        let password_hash = self.hash_new(&what.password, &what.username).await?;
        let id = UserId::random();
        let row = self.row(&actor, "user.create", subject(id));
        let new = NewUser { id, username: what.username, email, password_hash, max_devices: what.max_devices };
        if !self.store.add_user(&new, self.clock.now(), &row).await.map_err(fault::store)? {
            return Err(AuthError::NameTaken);
        }
        self.sign_trail().await;
        self.info_of(&self.find_by_id(id).await?).await
    }

    /// Suspension, a new password and a lower device limit end the affected sessions before this returns.
    pub(super) async fn update_user(&self, input: Acting<UpdateUser>) -> Result<UserInfo, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::UsersWrite).await?;
        let what = input.what;
        let user = self.resolve(&what.user).await?;
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
            change.password_hash = Some(self.hash_new(new, change.username.as_ref().unwrap_or(&user.username)).await?);
            change.end_logins = Some(RevokeReason::PasswordChanged);
        }
        if what.active == Some(false) {
            change.end_logins = Some(RevokeReason::Suspended);
        }
        let rows = self.rows_of_change(&actor, &user, &change);
        self.apply(user.id, &change, &rows).await?;
        if what.max_devices.is_some_and(|max| max < user.max_devices) {
            self.end_surplus(user.id, change.max_devices.unwrap_or(user.max_devices)).await?;
        }
        self.info_of(&self.find_by_id(user.id).await?).await
    }

    fn rows_of_change(&self, actor: &Actor, user: &User, change: &UserChange) -> Vec<NewAudit> {
        let row = |action, details: &[(&str, String)]| self.detailed(actor, action, subject(user.id), details);
        let mut rows = Vec::new();
        match change.active {
            Some(false) => rows.push(row("user.suspend", &[])),
            Some(true) => rows.push(row("user.reactivate", &[])),
            None => {}
        }
        if change.password_hash.is_some() {
            rows.push(row("user.password", &[]));
        }
        if let Some(name) = &change.username {
            rows.push(row("user.rename", &[("from", user.username.to_string()), ("to", name.to_string())]));
        }
        if change.email.is_some() {
            rows.push(row("user.email", &[]));
        }
        if let Some(max) = change.max_devices {
            rows.push(row("user.max_devices", &[("from", user.max_devices.to_string()), ("to", max.to_string())]));
        }
        if let Some(quota) = change.month_quota {
            let word = |bytes: Option<u64>| bytes.map_or_else(|| "none".to_owned(), |bytes| bytes.to_string());
            rows.push(row("user.month_quota", &[("from", word(user.month_quota)), ("to", word(quota))]));
        }
        for (action, new, old) in [
            ("user.download_rate", change.download_rate, user.download_rate),
            ("user.upload_rate", change.upload_rate, user.upload_rate),
        ] {
            if let Some(new) = new {
                let word = |rate: Option<u64>| rate.map_or_else(|| "none".to_owned(), |rate| rate.to_string());
                rows.push(row(action, &[("from", word(old)), ("to", word(new))]));
            }
        }
        if let Some(together) = change.together {
            rows.push(row("user.together", &[("from", user.together.to_string()), ("to", together.to_string())]));
        }
        if change.forget_totp {
            rows.push(row("user.totp_off", &[]));
        }
        rows
    }

    /// Writes a change, then ends the sessions of every device that lost its login.
    pub(super) async fn apply(&self, user: UserId, change: &UserChange, rows: &[NewAudit]) -> Result<(), AuthError> {
        let owed = self.unsettled.owe();
        let outcome = self.store.change_user(user, change, self.clock.now(), rows).await.map_err(fault::store)?;
        self.sign_trail().await;
        match outcome {
            ChangeOutcome::Changed(ended) => self.end_sessions(owed, &ended, CloseReason::Revoked).await,
            ChangeOutcome::Taken => Err(AuthError::NameTaken),
            ChangeOutcome::Gone => Err(AuthError::NotFound("account".into())),
        }
    }

    /// Ends the newest sessions above the allowed number; their logins remain.
    async fn end_surplus(&self, user: UserId, max: u32) -> Result<(), AuthError> {
        let live = self.sessions.live(LiveQuery { user_id: Some(user) }).await;
        let mut live = live.map_err(|error| fault::unsettled(&error.to_string()))?;
        live.sort_by_key(|session| (session.started_at, session.session_id.0));
        let surplus: Vec<_> = live.iter().skip(usize::try_from(max).unwrap_or(usize::MAX)).collect();
        let devices: Vec<_> = surplus.iter().map(|session| session.device_id).collect();
        self.end_sessions(self.unsettled.owe(), &devices, CloseReason::Evicted).await
    }

    pub(super) async fn delete_user(&self, input: Acting<UserRef>) -> Result<Done, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::UsersWrite).await?;
        let user = self.resolve(&input.what.user).await?;
        let row = self.detailed(&actor, "user.delete", subject(user.id), &[("name", user.username.to_string())]);
        let owed = self.unsettled.owe();
        let erased = self.store.erase_user(user.id, self.clock.now(), &row).await.map_err(fault::store)?;
        self.sign_trail().await;
        let ended = erased.ok_or_else(|| AuthError::NotFound("account".into()))?;
        self.end_sessions(owed, &ended, CloseReason::Revoked).await?;
        Ok(Done {})
    }

    /// Ends every login of an account. The account may log in again.
    pub(super) async fn revoke_user(&self, input: Acting<UserRef>) -> Result<Done, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::UsersWrite).await?;
        let user = self.resolve(&input.what.user).await?;
        let change = UserChange { end_logins: Some(RevokeReason::Revoked), ..UserChange::default() };
        let rows = [self.row(&actor, "user.revoke", subject(user.id))];
        self.apply(user.id, &change, &rows).await?;
        Ok(Done {})
    }

    pub(super) async fn show_user(&self, input: Acting<UserRef>) -> Result<UserInfo, AuthError> {
        self.authorise(input.operator.as_ref(), Act::UsersRead).await?;
        self.info_of(&self.resolve(&input.what.user).await?).await
    }

    pub(super) async fn page_of_users(&self, input: Acting<UserQuery>) -> Result<UserPage, AuthError> {
        self.authorise(input.operator.as_ref(), Act::UsersRead).await?;
        let query = input.what;
        if !(1..=MAX_PAGE).contains(&query.limit) {
            return Err(AuthError::InvalidFields(format!("limit must be 1 to {MAX_PAGE}")));
        }
        let filter = UserFilter {
            search: query.search,
            active: query.active,
            after: query.after.map(String::from).unwrap_or_default(),
            limit: query.limit.into(),
        };
        let (users, total) = self.store.list_users(&filter).await.map_err(fault::store)?;
        let mut infos = Vec::with_capacity(users.len());
        for user in &users {
            infos.push(self.info_of(user).await?);
        }
        Ok(UserPage { users: infos, total })
    }

    pub(super) async fn devices_of(&self, input: Acting<UserRef>) -> Result<Vec<DeviceInfo>, AuthError> {
        self.authorise(input.operator.as_ref(), Act::UsersRead).await?;
        let user = self.resolve(&input.what.user).await?;
        self.list_devices(user.id).await
    }

    pub(super) async fn list_devices(&self, user: UserId) -> Result<Vec<DeviceInfo>, AuthError> {
        let rows = self.store.list_devices(user, self.clock.now()).await.map_err(fault::store)?;
        Ok(rows.into_iter().map(device).collect())
    }

    pub(super) async fn remove_any_device(&self, input: Acting<DeviceRef>) -> Result<Done, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::DevicesWrite).await?;
        self.take_device(&actor, &input.what, None).await
    }

    /// Removes a device and ends its login, then its session. If `owner` is given, only that account's device.
    pub(super) async fn take_device(
        &self,
        actor: &Actor,
        device: &DeviceRef,
        owner: Option<UserId>,
    ) -> Result<Done, AuthError> {
        let (now, gone) = (self.clock.now(), || AuthError::NotFound("device".into()));
        let row = self.store.find_device(device.device_id, now).await.map_err(fault::store)?.ok_or_else(gone)?;
        if owner.is_some_and(|owner| owner != row.user) {
            return Err(gone());
        }
        let owed = self.unsettled.owe();
        let audit = self.detailed(actor, "device.remove", format!("device:{}", row.id), &[("of", subject(row.user))]);
        if !self.store.take_device(row.id, now, &audit).await.map_err(fault::store)? {
            return Err(gone());
        }
        self.sign_trail().await;
        self.end_sessions(owed, &[row.id], CloseReason::Revoked).await?;
        Ok(Done {})
    }

    /// Finds an account by name, e-mail address or id.
    pub(super) async fn resolve(&self, text: &str) -> Result<User, AuthError> {
        let gone = || AuthError::NotFound("account".into());
        if let Ok(id) = text.parse::<UserId>() {
            return self.store.find_user(UserKey::Id(id)).await.map_err(fault::store)?.ok_or_else(gone);
        }
        self.look_up(text).await?.ok_or_else(gone)
    }

    async fn find_by_id(&self, id: UserId) -> Result<User, AuthError> {
        let found = self.store.find_user(UserKey::Id(id)).await.map_err(fault::store)?;
        found.ok_or_else(|| AuthError::NotFound("account".into()))
    }

    async fn info_of(&self, user: &User) -> Result<UserInfo, AuthError> {
        Ok(UserInfo {
            id: user.id,
            username: user.username.clone(),
            email: user.email.clone(),
            is_active: user.is_active,
            max_devices: user.max_devices,
            month_quota: user.month_quota,
            traffic_policy: traffic_policy(user),
            totp: self.has_factor(FactorOwner::User(user.id)).await?,
            created_at: user.created_at,
            last_login_at: user.last_login_at,
        })
    }
}

/// Lowest and highest rate, bytes per second: 64 kbit/s, below which web pages do not load, and 100 Gbit/s.
const RATES: std::ops::RangeInclusive<u64> = 8_000..=MAX_RATE;

/// 0 removes the limit.
fn check_rate(rate: u64) -> Result<Option<u64>, AuthError> {
    match rate {
        0 => Ok(None),
        rate if RATES.contains(&rate) => Ok(Some(rate)),
        _ => Err(Fault::Malformed("a rate must be 64 kbit/s to 100 Gbit/s".into()).into()),
    }
}

/// The account's traffic policy.
pub(super) fn traffic_policy(user: &User) -> TrafficPolicy {
    let User { download_rate, upload_rate, together, .. } = *user;
    TrafficPolicy { download_rate, upload_rate, peer_group: together }
}

pub(super) fn subject(user: UserId) -> String {
    format!("user:{user}")
}

fn device(row: DeviceRow) -> DeviceInfo {
    DeviceInfo {
        id: row.id,
        user_id: row.user,
        name: row.name,
        has_key: row.has_key,
        logged_in: row.logged_in,
        created_at: row.created_at,
        last_login_at: row.last_login_at,
    }
}

pub(super) fn check_devices(max: u32) -> Result<(), AuthError> {
    if (1..=MAX_DEVICES).contains(&max) {
        return Ok(());
    }
    Err(AuthError::InvalidFields(format!("max_devices must be 1 to {MAX_DEVICES}")))
}

/// An empty text removes the address. It is only displayed and typed at login, so its format is checked loosely.
pub(super) fn check_email(typed: &str) -> Result<Option<String>, AuthError> {
    if typed.len() > 4 * MAX_EMAIL {
        return Err(AuthError::InvalidFields("this is not a valid e-mail address".into()));
    }
    let folded = text::folded(typed);
    if folded.is_empty() {
        return Ok(None);
    }
    let sound = folded.len() <= MAX_EMAIL
        && folded
            .split_once('@')
            .is_some_and(|(local, host)| !local.is_empty() && host.contains('.') && !host.contains('@'))
        && !folded.chars().any(|character| !text::is_visible(character) || character.is_whitespace());
    if sound { Ok(Some(folded)) } else { Err(AuthError::InvalidFields("this is not a valid e-mail address".into())) }
}
