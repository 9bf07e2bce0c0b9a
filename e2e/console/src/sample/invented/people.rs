//! Users, their devices and sessions.

use super::{NOW, course, page};
use tornado_admin_ui::model::sessions::{self, Happening, Session, SessionDetail, SessionState, Sessions, What};
use tornado_admin_ui::model::users::{self, Device, PastSession, User, UserDetail, UserState, Users};
use tornado_admin_ui::model::{Fault, Lane, Page};

/// Sessions of the list.
const LONG: u64 = 20_000;

fn row(index: u64) -> Session {
    let names = ["heron", "otter", "lynx", "marten", "wren", "badger", "stoat", "tern"];
    let name = names.get(index as usize % names.len()).copied().unwrap_or("heron");
    let state = match index % 7 {
        5 => SessionState::Connecting,
        6 => SessionState::Offline,
        _ => SessionState::Online,
    };
    let is_up = state != SessionState::Connecting;
    Session {
        id: format!("0193-{index:04}"),
        user: format!("demo-{name}"),
        device_id: format!("0194-{index:04}"),
        device: format!("{name}-laptop"),
        state,
        lane: is_up.then_some(if index.is_multiple_of(2) { Lane::Tor } else { Lane::Direct }),
        down: Some(24_800_000.0 / (index + 1) as f64),
        up: Some(3_100_000.0 / (index + 1) as f64),
        transferred: 6_420_000_000 / (index + 1),
        handshake_s: is_up.then_some(41 + index * 60),
        age_s: 19_200 + index * 3000,
        endpoint: Some(format!("203.0.113.{}", index + 10)),
    }
}

fn person(name: &str, state: UserState, connected: u64, quota: Option<u64>) -> User {
    User {
        name: name.into(),
        email: Some(format!("{}@example.org", name.trim_start_matches("demo-"))),
        state,
        connected: Some(connected),
        max_devices: 3,
        quota: quota.map(|gigabytes| gigabytes * 1_000_000_000),
        has_second_factor: connected.is_multiple_of(2),
        latest_login: Some(NOW - 7200),
    }
}

/// The part of a long list that a query selects.
pub fn sessions(query: sessions::Query) -> Sessions {
    let text = query.text.unwrap_or_default();
    let all: Vec<_> = (0..LONG).map(row).filter(|session| session.user.contains(&text)).collect();
    let (matching, offset) = (all.len() as u64, query.offset);
    let rows: Vec<_> = all.into_iter().skip(usize::try_from(offset).unwrap_or(0)).take(100).collect();
    let end = offset + rows.len() as u64;
    let next = (end < matching).then(|| end.to_string());
    let before = (offset > 0).then(|| offset.saturating_sub(100).to_string());
    let page = Page { rows, offset: Some(offset), matching: Some(matching), next, before, as_of: NOW };
    Sessions { page, numbers: Some((318, 27)), hidden: Vec::new() }
}

fn happening(ago: i64, what: What) -> Happening {
    Happening { at: NOW - ago, what }
}

/// One session of the list.
pub fn session(id: &str) -> Result<SessionDetail, Fault> {
    let index = id.strip_prefix("0193-").and_then(|index| index.parse().ok()).ok_or(Fault::NotFound)?;
    Ok(SessionDetail {
        session: row(index),
        addresses: vec![(Lane::Tor, "10.9.0.17".into()), (Lane::Direct, "10.8.0.17".into())],
        public_key: "hEr0nInventedKeyNotARealOne0000000000000000=".into(),
        heartbeat_s: Some(12),
        down_course: course(22e6, 3e6),
        up_course: course(3e6, 1e6),
        by_lane: vec![(Lane::Tor, 5_900_000_000, 520_000_000), (Lane::Direct, 61_000_000, 9_000_000)],
        happenings: vec![
            happening(2400, What::Recovered),
            happening(2580, What::Offline),
            happening(19_200, What::Began),
            happening(90_000, What::Ended { reason: "disconnect".into(), lasted_s: 7440, transferred: 4_170_000_000 }),
        ],
        as_of: NOW,
    })
}

/// The users that a query selects.
pub fn users(query: &users::Query) -> Users {
    let all = [
        ("demo-badger", UserState::Active, 1, Some(200)),
        ("demo-heron", UserState::Active, 2, Some(200)),
        ("demo-lynx", UserState::Active, 3, None),
        ("demo-marten", UserState::Suspended, 0, Some(500)),
        ("demo-otter", UserState::Active, 1, Some(200)),
        ("demo-wren", UserState::Active, 0, Some(200)),
    ];
    let text = query.text.as_deref().unwrap_or_default();
    let rows = all
        .into_iter()
        .filter(|(name, state, ..)| name.contains(text) && query.state.is_none_or(|wanted| wanted == *state))
        .map(|(name, state, used, quota)| person(name, state, used, quota))
        .collect();
    Users { page: page(rows, 412) }
}

/// One user.
pub fn user(name: &str) -> Result<UserDetail, Fault> {
    if !name.starts_with("demo-") {
        return Err(Fault::NotFound);
    }
    Ok(UserDetail {
        user: person(name, UserState::Active, 1, Some(200)),
        created_at: NOW - 20_000_000,
        devices: ["heron-thinkpad", "heron-phone"]
            .map(|name| Device {
                id: name.into(),
                name: name.into(),
                is_logged_in: name != "heron-phone",
                enrolled_at: NOW - 19_000_000,
                latest_login: NOW - 600,
            })
            .to_vec(),
        sessions: vec![row(0)],
        history: (1..5)
            .map(|index| PastSession {
                device: "heron-thinkpad".into(),
                started_at: NOW - 90_000 * index,
                ended_at: Some(NOW - 90_000 * index + 7440),
                reason: "disconnect".into(),
                direct: 3_840_000_000,
                tor: 330_000_000,
            })
            .collect(),
        total_sessions: Some(218),
        by_lane: vec![(Lane::Direct, 1_200_000_000_000, 80_000_000_000), (Lane::Tor, 640_000_000_000, 20_000_000_000)],
        max_down: Some(50e6),
        max_up: None,
        peer_group: true,
        as_of: NOW,
    })
}
