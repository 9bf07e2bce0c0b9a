//! Compares the model with the real store, and fills a whole pool in the model.

use super::{Model, key, open};
use proptest::prelude::*;
use std::collections::HashMap;
use tornado_shared::model::*;
use tornado_store::sessions::*;

#[derive(Debug, Clone)]
enum Step {
    Connect { device: usize, key: u64 },
    Online(usize),
    Offline(usize),
    Close { device: usize, free_now: bool, bytes: u64 },
    Forget(i64),
    Wait(i64),
}

const DEVICES: usize = 12;

fn step() -> impl Strategy<Value = Step> {
    let device = || 0..DEVICES;
    prop_oneof![
        8 => (device(), 0..20u64).prop_map(|(device, key)| Step::Connect { device, key }),
        2 => device().prop_map(Step::Online),
        2 => device().prop_map(Step::Offline),
        5 => (device(), any::<bool>(), 0..u64::MAX / 1000)
            .prop_map(|(device, free_now, bytes)| Step::Close { device, free_now, bytes }),
        1 => (0..2000i64).prop_map(Step::Forget),
        2 => (1..400i64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_model_and_the_store_give_equal_results(steps in proptest::collection::vec(step(), 20..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(compare(steps));
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    /// Every slot of a pool is leased, then none is left. Slots that are released in any order are leased again. No
    /// slot ever has two owners.
    #[test]
    fn sixty_five_thousand_leases_are_released_in_any_order(seed in any::<u64>()) {
        const SLOTS: u32 = 65_000;
        let mut model = Model::default();
        let mut dice = crate::tests::simulation::million::Dice(seed | 1);
        let mut device = open(UserId::random(), SLOTS, u32::MAX);
        let mut owners: Vec<Option<SessionId>> = vec![None; SLOTS as usize];
        let mut fill = |model: &mut Model, owners: &mut Vec<Option<SessionId>>, round: u64, now: i64| {
            for number in 0..=u64::from(SLOTS) {
                (device.session_id, device.device_id) = (SessionId::random(), DeviceId::random());
                (device.public_key, device.now) = (key(1 + round * 100_000 + number), now);
                #[expect(clippy::wildcard_enum_match_arm, reason = "any other answer is the same failure")]
                match model.open(&device) {
                    Opened::New { row, .. } => {
                        let owner = &mut owners[(row.slot.0 - Slot::FIRST.0) as usize];
                        assert!(owner.replace(row.session_id).is_none(), "two owners of {}", row.slot);
                    }
                    Opened::PoolExhausted => break,
                    other => panic!("{other:?}"),
                }
            }
            assert!(owners.iter().all(Option::is_some));
        };
        fill(&mut model, &mut owners, 0, 1000);
        for index in (1..owners.len()).rev() {
            // Releases a random half.
            if dice.under(2) == 0 {
                let session_id = owners[index].take().unwrap();
                let (direct, tor) = Default::default();
                let reason = CloseReason::Disconnect;
                let close = CloseSession { session_id, reason, at: 2000, direct, tor, lease: AfterClose::Quarantine };
                assert!(model.close(&close) && !model.close(&close));
            }
        }
        device_refused_while_all_rest(&mut model);
        fill(&mut model, &mut owners, 1, 2300);
    }
}

fn device_refused_while_all_rest(model: &mut Model) {
    let mut late = open(UserId::random(), 65_000, u32::MAX);
    (late.public_key, late.now) = (key(u64::MAX), 2299);
    assert_eq!(model.open(&late), Opened::PoolExhausted);
}

/// Applies the same steps to both. All results and all stored rows must be equal.
async fn compare(steps: Vec<Step>) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlSessions::open_sqlite(&dir.path().join("session.db")).await.unwrap();
    let (mut model, mut now) = (Model::default(), 10_000);
    let users = [UserId::random(), UserId::random(), UserId::random()];
    let mut devices: Vec<_> = (0..DEVICES).map(|number| open(users[number % 3], 6, 3)).collect();
    for step in steps {
        match step {
            Step::Wait(seconds) => now += seconds,
            Step::Connect { device, key: number } => {
                let device = &mut devices[device];
                (device.session_id, device.public_key, device.now) = (SessionId::random(), key(number), now);
                let both = (store.open(device).await.unwrap(), model.open(device));
                assert_eq!(both.0, both.1);
                if let Opened::Existing(row) = both.0 {
                    device.session_id = row.session_id;
                }
            }
            Step::Online(device) => {
                let (id, from, to) = (devices[device].session_id, SessionState::Connecting, SessionState::Online);
                assert_eq!(store.transition(id, from, to, None).await.unwrap(), model.transition(id, from, to, None));
            }
            Step::Offline(device) => {
                let (id, from, to) = (devices[device].session_id, SessionState::Online, SessionState::Offline);
                let both = (store.transition(id, from, to, Some(now)).await, model.transition(id, from, to, Some(now)));
                assert_eq!(both.0.unwrap(), both.1);
            }
            Step::Close { device, free_now, bytes } => {
                let (session_id, reason) = (devices[device].session_id, CloseReason::Disconnect);
                let direct = Transfer { rx_bytes: bytes, tx_bytes: 1 };
                let lease = if free_now { AfterClose::FreeNow } else { AfterClose::Quarantine };
                let close = CloseSession { session_id, reason, at: now, direct, tor: Transfer::default(), lease };
                assert_eq!(store.close(&close).await.unwrap(), model.close(&close));
            }
            Step::Forget(age) => {
                assert_eq!(store.forget(now - age, 500).await.unwrap(), model.forget(now - age, 500));
            }
        }
    }
    let by_id = |rows: Vec<SessionRow>| rows.into_iter().map(|row| (row.session_id, row)).collect::<HashMap<_, _>>();
    assert_eq!(by_id(store.live("main").await.unwrap()), model.sessions);
    let history: HashMap<_, _> =
        store.history(None, 500).await.unwrap().into_iter().map(|row| (row.session_id, row)).collect();
    assert_eq!(history, model.history);
    for user in users {
        let moved = store.moved(&[user]).await.unwrap().remove(&user).unwrap();
        assert_eq!(moved.ended, model.usage.get(&user).copied().unwrap_or_default());
        let live: HashMap<_, _> = moved.live.iter().map(|row| (row.session_id, (row.direct, row.tor))).collect();
        let of_user = model.sessions.values().filter(|row| row.user_id == user);
        let expected = of_user.map(|row| (row.session_id, (row.direct.total, row.tor.total))).collect();
        assert_eq!(live, expected);
    }
}
