//! Usage of accounts while memory and store differ.

use super::fakes::Device;
use super::world::{World, request, token};
use crate::entry::Entry;
use std::sync::Arc;
use std::time::Duration;
use tornado_contracts::session::{Sessions as _, UsageQuery};
use tornado_rpc::ServiceError as _;
use tornado_shared::model::*;
use tornado_store::sessions::{AfterClose, CloseSession};

/// Seconds from [`super::world::START`], 14 November 2023, 22:13:20 UTC.
const TO_MIDNIGHT: i64 = 6_400;
const TO_DECEMBER: i64 = 16 * 86_400 + TO_MIDNIGHT;

fn entry(world: &World, device: &Device) -> Arc<Entry> {
    world.service.registry.of_device(device.device_id).unwrap()
}

/// State while the peers are being removed, or while the store fails to close the session.
fn ends(entry: &Entry) {
    let mut cell = entry.cell();
    cell.machine = cell.machine.close(CloseReason::Disconnect).0;
}

/// State after the store has closed the session and before its response arrives.
async fn ended(world: &World, entry: &Entry) {
    let (direct, tor) = entry.moved();
    let (session_id, reason, lease) = (entry.session_id, CloseReason::Disconnect, AfterClose::Quarantine);
    let close = CloseSession { session_id, reason, at: world.now(), direct, tor, lease };
    assert!(world.service.store.close(&close).await.unwrap());
}

async fn received(world: &World, user: UserId) -> (u64, u64) {
    let usage = world.api.usage(UsageQuery { user_id: user }).await.unwrap();
    (usage.sessions, usage.direct_transfer.rx_bytes)
}

/// The fake sends ten times as many bytes to the device as it receives: 11 bytes per unit.
async fn moves(world: &World, device: &Device, bytes: u64) {
    world.wg.moves(device.key, bytes, 0);
    world.service.read_counters().await.unwrap();
}

#[tokio::test]
async fn a_session_that_ends_is_counted_once_at_every_moment() {
    let world = World::new().await;
    let user = UserId::random();
    let device = world.auth.device(user);
    world.connect(&device).await.unwrap();
    moves(&world, &device, 500).await;
    assert_eq!(received(&world, user).await, (1, 500));
    let entry = entry(&world, &device);
    ends(&entry);
    assert_eq!(received(&world, user).await, (1, 500), "closed in memory, not yet in the store");
    ended(&world, &entry).await;
    assert_eq!(received(&world, user).await, (1, 500), "closed in the store, still in the registry");
    world.service.sweep().await;
    assert_eq!(received(&world, user).await, (1, 500), "closed and removed from the registry");
}

#[tokio::test]
async fn a_month_that_begins_while_a_session_ends_locks_nobody_out() {
    let world = World::new().await;
    let user = UserId::random();
    let device = world.auth.device(user);
    *world.auth.month_quota.lock().unwrap() = Some(10_000);
    world.connect(&device).await.unwrap();
    moves(&world, &device, 900).await;
    let entry = entry(&world, &device);
    world.wait(TO_DECEMBER);
    ends(&entry);
    world.service.heed_allowances().await;
    world.service.set_marks().await;
    world.service.sweep().await;
    assert_eq!(received(&world, user).await, (1, 900));
    let usage = world.api.own_usage(token(&device)).await.unwrap();
    assert_eq!(
        (usage.quota.unwrap().used, usage.today.sum(), usage.month.sum()),
        (0, 0, 0),
        "all bytes belong to November"
    );
    world.connect(&device).await.unwrap();
    moves(&world, &device, 800).await;
    world.service.sweep().await;
    assert!(world.mine(&device).await.is_some(), "8800 of 10000");
}

#[tokio::test]
async fn a_month_that_begins_just_after_an_end_was_stored_gives_nothing_away() {
    let world = World::new().await;
    let user = UserId::random();
    let device = world.auth.device(user);
    *world.auth.month_quota.lock().unwrap() = Some(10_000);
    world.connect(&device).await.unwrap();
    moves(&world, &device, 900).await;
    world.wait(TO_DECEMBER);
    ended(&world, &entry(&world, &device)).await;
    world.service.heed_allowances().await;
    world.service.set_marks().await;
    ends(&entry(&world, &device));
    world.service.sweep().await;
    world.connect(&device).await.unwrap();
    moves(&world, &device, 100).await;
    let usage = world.api.own_usage(token(&device)).await.unwrap();
    assert_eq!((usage.quota.unwrap().used, usage.today.sum(), usage.month.sum()), (1_100, 1_100, 1_100));
}

#[tokio::test]
async fn an_end_that_is_not_stored_yet_is_counted_at_a_connect() {
    let world = World::new().await;
    let user = UserId::random();
    let (one, two) = (world.auth.device(user), world.auth.device(user));
    *world.auth.month_quota.lock().unwrap() = Some(10_000);
    world.connect(&one).await.unwrap();
    moves(&world, &one, 1_000).await;
    ends(&entry(&world, &one));
    let refused = world.connect(&two).await.unwrap_err();
    assert_eq!(refused.code(), "quota_exceeded", "11000 of 10000");
}

#[tokio::test]
async fn quotas_hold_over_all_gateways() {
    let world = World::new().await;
    let (second, lanes) = world.gateway("second").await;
    let user = UserId::random();
    let (here, there) = (world.auth.device(user), world.auth.device(user));
    *world.auth.month_quota.lock().unwrap() = Some(10_000);
    world.connect(&here).await.unwrap();
    second.connect(request(&there)).await.unwrap();
    moves(&world, &here, 500).await;
    world.service.checkpoint().await;
    lanes.moves(there.key, 500, 0);
    second.read_counters().await.unwrap();
    second.checkpoint().await;
    assert_eq!(received(&world, user).await, (2, 1_000));
    // A change of the quota through one gateway applies on the other one, too.
    world.service.registry.of_device(here.device_id).unwrap();
    *world.auth.month_quota.lock().unwrap() = Some(20_000);
    second.connect(request(&there)).await.unwrap();
    world.service.sweep().await;
    assert!(world.mine(&here).await.is_some(), "11000 of 20000");
    // 21450 of 20000; neither gateway alone carries that much.
    moves(&world, &here, 950).await;
    world.service.sweep().await;
    assert!(world.mine(&here).await.is_none());
    assert_eq!(second.connect(request(&there)).await.unwrap_err().code(), "quota_exceeded");
}

#[tokio::test]
async fn a_raised_quota_counts_on_a_gateway_that_knew_the_old_one() {
    let world = World::new().await;
    let (second, _) = world.gateway("second").await;
    let user = UserId::random();
    let (here, there) = (world.auth.device(user), world.auth.device(user));
    *world.auth.month_quota.lock().unwrap() = Some(10_000);
    world.connect(&here).await.unwrap();
    world.service.sweep().await;
    *world.auth.month_quota.lock().unwrap() = Some(20_000);
    second.connect(request(&there)).await.unwrap();
    moves(&world, &here, 1_000).await;
    world.service.sweep().await;
    assert!(world.mine(&here).await.is_some(), "11000 of 20000");
}

#[tokio::test]
async fn a_late_mark_leaves_out_a_session_of_the_new_day_that_has_ended() {
    let world = World::new().await;
    let user = UserId::random();
    let (old, new) = (world.auth.device(user), world.auth.device(user));
    world.export(&old).await.unwrap();
    moves(&world, &old, 100).await;
    world.service.sweep().await;
    world.wait(TO_MIDNIGHT + 60);
    // The session ends before any sweep and any usage request.
    world.connect(&new).await.unwrap();
    world.wg.moves(new.key, 40, 0);
    world.disconnect(&new).await.unwrap();
    world.service.sweep().await;
    let usage = world.api.own_usage(token(&new)).await.unwrap();
    assert_eq!((usage.today.direct.rx_bytes, usage.month.direct.rx_bytes), (40, 140));
}

#[tokio::test]
async fn marks_of_very_many_are_set_by_one_sweep() {
    let world = World::new().await;
    for _ in 0..270 {
        world.export(&world.auth.device(UserId::random())).await.unwrap();
    }
    world.wait(TO_MIDNIGHT);
    world.service.sweep().await;
    let day = world.now().div_euclid(86_400);
    for user in world.service.registry.by_user().into_keys() {
        let marks = world.service.store.marks(user).await.unwrap();
        assert!(marks.iter().any(|mark| mark.number == day), "{marks:?}");
    }
}

/// A usage request takes no device lock: two requests that waited for each other's device would deadlock.
#[tokio::test]
async fn a_question_waits_for_no_session() {
    let world = World::new().await;
    let user = UserId::random();
    let (one, two) = (world.auth.device(user), world.auth.device(user));
    world.connect(&one).await.unwrap();
    world.connect(&two).await.unwrap();
    world.wait(TO_MIDNIGHT);
    let _held = world.service.locks.lock(one.device_id).await;
    let asked = tokio::time::timeout(Duration::from_secs(60), world.api.own_usage(token(&two))).await;
    assert_eq!(asked.unwrap().unwrap().sessions, 2);
}
