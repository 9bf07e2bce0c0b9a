//! What happened to a session.

use crate::memory::metrics::age;
use tornado_admin_api::types::{HistoryView, SessionEventView, SessionView};
use tornado_admin_ui::model::sessions::{Happening, What};

/// Entries that a page shows.
const MOST: usize = 12;

/// The begin of the session, its events, and earlier sessions of its device, newest first.
pub fn of(session: &SessionView, events: &[SessionEventView], past: &[HistoryView]) -> Vec<Happening> {
    let began = Happening { at: session.started_at, what: What::Began };
    let event = |event: &SessionEventView| {
        let what = match event.kind.as_str() {
            "offline" => What::Offline,
            "recovered" => What::Recovered,
            "quota" => What::Quota,
            _ => return None,
        };
        Some(Happening { at: event.at, what })
    };
    let earlier = |one: &HistoryView| {
        let at = one.ended_at?;
        let what = What::Ended {
            reason: one.reason.clone().unwrap_or_default(),
            lasted_s: age(at, one.started_at),
            transferred: one.direct.sent + one.direct.received + one.tor.sent + one.tor.received,
        };
        Some(Happening { at, what })
    };
    let own = events.iter().filter(|event| event.session_id == session.id).filter_map(event);
    let of_device = past.iter().filter(|one| one.device_id == session.device_id && one.id != session.id);
    let mut all: Vec<_> = own.chain([began]).chain(of_device.filter_map(earlier)).collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.at));
    all.truncate(MOST);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_admin_api::types::{Bytes, SessionState};
    use uuid::Uuid;

    #[test]
    fn events_of_the_session_and_earlier_sessions_are_in_order() {
        let (session, device, user) = (Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3));
        let view = SessionView {
            id: session,
            user_id: user,
            username: String::new(),
            device_id: device,
            public_key: String::new(),
            state: SessionState::Online,
            lane: None,
            endpoint: None,
            direct_addresses: Default::default(),
            tor_addresses: Default::default(),
            started_at: 100,
            last_heartbeat: 190,
            handshake_age: None,
            direct: Bytes { received: 0, sent: 0 },
            tor: Bytes { received: 0, sent: 0 },
        };
        let event = |at, kind: &str, session_id| SessionEventView {
            at,
            kind: kind.into(),
            reason: None,
            session_id,
            user_id: user,
            device_id: device,
        };
        let events = [
            event(100, "created", session),
            event(150, "offline", session),
            event(170, "recovered", session),
            event(175, "offline", Uuid::from_u128(9)),
        ];
        let past = |id, device_id, ended_at| HistoryView {
            id: Uuid::from_u128(id),
            user_id: user,
            username: String::new(),
            device_id,
            started_at: 10,
            ended_at,
            reason: Some("disconnect".into()),
            direct: Bytes { received: 1, sent: 2 },
            tor: Bytes { received: 3, sent: 4 },
        };
        let past = [past(1, device, None), past(4, device, Some(90)), past(5, Uuid::from_u128(8), Some(95))];
        let all = of(&view, &events, &past);
        let ended = What::Ended { reason: "disconnect".into(), lasted_s: 80, transferred: 10 };
        let whats = [(170, What::Recovered), (150, What::Offline), (100, What::Began), (90, ended)];
        assert_eq!(all, whats.map(|(at, what)| Happening { at, what }));
    }
}
