//! Users and their devices.

use super::{BITS, ROWS, WHOLE, by_lane, row, short};
use crate::caller::fault;
use crate::memory::rates::Rates;
use std::collections::HashMap;
use tornado_admin_api::types::{ByUser, HistoryQuery, SessionsQuery, UserView, UsersQuery};
use tornado_admin_api::{AdminApi, AdminError};
use tornado_admin_ui::model::sessions::Session;
use tornado_admin_ui::model::users::{self, Device, PastSession, User, UserDetail, UserState, Users};
use tornado_admin_ui::model::{Fault, Page};
use uuid::Uuid;

/// Past sessions on the page of a user.
const HISTORY: u32 = 20;

fn user_row(view: UserView, connected: Option<u64>) -> User {
    User {
        name: view.username,
        email: view.email,
        state: if view.is_active { UserState::Active } else { UserState::Suspended },
        connected,
        max_devices: u64::from(view.max_devices),
        quota: view.month_quota,
        has_second_factor: view.has_totp,
        latest_login: view.last_login_at,
    }
}

/// The list of users.
///
/// # Errors
///
/// The sign-in does not allow it, or `auth` does not respond.
pub async fn users(api: &dyn AdminApi, query: users::Query, now: i64) -> Result<Users, Fault> {
    let input = UsersQuery {
        search: query.text,
        active: query.state.map(|state| state == UserState::Active),
        cursor: query.cursor.clone(),
        limit: u32::try_from(ROWS).ok(),
    };
    let live = SessionsQuery { limit: Some(WHOLE), ..SessionsQuery::default() };
    let (list, live) = futures::join!(api.list_users(input), api.list_sessions(live));
    let list = list.map_err(|error| fault(&error, "auth"))?;
    // Not known while `session` does not respond, or if there are more.
    let live = live.ok().filter(|live| live.next.is_none());
    let mut connected: HashMap<Uuid, u64> = HashMap::new();
    for session in live.iter().flat_map(|live| &live.items) {
        *connected.entry(session.user_id).or_default() += 1;
    }
    let is_known = live.is_some();
    let rows = list.items.into_iter().map(|view| {
        let count = is_known.then(|| connected.get(&view.id).copied().unwrap_or(0));
        user_row(view, count)
    });
    let (before, total) = (query.cursor.is_some().then(String::new), list.total);
    Ok(Users {
        page: Page { rows: rows.collect(), offset: None, matching: total, next: list.next, before, as_of: now },
    })
}

/// One user. Parts that cannot be read are empty.
///
/// # Errors
///
/// It does not exist, the sign-in does not allow it, or `auth` does not respond.
pub async fn user(api: &dyn AdminApi, rates: &Rates, name: String, now: i64) -> Result<UserDetail, Fault> {
    let of = || ByUser { user: name.clone() };
    let view = api.show_user(of()).await.map_err(|error: AdminError| fault(&error, "auth"))?;
    let history = HistoryQuery { user_id: Some(view.id), limit: Some(HISTORY), cursor: None };
    let live = SessionsQuery { user_id: Some(view.id), ..SessionsQuery::default() };
    let (devices, usage, history, live) = futures::join!(
        api.list_devices(of()),
        api.show_usage(of()),
        api.list_session_history(history),
        api.list_sessions(live)
    );
    let devices = devices.map(|list| list.items).unwrap_or_default();
    let names: HashMap<Uuid, String> = devices.iter().map(|device| (device.id, device.name.clone())).collect();
    let name_of = |id: Uuid| names.get(&id).filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| short(id));
    let mut sessions = Vec::new();
    let is_known = live.is_ok();
    for session in live.map(|list| list.items).unwrap_or_default() {
        sessions.push(Session { device: name_of(session.device_id), ..row(&session, rates, now) });
    }
    let past = history.map(|list| list.items).unwrap_or_default().into_iter().filter(|one| one.ended_at.is_some());
    let rate = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 * BITS);
    Ok(UserDetail {
        created_at: view.created_at,
        devices: devices
            .into_iter()
            .map(|device| Device {
                id: device.id.to_string(),
                name: device.name,
                is_logged_in: device.logged_in,
                enrolled_at: device.created_at,
                latest_login: device.last_login_at,
            })
            .collect(),
        history: past
            .map(|one| PastSession {
                device: name_of(one.device_id),
                started_at: one.started_at,
                ended_at: one.ended_at,
                reason: one.reason.unwrap_or_default(),
                direct: one.direct.sent + one.direct.received,
                tor: one.tor.sent + one.tor.received,
            })
            .collect(),
        total_sessions: usage.as_ref().ok().map(|usage| usage.sessions),
        by_lane: usage.map(|usage| by_lane(usage.total.direct, usage.total.tor)).unwrap_or_default(),
        max_down: rate(view.download_rate),
        max_up: rate(view.upload_rate),
        peer_group: view.peer_group,
        as_of: now,
        user: user_row(view, is_known.then_some(sessions.len() as u64)),
        sessions,
    })
}
