//! The conformance checks on SQLite, and leases compared with a model.

use super::conformance::{self, NODE};
use super::{AfterClose, CloseSession, OpenSession, Opened, SqlSessions, tables::leases};
use proptest::prelude::*;
use std::collections::HashMap;
use tornado_shared::model::{CloseReason, DeviceId, SessionId, Slot, UserId};

async fn sqlite() -> (SqlSessions, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlSessions::open_sqlite(&dir.path().join("session.db")).await.unwrap();
    (store, dir)
}

macro_rules! conform {
    ($($check:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $check() {
                let (store, _dir) = sqlite().await;
                conformance::$check(&store).await;
            }
        )+
    };
}

conformance::for_each!(conform);

#[tokio::test]
async fn everything_survives_the_process() {
    let (store, dir) = sqlite().await;
    let input = conformance::open(UserId::random(), DeviceId::random(), 1000);
    let Opened::New { row, .. } = store.open(&input).await.unwrap() else { panic!("must open") };
    // Dropped without closing, as by a kill.
    drop(store);
    let again = SqlSessions::open_sqlite(&dir.path().join("session.db")).await.unwrap();
    assert_eq!(again.live(NODE).await.unwrap(), std::slice::from_ref(&*row));
}

#[tokio::test]
async fn connects_at_the_same_time_get_different_slots() {
    let (store, _dir) = sqlite().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..40 {
        let store = store.clone();
        tasks.spawn(async move {
            let wide = (Slot(2), Slot(100));
            let input = OpenSession { slots: wide, ..conformance::open(UserId::random(), DeviceId::random(), 1000) };
            store.open(&input).await.unwrap()
        });
    }
    let mut slots = Vec::new();
    while let Some(opened) = tasks.join_next().await {
        let Opened::New { row, .. } = opened.unwrap() else { panic!("must open") };
        slots.push(row.slot.0);
    }
    slots.sort_unstable();
    assert_eq!(slots, (2..42).collect::<Vec<_>>());
}

/// A slot is found by index, not by a scan. This makes 65,000 leases as fast as one.
#[tokio::test]
async fn slots_are_found_by_index() {
    let (store, _dir) = sqlite().await;
    let plans = [
        "SELECT slot FROM leases WHERE node_id = 'a' ORDER BY slot DESC LIMIT 1",
        "SELECT slot FROM leases WHERE node_id = 'a' AND released_at IS NOT NULL AND released_at <= 5 \
         AND slot >= 2 AND slot <= 9 ORDER BY released_at LIMIT 1",
    ];
    for sql in plans {
        let query = format!("EXPLAIN QUERY PLAN {sql}");
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(&mut *store.db.reader().await.unwrap()).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, "detail")).collect();
        let plan = plan.join("; ");
        assert!(plan.contains("SEARCH leases USING") && !plan.contains("TEMP B-TREE"), "{plan}");
    }
}

#[derive(Debug, Clone)]
enum Step {
    Connect { device: usize, rekey: bool },
    Close { device: usize, free_now: bool },
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..8usize, any::<bool>()).prop_map(|(device, rekey)| Step::Connect { device, rekey }),
        3 => (0..8usize, any::<bool>()).prop_map(|(device, free_now)| Step::Close { device, free_now }),
        1 => (1..400i64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// No sequence of connects, closes, waits and restarts assigns one slot to two devices, or a slot in quarantine to
    /// another device. A connect fails only if all slots are leased or in quarantine.
    #[test]
    fn no_slot_belongs_to_two_devices(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(steps));
    }
}

async fn check(steps: Vec<Step>) {
    let (mut store, dir) = sqlite().await;
    let devices: Vec<_> = (0..8).map(|_| conformance::open(UserId::random(), DeviceId::random(), 0)).collect();
    let mut devices = devices;
    let mut live: HashMap<usize, (SessionId, Slot)> = HashMap::new();
    let mut resting: HashMap<Slot, (usize, i64)> = HashMap::new();
    let mut now = 10_000;
    for (number, step) in steps.into_iter().enumerate() {
        if number % 7 == 6 {
            store.shut().await;
            store = SqlSessions::open_sqlite(&dir.path().join("session.db")).await.unwrap();
        }
        match step {
            Step::Wait(seconds) => now += seconds,
            Step::Close { device, free_now } => {
                let Some((session_id, slot)) = live.remove(&device) else { continue };
                let lease = if free_now { AfterClose::FreeNow } else { AfterClose::Quarantine };
                let input = conformance::close(session_id, CloseReason::Disconnect, now);
                assert!(store.close(&CloseSession { lease, ..input }).await.unwrap());
                resting.insert(slot, (device, if free_now { 0 } else { now }));
            }
            Step::Connect { device, rekey } => {
                let input = &mut devices[device];
                input.session_id = SessionId::random();
                input.now = now;
                if rekey {
                    input.public_key = tornado_shared::model::PrivateKey::random().public_key();
                }
                match store.open(input).await.unwrap() {
                    Opened::Existing(row) => assert_eq!(live[&device], (row.session_id, row.slot)),
                    Opened::New { row, .. } => {
                        live.remove(&device);
                        assert!(live.values().all(|(_, slot)| *slot != row.slot), "two devices on slot {}", row.slot);
                        if let Some((owner, since)) = resting.remove(&row.slot) {
                            assert!(owner == device || now - since >= 300, "slot {} is in quarantine", row.slot);
                        }
                        live.insert(device, (row.session_id, row.slot));
                    }
                    Opened::PoolExhausted => {
                        let rests = resting.values().filter(|(_, since)| now - since < 300).count();
                        assert_eq!(live.len() + rests, 5);
                    }
                    other @ (Opened::KeyInUse | Opened::MaxDevices) => panic!("{other:?}"),
                }
            }
        }
        let stored = store.live(NODE).await.unwrap();
        assert_eq!(stored.len(), live.len());
    }
}

/// The whole pool in one transaction, with the statements of real connects: leased until none is left, released in
/// random order, and leased again by other devices after the quarantine. No slot ever has two owners.
#[tokio::test]
async fn sixty_five_thousand_leases_have_one_owner_each() {
    const SLOTS: u32 = 65_000;
    let (store, _dir) = sqlite().await;
    let mut tx = store.db.begin().await.unwrap();
    let mut one = conformance::open(UserId::random(), DeviceId::random(), 1000);
    one.slots = (Slot(2), Slot(SLOTS + 1));
    let mut owners = HashMap::new();
    for _ in 0..SLOTS {
        (one.session_id, one.device_id) = (SessionId::random(), DeviceId::random());
        let slot = leases::take(&mut tx, &one).await.unwrap().unwrap().slot;
        assert_eq!(owners.insert(slot, one.session_id), None, "two owners of {slot}");
    }
    (one.session_id, one.device_id) = (SessionId::random(), DeviceId::random());
    assert!(leases::take(&mut tx, &one).await.unwrap().is_none(), "the pool must be exhausted");
    // The iteration order of a hash map with random state is random.
    let back: Vec<_> = owners.drain().take(20_000).collect();
    for (_, session) in &back {
        leases::release(&mut tx, *session, 2000, AfterClose::Quarantine).await.unwrap();
    }
    one.now = 2299;
    assert!(leases::take(&mut tx, &one).await.unwrap().is_none(), "all free slots are in quarantine");
    one.now = 2300;
    let free: HashMap<_, _> = back.into_iter().collect();
    for _ in 0..free.len() {
        (one.session_id, one.device_id) = (SessionId::random(), DeviceId::random());
        let slot = leases::take(&mut tx, &one).await.unwrap().unwrap().slot;
        assert!(free.contains_key(&slot) && owners.insert(slot, one.session_id).is_none(), "two owners of {slot}");
    }
    assert!(leases::take(&mut tx, &one).await.unwrap().is_none(), "the pool must be exhausted again");
    tx.commit().await.unwrap();
}
