//! Accounts, devices and invitations.

use crate::api::parse::{page_size, parse, parse_some};
use crate::api::signed::{Signed, answer, done, list};
use crate::api::{people, problem};
use tornado_admin_api::types::*;
use tornado_admin_api::{AdminResult, qr};
use tornado_contracts::auth::users::{DeviceRef, UserQuery, UserRef};
use tornado_contracts::operator::sessions::{UserDaysQuery, UserUsageQuery};
use tornado_shared::model::DeviceId;

pub async fn list_users(signed: &Signed, input: UsersQuery) -> AdminResult<List<UserView>> {
    let limit = page_size("limit", input.limit, 100, 500)?;
    let after = parse_some("cursor", input.cursor.as_deref())?;
    // One more than the page, which shows whether another page follows.
    let query = UserQuery {
        search: input.search.unwrap_or_default(),
        active: input.active,
        after,
        limit: (limit + 1).min(500),
    };
    let page = signed.services().users.list_users(signed.acting(query)).await.map_err(|error| problem(&error))?;
    let total = Some(page.total);
    let mut items: Vec<_> = page.users.into_iter().map(people::user).collect();
    let size = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_full = items.len() > size || (limit == 500 && items.len() == size);
    items.truncate(size);
    let next = is_full.then(|| items.last().map(|last| last.username.clone())).flatten();
    Ok(List { items, next, total })
}

pub async fn create_user(signed: &Signed, input: CreateUser) -> AdminResult<UserView> {
    let what = tornado_contracts::auth::users::CreateUser {
        username: parse("username", &input.username)?,
        email: input.email,
        password: input.password,
        max_devices: input.max_devices,
    };
    answer(signed.services().users.create_user(signed.acting(what)).await, people::user)
}

pub async fn show_user(signed: &Signed, input: ByUser) -> AdminResult<UserView> {
    let what = UserRef { user: input.user };
    answer(signed.services().users.show_user(signed.acting(what)).await, people::user)
}

pub async fn update_user(signed: &Signed, input: UpdateUser) -> AdminResult<UserView> {
    let what = tornado_contracts::auth::users::UpdateUser {
        user: input.user,
        username: parse_some("username", input.username.as_deref())?,
        email: input.email,
        max_devices: input.max_devices,
        month_quota: input.month_quota,
        download_rate: input.download_rate,
        upload_rate: input.upload_rate,
        peer_group: input.peer_group,
        password: input.password,
        active: input.active,
        forget_totp: input.forget_totp,
    };
    answer(signed.services().users.update_user(signed.acting(what)).await, people::user)
}

pub async fn delete_user(signed: &Signed, input: ByUser) -> AdminResult<Done> {
    answer(signed.services().users.delete_user(signed.acting(UserRef { user: input.user })).await, done)
}

pub async fn revoke_user(signed: &Signed, input: ByUser) -> AdminResult<Done> {
    answer(signed.services().users.revoke_user(signed.acting(UserRef { user: input.user })).await, done)
}

pub async fn list_devices(signed: &Signed, input: ByUser) -> AdminResult<List<DeviceView>> {
    let devices = signed.services().users.list_devices(signed.acting(UserRef { user: input.user })).await;
    answer(devices, |rows| list(rows, people::device))
}

pub async fn show_usage(signed: &Signed, input: ByUser) -> AdminResult<UsageView> {
    let user = signed.services().users.show_user(signed.acting(UserRef { user: input.user })).await;
    let user = user.map_err(|error| problem(&error))?;
    let what = UserUsageQuery { user_id: user.id, month_quota: user.month_quota };
    let usage = signed.services().operator_sessions.user_usage(signed.acting(what)).await;
    answer(usage, people::usage)
}

pub async fn list_usage_days(signed: &Signed, input: UsageDaysQuery) -> AdminResult<List<DayUsageView>> {
    let days = page_size("days", input.days, 30, 366)?;
    let user = signed.services().users.show_user(signed.acting(UserRef { user: input.user })).await;
    let what = UserDaysQuery { user_id: user.map_err(|error| problem(&error))?.id, days };
    let rows = signed.services().operator_sessions.user_days(signed.acting(what)).await;
    answer(rows, |rows| list(rows, people::day_usage))
}

pub async fn remove_device(signed: &Signed, input: ByDevice) -> AdminResult<Done> {
    let what = DeviceRef { device_id: DeviceId(input.device_id) };
    answer(signed.services().users.remove_device(signed.acting(what)).await, done)
}

pub async fn create_invitation(signed: &Signed, input: CreateInvitation) -> AdminResult<InvitationView> {
    let what = tornado_contracts::auth::CreateInvitation {
        username: parse_some("username", input.username.as_deref())?,
        max_devices: input.max_devices.unwrap_or(3),
        lifetime: input.lifetime.unwrap_or(7 * 86_400),
        host: input.host,
    };
    let view = |invitation: tornado_contracts::auth::InvitationLink| InvitationView {
        id: invitation.id.0,
        qr_svg: qr::svg(invitation.link.expose(), "The invitation as a QR code"),
        link: invitation.link,
        expires_at: invitation.expires_at,
    };
    answer(signed.services().auth.create_invitation(signed.acting(what)).await, view)
}
