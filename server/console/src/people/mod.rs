//! Sessions, users and devices.

mod happenings;
pub mod users;

use crate::caller::fault;
use crate::console::Console;
use crate::memory::lists::{Key, Start};
use crate::memory::metrics::age;
use crate::memory::names::Names;
use crate::memory::rates::{Rates, Reading};
use futures::future::join_all;
use std::collections::HashMap;
use tokio::time::Instant;
use tornado_admin_api::types::{
    self, ByUser, Bytes, HistoryQuery, NoInput, SessionEventView, SessionView, SessionsQuery,
};
use tornado_admin_api::{AdminApi, AdminError};
use tornado_admin_ui::model::sessions::{self, Column, Session, SessionDetail, SessionState, Sessions};
use tornado_admin_ui::model::{Fault, Lane, Page};
use uuid::Uuid;

/// Rows of a page.
const ROWS: usize = 100;
/// Sessions of one call of the API.
const WHOLE: u32 = 1000;
/// Sessions that the list has at most.
const MAX: usize = 200_000;
/// Past sessions of a user among which those of a device are looked for.
const HISTORY: u32 = 100;
/// Bits of a byte: the API counts rates in bytes.
const BITS: f64 = 8.0;

const fn lane(lane: types::Lane) -> Lane {
    match lane {
        types::Lane::Direct => Lane::Direct,
        types::Lane::Tor => Lane::Tor,
    }
}

const fn api_lane(lane: Lane) -> types::Lane {
    match lane {
        Lane::Direct => types::Lane::Direct,
        Lane::Tor => types::Lane::Tor,
    }
}

const fn api_state(state: SessionState) -> types::SessionState {
    match state {
        SessionState::Connecting => types::SessionState::Connecting,
        SessionState::Online => types::SessionState::Online,
        SessionState::Offline => types::SessionState::Offline,
    }
}

/// The first characters of an identifier, where a name is not known.
fn short(id: Uuid) -> String {
    id.simple().to_string().chars().take(8).collect()
}

/// A row. The session's bytes are seen from the server: what it sent went to the device.
fn row(view: &SessionView, rates: &Rates, now: i64) -> Session {
    let down = view.direct.sent + view.tor.sent;
    let up = view.direct.received + view.tor.received;
    let rate = rates.add(view.id, Reading { at: now, down, up });
    Session {
        id: view.id.to_string(),
        user: view.username.clone(),
        device_id: view.device_id.to_string(),
        device: short(view.device_id),
        state: match view.state {
            types::SessionState::Connecting => SessionState::Connecting,
            types::SessionState::Online => SessionState::Online,
            types::SessionState::Offline | types::SessionState::Closed => SessionState::Offline,
        },
        lane: view.lane.map(lane),
        down: rate.map(|(down, _)| down),
        up: rate.map(|(_, up)| up),
        transferred: down + up,
        handshake_s: view.handshake_age,
        age_s: age(now, view.started_at),
        endpoint: view.endpoint.clone(),
    }
}

/// Replaces identifiers of devices by the names that their users chose.
async fn name_devices(api: &dyn AdminApi, names: &Names, rows: &mut [Session], now: i64) {
    let mut users: HashMap<String, Vec<String>> = HashMap::new();
    for row in rows.iter() {
        if names.find(&row.device_id, now).is_none() {
            users.entry(row.user.clone()).or_default().push(row.device_id.clone());
        }
    }
    let read = users.into_iter().map(|(user, shown)| async move {
        let list = api.list_devices(ByUser { user }).await.ok()?;
        // A device that was removed has no name, and is not read again either.
        let shown = shown.into_iter().map(|device| (device, String::new()));
        Some(shown.chain(list.items.into_iter().map(|device| (device.id.to_string(), device.name))).collect::<Vec<_>>())
    });
    let read: Vec<_> = join_all(read).await.into_iter().flatten().flatten().collect();
    names.keep(read, now);
    for row in rows {
        if let Some(name) = names.find(&row.device_id, now).filter(|name| !name.is_empty()) {
            row.device = name;
        }
    }
}

fn sort(rows: &mut [Session], sort: Option<&str>) {
    let Some(sort) = sort else { return };
    let (column, is_descending) = sort.strip_prefix('-').map_or((sort, false), |column| (column, true));
    match column {
        "user" => rows.sort_by(|a, b| a.user.cmp(&b.user)),
        "down" => rows.sort_by(|a, b| a.down.unwrap_or(0.0).total_cmp(&b.down.unwrap_or(0.0))),
        "up" => rows.sort_by(|a, b| a.up.unwrap_or(0.0).total_cmp(&b.up.unwrap_or(0.0))),
        "transferred" => rows.sort_by_key(|row| row.transferred),
        "handshake" => rows.sort_by_key(|row| row.handshake_s),
        "age" => rows.sort_by_key(|row| row.age_s),
        _ => return,
    }
    if is_descending {
        rows.reverse();
    }
}

/// All sessions of a query, in the order of the API.
async fn all(api: &dyn AdminApi, query: &sessions::Query) -> Result<Vec<SessionView>, AdminError> {
    let mut input = SessionsQuery {
        user_id: None,
        state: query.state.map(api_state),
        lane: query.lane.map(api_lane),
        search: query.text.clone(),
        cursor: None,
        limit: Some(WHOLE),
    };
    let mut all = Vec::new();
    loop {
        let list = api.list_sessions(input.clone()).await?;
        all.extend(list.items);
        match list.next {
            Some(next) if all.len() < MAX => input.cursor = Some(next),
            Some(_) | None => return Ok(all),
        }
    }
}

/// The list of sessions: all that match, sorted, and a window of them. The requests of all pages that show the same
/// share a reading; each request checks the right with its own call. `changes` counts changes of sessions, `hidden` are
/// columns that the page leaves out.
///
/// # Errors
///
/// The sign-in does not allow it, or `session` does not respond.
pub async fn sessions(
    api: &dyn AdminApi,
    console: &Console,
    query: sessions::Query,
    changes: u64,
    hidden: Vec<Column>,
) -> Result<Sessions, Fault> {
    let key = Key { text: query.text.clone(), state: query.state, lane: query.lane };
    let start = Start { now: console.clock.now(), changes, instant: Instant::now() };
    let list = async {
        match console.lists.find(&key, start) {
            Some(list) => {
                api.list_sessions(SessionsQuery { limit: Some(1), ..SessionsQuery::default() }).await?;
                Ok(list)
            }
            None => Ok(console.lists.keep(key, all(api, &query).await?, start)),
        }
    };
    let (list, overview) = futures::join!(list, api.overview(NoInput {}));
    let (now, list) = list.map_err(|error: AdminError| fault(&error, "session"))?;
    let numbers = overview.ok().and_then(|view| view.sessions);
    let numbers = numbers.map(|numbers| (u64::from(numbers.online), u64::from(numbers.offline)));
    let mut rows: Vec<_> = list.iter().map(|view| row(view, &console.rates, now)).collect();
    sort(&mut rows, query.sort.as_deref());
    let mut page = window(rows, query.offset, now);
    name_devices(api, &console.names, &mut page.rows, now).await;
    Ok(Sessions { page, numbers, hidden })
}

/// The part of a list from a position.
fn window(rows: Vec<Session>, offset: u64, now: i64) -> Page<Session> {
    let all = rows.len();
    let offset = usize::try_from(offset).unwrap_or(all).min(all);
    let rows: Vec<_> = rows.into_iter().skip(offset).take(ROWS).collect();
    let end = offset + rows.len();
    Page {
        rows,
        offset: Some(offset as u64),
        matching: Some(all as u64),
        next: (end < all).then(|| end.to_string()),
        before: (offset > 0).then(|| offset.saturating_sub(ROWS).to_string()),
        as_of: now,
    }
}

/// One session with its rates of the last minute, and what happened: events that `admin` still has, and earlier
/// sessions of the device.
///
/// # Errors
///
/// It does not exist, the sign-in does not allow it, or `session` does not respond.
pub async fn session(
    api: &dyn AdminApi,
    console: &Console,
    id: &str,
    events: Vec<SessionEventView>,
) -> Result<SessionDetail, Fault> {
    let (rates, now) = (&console.rates, console.clock.now());
    let id: Uuid = id.parse().map_err(|_| Fault::NotFound)?;
    let view = find(api, id).await?;
    let mut rows = [row(&view, rates, now)];
    let past = HistoryQuery { user_id: Some(view.user_id), limit: Some(HISTORY), cursor: None };
    let ((), past) = futures::join!(name_devices(api, &console.names, &mut rows, now), api.list_session_history(past));
    let [session] = rows;
    let past = past.map(|list| list.items).unwrap_or_default();
    let happenings = happenings::of(&view, &events, &past);
    let (down_course, up_course) = rates.courses(id, now);
    let addresses = [(Lane::Tor, view.tor_addresses), (Lane::Direct, view.direct_addresses)]
        .map(|(lane, addresses)| (lane, addresses.join(", ")));
    Ok(SessionDetail {
        session,
        addresses: addresses.to_vec(),
        public_key: view.public_key,
        heartbeat_s: Some(age(now, view.last_heartbeat)),
        down_course,
        up_course,
        by_lane: by_lane(view.direct, view.tor),
        happenings,
        as_of: now,
    })
}

/// The session of an identifier: the list is in order of them, so that it is the first after the one before.
async fn find(api: &dyn AdminApi, id: Uuid) -> Result<SessionView, Fault> {
    let before = Uuid::from_u128(id.as_u128().saturating_sub(1));
    let input = SessionsQuery { cursor: Some(before.to_string()), limit: Some(1), ..SessionsQuery::default() };
    let list = api.list_sessions(input).await.map_err(|error| fault(&error, "session"))?;
    list.items.into_iter().next().filter(|view| view.id == id).ok_or(Fault::NotFound)
}

fn by_lane(direct: Bytes, tor: Bytes) -> Vec<(Lane, u64, u64)> {
    vec![(Lane::Tor, tor.sent, tor.received), (Lane::Direct, direct.sent, direct.received)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(id: u128, lane: Option<types::Lane>) -> SessionView {
        SessionView {
            id: Uuid::from_u128(id),
            user_id: Uuid::nil(),
            username: "demo-heron".into(),
            device_id: Uuid::from_u128(7),
            public_key: String::new(),
            state: types::SessionState::Online,
            lane,
            endpoint: None,
            direct_addresses: Default::default(),
            tor_addresses: Default::default(),
            started_at: 940,
            last_heartbeat: 990,
            handshake_age: Some(10),
            direct: Bytes { received: 1, sent: 20 },
            tor: Bytes { received: 300, sent: 4000 },
        }
    }

    #[test]
    fn a_row_has_the_lane_and_the_bytes_of_its_session() {
        let rates = Rates::default();
        let lanes = [(Some(types::Lane::Direct), Some(Lane::Direct)), (Some(types::Lane::Tor), Some(Lane::Tor))];
        for (of_session, shown) in lanes.into_iter().chain([(None, None)]) {
            let row = row(&view(1, of_session), &rates, 1000);
            assert_eq!((row.lane, row.transferred, row.age_s), (shown, 4321, 60));
        }
    }

    #[test]
    fn a_part_of_the_list_counts_the_whole_list() {
        let rates = Rates::default();
        let rows = || (0..250).map(|id| row(&view(id, None), &rates, 1000)).collect::<Vec<_>>();
        let page = window(rows(), 100, 1000);
        assert_eq!((page.rows.len(), page.offset, page.matching), (100, Some(100), Some(250)));
        assert_eq!((page.next.as_deref(), page.before.as_deref()), (Some("200"), Some("0")));
        let last = window(rows(), 200, 1000);
        assert_eq!((last.rows.len(), last.matching, last.next), (50, Some(250), None));
        assert_eq!(window(rows(), u64::MAX, 1000).rows.len(), 0);
    }
}
