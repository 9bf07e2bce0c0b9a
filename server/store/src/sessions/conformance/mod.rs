//! Conformance checks. Each check receives an empty store. Every engine runs all checks.

use super::{
    AfterClose, Checkpoint, CloseSession, LaneCount, MonthQuota, OpenSession, Opened, PoolCount, SessionRow,
    SqlSessions, Usage,
};
use tornado_shared::model::{
    CloseReason, DeviceId, FamilyId, PresharedKey, PrivateKey, SessionId, SessionState, Slot, Transfer, UserId,
};

mod list;
mod own;

pub(super) use list::for_each;
pub(super) use own::{
    a_mark_ends_the_day_before, marks_keep_what_was_written_first, owners_page_through_their_history,
};

pub(super) const NODE: &str = "main";

pub(super) fn open(user: UserId, device: DeviceId, now: i64) -> OpenSession {
    OpenSession {
        session_id: SessionId::next(),
        user_id: user,
        family_id: FamilyId::random(),
        username: "alice".parse().unwrap(),
        device_id: device,
        node_id: NODE.into(),
        public_key: PrivateKey::random().public_key(),
        exported: false,
        preshared_keys: Some(super::PresharedPair {
            direct: PresharedKey::from_bytes([1; 32]),
            tor: PresharedKey::from_bytes([2; 32]),
        }),
        max_devices: 1000,
        slots: (Slot(2), Slot(6)),
        quarantine: 300,
        marks: Vec::new(),
        now,
    }
}

pub(super) fn close(session_id: SessionId, reason: CloseReason, at: i64) -> CloseSession {
    let bytes = |n| Transfer { rx_bytes: n, tx_bytes: 2 * n };
    CloseSession { session_id, reason, at, direct: bytes(10), tor: bytes(100), lease: AfterClose::Quarantine }
}

async fn opened(store: &SqlSessions, input: &OpenSession) -> SessionRow {
    let opened = store.open(input).await.unwrap();
    let Opened::New { row, replaced: None, .. } = opened else { panic!("expected a new session, got {opened:?}") };
    *row
}

pub(super) async fn a_session_round_trips(store: &SqlSessions) {
    let input = open(UserId::random(), DeviceId::random(), 1000);
    let row = opened(store, &input).await;
    assert_eq!(store.live(NODE).await.unwrap(), std::slice::from_ref(&row));
    assert_eq!(store.live("elsewhere").await.unwrap(), []);
    assert_eq!((row.slot, row.state, row.started_at), (Slot(2), SessionState::Connecting, 1000));
    assert_eq!(row.preshared_keys, input.preshared_keys);

    let count = |n| LaneCount {
        total: Transfer { rx_bytes: n, tx_bytes: n + 1 },
        base: Transfer { rx_bytes: n + 2, tx_bytes: n + 3 },
    };
    let point = Checkpoint {
        session_id: row.session_id,
        last_heartbeat: 1200,
        latest_handshake: Some(1190),
        direct: count(5),
        tor: count(u64::MAX / 4),
    };
    store.checkpoint(&[point]).await.unwrap();
    let stored = store.live(NODE).await.unwrap().remove(0);
    assert_eq!((stored.last_heartbeat, stored.latest_handshake), (1200, Some(1190)));
    assert_eq!((stored.direct, stored.tor), (point.direct, point.tor));
    let history = store.history(None, 10).await.unwrap();
    assert_eq!((history[0].direct, history[0].ended), (point.direct.total, None));
}

pub(super) async fn the_same_key_again_changes_nothing(store: &SqlSessions) {
    let mut input = open(UserId::random(), DeviceId::random(), 1000);
    let row = opened(store, &input).await;
    input.session_id = SessionId::random();
    input.now = 2000;
    assert_eq!(store.open(&input).await.unwrap(), Opened::Existing(Box::new(row.clone())));
    assert_eq!(store.live(NODE).await.unwrap(), std::slice::from_ref(&row));
    assert_eq!(store.history(None, 10).await.unwrap().len(), 1);
    input.family_id = FamilyId::random();
    let Opened::New { replaced, .. } = store.open(&input).await.unwrap() else {
        panic!("another login must create a session")
    };
    assert_eq!(replaced.unwrap().session_id, row.session_id);
}

pub(super) async fn another_key_replaces_the_session_and_keeps_the_lease(store: &SqlSessions) {
    let (user, device) = (UserId::random(), DeviceId::random());
    let first = opened(store, &open(user, device, 1000)).await;
    let Opened::New { row, replaced, .. } = store.open(&open(user, device, 1000)).await.unwrap() else {
        panic!("the second key must create a session")
    };
    assert_eq!(replaced.unwrap().session_id, first.session_id);
    assert_eq!(row.slot, first.slot);
    assert_eq!(store.live(NODE).await.unwrap(), std::slice::from_ref(&*row));
    let history = store.history(Some(user), 10).await.unwrap();
    assert_eq!(history.len(), 2, "one row per connection");
    assert_eq!(history[1].ended, Some((1000, CloseReason::Replaced)));
    assert_eq!(history[0].ended, None, "the later one within a second comes first");
}

pub(super) async fn a_key_of_another_device_is_rejected(store: &SqlSessions) {
    let first = open(UserId::random(), DeviceId::random(), 1000);
    let row = opened(store, &first).await;
    let mut thief = open(UserId::random(), DeviceId::random(), 1000);
    thief.public_key = first.public_key;
    assert_eq!(store.open(&thief).await.unwrap(), Opened::KeyInUse);
    assert_eq!(store.live(NODE).await.unwrap(), [row]);
}

pub(super) async fn account_limits_count_other_live_devices(store: &SqlSessions) {
    let user = UserId::random();
    let limited = |device| OpenSession { max_devices: 1, ..open(user, device, 1000) };
    let (one, two) = (DeviceId::random(), DeviceId::random());
    let row = opened(store, &limited(one)).await;
    assert_eq!(store.open(&limited(two)).await.unwrap(), Opened::MaxDevices);
    assert!(matches!(store.open(&limited(one)).await.unwrap(), Opened::New { .. }), "its own slot is not counted");
    let live = store.live(NODE).await.unwrap();
    assert!(!store.close(&close(row.session_id, CloseReason::Disconnect, 1001)).await.unwrap(), "replaced already");
    assert!(store.close(&close(live[0].session_id, CloseReason::Disconnect, 1001)).await.unwrap());
    opened(store, &limited(two)).await;
}

pub(super) async fn closing_twice_counts_once(store: &SqlSessions) {
    let row = opened(store, &open(UserId::random(), DeviceId::random(), 1000)).await;
    assert!(store.close(&close(row.session_id, CloseReason::Revoked, 1500)).await.unwrap());
    assert!(!store.close(&close(row.session_id, CloseReason::Disconnect, 1600)).await.unwrap());
    assert_eq!(store.live(NODE).await.unwrap(), []);
    let history = store.history(None, 10).await.unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0].ended, Some((1500, CloseReason::Revoked)), "the first reason must stay");
    assert_eq!(history[0].tor, Transfer { rx_bytes: 100, tx_bytes: 200 }, "the final bytes");
    store
        .checkpoint(&[Checkpoint {
            session_id: row.session_id,
            last_heartbeat: 1700,
            latest_handshake: None,
            direct: LaneCount::default(),
            tor: LaneCount::default(),
        }])
        .await
        .unwrap();
    assert_eq!(store.live(NODE).await.unwrap(), [], "a late checkpoint must not restore a session");
}

pub(super) async fn isolation_numbers_are_never_shared_or_inherited(store: &SqlSessions) {
    let (user, device) = (UserId::random(), DeviceId::random());
    let mut seen = std::collections::HashSet::new();
    let mut row = opened(store, &open(user, device, 1000)).await;
    for _ in 0..5 {
        assert!(row.isolation > 0 && seen.insert(row.isolation));
        let number = store.renew_isolation(row.session_id).await.unwrap().unwrap();
        assert!(seen.insert(number));
        assert_eq!(store.live(NODE).await.unwrap()[0].isolation, number, "the number must be stored");
        assert!(store.close(&close(row.session_id, CloseReason::Disconnect, 1000)).await.unwrap());
        assert_eq!(store.renew_isolation(row.session_id).await.unwrap(), None);
        let again = opened(store, &open(user, device, 1000)).await;
        assert_eq!(again.slot, row.slot, "the address stays, the number changes");
        row = again;
    }
    let other = opened(store, &open(user, DeviceId::random(), 1000)).await;
    assert_ne!(other.isolation, row.isolation);
}

pub(super) async fn transitions_are_compare_and_set(store: &SqlSessions) {
    use SessionState::{Connecting, Offline, Online};
    let device = DeviceId::random();
    let id = opened(store, &open(UserId::random(), device, 1000)).await.session_id;
    assert_eq!(store.connecting(NODE).await.unwrap(), [(id, device)]);
    assert!(store.transition(id, Connecting, Online, None).await.unwrap());
    assert_eq!(store.connecting(NODE).await.unwrap(), []);
    assert!(
        store.transition(id, Connecting, Online, None).await.unwrap(),
        "a repetition after a lost response succeeds"
    );
    assert!(store.transition(id, Online, Offline, Some(1090)).await.unwrap());
    assert!(!store.transition(id, Connecting, Online, None).await.unwrap(), "the state has changed since");
    assert_eq!(store.live(NODE).await.unwrap()[0].offline_since, Some(1090));
    assert!(store.transition(id, Offline, Online, None).await.unwrap());
    let row = store.live(NODE).await.unwrap().remove(0);
    assert_eq!((row.state, row.offline_since), (Online, None));
    assert!(!store.transition(SessionId::random(), Online, Offline, Some(1)).await.unwrap());
}

pub(super) async fn a_released_slot_rests_and_waits_for_its_device(store: &SqlSessions) {
    let (user, device) = (UserId::random(), DeviceId::random());
    let row = opened(store, &open(user, device, 1000)).await;
    for _ in 0..4 {
        opened(store, &open(user, DeviceId::random(), 1000)).await;
    }
    let stranger = |now| open(user, DeviceId::random(), now);
    assert_eq!(store.open(&stranger(1000)).await.unwrap(), Opened::PoolExhausted);
    assert!(store.close(&close(row.session_id, CloseReason::Disconnect, 2000)).await.unwrap());
    assert_eq!(store.pool(NODE, 2299 - 300).await.unwrap(), PoolCount { leased: 4, resting: 1 });
    assert_eq!(store.open(&stranger(2299)).await.unwrap(), Opened::PoolExhausted);
    let again = opened(store, &open(user, device, 2299)).await;
    assert_eq!(again.slot, row.slot);
    assert!(store.close(&close(again.session_id, CloseReason::Disconnect, 2300)).await.unwrap());
    assert_eq!(store.pool(NODE, 2600 - 300).await.unwrap(), PoolCount { leased: 4, resting: 0 });
    assert_eq!(opened(store, &stranger(2600)).await.slot, row.slot);
}

pub(super) async fn a_failed_connect_frees_its_slot_at_once(store: &SqlSessions) {
    let user = UserId::random();
    let row = opened(store, &OpenSession { slots: (Slot(2), Slot(2)), ..open(user, DeviceId::random(), 1000) }).await;
    let undo = CloseSession { lease: AfterClose::FreeNow, ..close(row.session_id, CloseReason::Failed, 1000) };
    assert!(store.close(&undo).await.unwrap());
    let next = OpenSession { slots: (Slot(2), Slot(2)), ..open(user, DeviceId::random(), 1000) };
    assert_eq!(opened(store, &next).await.slot, Slot(2));
}

pub(super) async fn a_device_that_changes_its_gateway_leaves_nothing_behind(store: &SqlSessions) {
    let (user, device) = (UserId::random(), DeviceId::random());
    let here = opened(store, &open(user, device, 1000)).await;
    let there = OpenSession { node_id: "second".into(), ..open(user, device, 1100) };
    let Opened::New { row, replaced, .. } = store.open(&there).await.unwrap() else { panic!("must open") };
    assert_eq!(replaced.unwrap().session_id, here.session_id);
    assert_eq!(row.node_id, "second");
    assert_eq!(store.live(NODE).await.unwrap(), []);
    assert_eq!(store.pool(NODE, 800).await.unwrap(), PoolCount { leased: 0, resting: 1 });
}

pub(super) async fn a_device_keeps_its_exit_country(store: &SqlSessions) {
    let (device, other) = (DeviceId::random(), DeviceId::random());
    let code = |text: &str| text.parse().unwrap();
    assert_eq!(store.exit(device).await.unwrap(), None);
    assert_eq!(store.choose_exit(device, None, Some(code("de"))).await.unwrap(), None);
    assert_eq!(store.exit(device).await.unwrap(), Some(code("de")));
    assert_eq!(store.exits(NODE).await.unwrap(), [], "no session yet");
    let row = opened(store, &open(UserId::random(), device, 1000)).await;
    let number = store.choose_exit(device, Some(row.session_id), Some(code("nl"))).await.unwrap().unwrap();
    assert_ne!(number, row.isolation, "another country needs a new isolation number");
    assert_eq!(store.live(NODE).await.unwrap()[0].isolation, number);
    assert_eq!(store.exits(NODE).await.unwrap(), [(device, code("nl"))]);
    assert_eq!(store.exits("elsewhere").await.unwrap(), []);
    assert!(store.close(&close(row.session_id, CloseReason::Disconnect, 1000)).await.unwrap());
    assert_eq!(store.choose_exit(device, Some(row.session_id), Some(code("nl"))).await.unwrap(), None);
    assert_eq!((store.exit(device).await.unwrap(), store.exit(other).await.unwrap()), (Some(code("nl")), None));
    store.choose_exit(device, None, None).await.unwrap();
    assert_eq!(store.exit(device).await.unwrap(), None);
}

pub(super) async fn a_month_keeps_its_first_base(store: &SqlSessions) {
    let (user, other) = (UserId::random(), UserId::random());
    assert_eq!(store.quota(user).await.unwrap(), None);
    let first = MonthQuota { month: 24_310, base: 100, quota: 1000 };
    assert_eq!(store.put_quota(user, Some(first)).await.unwrap(), Some(first));
    let again = MonthQuota { base: 900, quota: 2000, ..first };
    let stands = MonthQuota { quota: 2000, ..first };
    assert_eq!(store.put_quota(user, Some(again)).await.unwrap(), Some(stands), "a new quota in the same month");
    let next = MonthQuota { month: 24_311, base: 1500, quota: 2000 };
    assert_eq!(store.put_quota(user, Some(next)).await.unwrap(), Some(next));
    assert_eq!(store.put_quota(user, Some(first)).await.unwrap().unwrap().base, 1500, "the clock was set back");
    assert_eq!(store.quota(other).await.unwrap(), None);
    assert_eq!(store.put_quota(user, None).await.unwrap(), None);
    assert_eq!(store.quota(user).await.unwrap(), None);
}

async fn ended(store: &SqlSessions, user: UserId) -> Usage {
    store.moved(&[user]).await.unwrap().remove(&user).unwrap().ended
}

pub(super) async fn totals_outlive_the_history(store: &SqlSessions) {
    let (user, other) = (UserId::random(), UserId::random());
    assert_eq!(ended(store, user).await, Usage::default());
    for (number, owner) in [user, user, user, other].into_iter().enumerate() {
        let at = 1000 * i64::try_from(number).unwrap();
        let row = opened(store, &open(owner, DeviceId::random(), at)).await;
        let end = close(row.session_id, CloseReason::Disconnect, at + 10);
        assert!(store.close(&end).await.unwrap());
        assert!(!store.close(&end).await.unwrap(), "closed twice, counted once");
    }
    let lives = opened(store, &open(user, DeviceId::random(), 0)).await;
    let bytes = |n| Transfer { rx_bytes: n, tx_bytes: 2 * n };
    let usage = Usage { sessions: 3, direct: bytes(30), tor: bytes(300) };
    assert_eq!(ended(store, user).await, usage);

    assert_eq!(store.forget(1011, 1).await.unwrap(), 2, "bounded: one connection, one lease");
    assert_eq!(store.forget(1011, 100).await.unwrap(), 2);
    assert_eq!(store.forget(1011, 100).await.unwrap(), 0);
    let left: Vec<_> = store.history(Some(user), 10).await.unwrap().iter().map(|row| row.started_at).collect();
    assert_eq!(left, [2000, 0], "the recent one and the live one");
    assert_eq!(ended(store, user).await, usage);
    assert_eq!(store.live(NODE).await.unwrap(), [lives]);
    assert_eq!(store.pool(NODE, 0).await.unwrap().leased, 1);

    // Totals beyond the range of a database must not prevent a session from closing.
    let row = opened(store, &open(other, DeviceId::random(), 5000)).await;
    let end = close(row.session_id, CloseReason::Disconnect, 5001);
    let huge = CloseSession { direct: bytes(u64::MAX / 2), tor: bytes(u64::MAX / 3), ..end };
    assert!(store.close(&huge).await.unwrap());
    let most = u64::try_from(i64::MAX).unwrap();
    assert_eq!(ended(store, other).await.direct, Transfer { rx_bytes: most, tx_bytes: most });
}
