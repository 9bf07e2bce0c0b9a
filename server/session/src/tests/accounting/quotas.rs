//! Quotas of accounts, from the grant to the close of their sessions.

use crate::lifecycle::sweep;
use crate::tests::support::world::World;
use futures::FutureExt as _;
use tornado_contracts::session::{EventKind, SessionError, SessionEvent};
use tornado_shared::model::*;

const DAY: i64 = 86_400;

#[tokio::test]
async fn a_used_quota_closes_sessions_until_the_month_ends() {
    let world = World::new().await;
    let user = UserId::random();
    let (one, two) = (world.auth.device(user), world.auth.device(user));
    let other = world.auth.device(UserId::random());
    *world.auth.month_quota.lock() = Some(10_000);
    for device in [&one, &two, &other] {
        world.connect(device).await.unwrap();
    }
    // The fake sends ten times as many bytes to the device as it receives: 11 bytes per unit.
    world.wg.moves(one.key, 500, 0);
    world.wg.moves(two.key, 0, 400);
    world.read_counters().await;
    world.sweep().await;
    assert!(world.mine(&one).await.is_some(), "9900 of 10000");
    // An ended session counts, and so do counters that were reset.
    world.disconnect(&two).await.unwrap();
    world.wg.moves(one.key, 10, 0);
    world.read_counters().await;
    world.sweep().await;
    assert!(world.mine(&one).await.is_none());
    assert!(world.mine(&other).await.is_some(), "each account has its own quota");
    assert_eq!(world.reasons().await.iter().filter(|r| **r == Some(CloseReason::QuotaExceeded)).count(), 1);

    let refused = world.connect(&two).await.unwrap_err();
    let SessionError::QuotaExceeded { quota: 10_000, renews_in } = refused else { panic!("{refused}") };
    // Now is 14 November 2023, 22:13:20 UTC.
    assert_eq!(renews_in, 16 * 86_400 + 6_400);
    world.wait(i64::try_from(renews_in).unwrap() - 1);
    let nearly = world.auth.device(user);
    assert!(world.connect(&nearly).await.is_err());
    world.wait(1);
    let fresh = world.auth.device(user);
    world.connect(&fresh).await.unwrap();
    world.wg.moves(fresh.key, 900, 0);
    world.read_counters().await;
    world.sweep().await;
    assert!(world.mine(&fresh).await.is_some(), "usage of the previous month does not count");
}

#[tokio::test]
async fn devices_are_warned_before_and_when_a_quota_is_used_up() {
    let world = World::new().await;
    let user = UserId::random();
    let (one, two) = (world.auth.device(user), world.auth.device(user));
    *world.auth.month_quota.lock() = Some(10_000);
    for device in [&one, &two] {
        world.connect(device).await.unwrap();
    }
    let mut events = world.subscribe().await;
    for moved in [700, 50, 10, 300] {
        world.wg.moves(one.key, moved, 0);
        world.read_counters().await;
        world.sweep().await;
    }
    let mut seen = Vec::new();
    while let Some(Some(line)) = events.next().now_or_never() {
        let event: SessionEvent = serde_json::from_str(&line).unwrap();
        let used = match event.kind {
            EventKind::Quota(quota) => Some(quota.used),
            EventKind::Closed(reason) => {
                assert_eq!(reason, CloseReason::QuotaExceeded);
                None
            }
            other @ (EventKind::Created | EventKind::Offline | EventKind::Recovered) => panic!("{other:?}"),
        };
        seen.push((event.device_id == one.device_id, used));
    }
    seen.sort_unstable();
    let expected = [false, true].map(|own| [None, Some(8250), Some(11_660)].map(|used| (own, used))).concat();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_new_month_resets_the_quota_of_a_live_session() {
    let mut world = World::new().await;
    let user = UserId::random();
    *world.auth.month_quota.lock() = Some(10_000);
    let device = world.auth.device(user);
    world.export(&device).await.unwrap();
    world.wg.moves(device.key, 900, 0);
    world.read_counters().await;
    sweep::checkpoint(&world.service.core).await;
    world.wait(17 * DAY);
    world.sweep().await;
    world.kill_session().await;
    world.watch.check().await.unwrap();
    world.wg.moves(device.key, 800, 0);
    world.read_counters().await;
    world.sweep().await;
    assert!(world.mine(&device).await.is_some(), "8800 of 10000 since the first of the month");
    world.wg.moves(device.key, 200, 0);
    world.read_counters().await;
    world.sweep().await;
    assert!(world.mine(&device).await.is_none(), "11000 of 10000 since then; the quota survived the restart");
}

#[tokio::test]
async fn a_changed_quota_applies_from_the_next_connect() {
    let world = World::new().await;
    let user = UserId::random();
    *world.auth.month_quota.lock() = Some(1_000);
    let device = world.auth.device(user);
    world.connect(&device).await.unwrap();
    world.wg.moves(device.key, 100, 0);
    world.read_counters().await;
    world.sweep().await;
    assert!(world.connect(&device).await.is_err());
    *world.auth.month_quota.lock() = Some(2_000);
    world.connect(&device).await.unwrap();
    world.disconnect(&device).await.unwrap();
    *world.auth.month_quota.lock() = None;
    world.connect(&device).await.unwrap();
    world.wg.moves(device.key, 100_000, 0);
    world.read_counters().await;
    world.sweep().await;
    assert!(world.mine(&device).await.is_some(), "no limit without a quota");
}
