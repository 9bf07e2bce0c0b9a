//! Usage of accounts while memory and store differ.

use crate::lifecycle::sweep;
use crate::registry::Entry;
use crate::tests::support::auth::Device;
use crate::tests::support::world::{World, request, token};
use std::sync::Arc;
use std::time::Duration;
use tornado_contracts::session::{Sessions as _, UsageQuery};
use tornado_rpc::ServiceError as _;
use tornado_shared::model::*;
use tornado_store::sessions::{AfterClose, CloseSession};

/// Seconds from [`crate::tests::support::world::START`], 14 November 2023, 22:13:20 UTC.
const TO_MIDNIGHT: i64 = 6_400;
const TO_DECEMBER: i64 = 16 * 86_400 + TO_MIDNIGHT;

fn entry(world: &World, device: &Device) -> Arc<Entry> {
    world.service.core.registry.of_device(device.device_id).unwrap()
}

/// State while the peers are being removed, or while the store fails to close the session.
fn ends(entry: &Entry) {
    entry.close(CloseReason::Disconnect);
}

/// State after the store has closed the session and before its response arrives.
async fn ended(world: &World, entry: &Entry) {
    let (direct, tor) = entry.transferred();
    let (session_id, reason, lease) = (entry.session_id, CloseReason::Disconnect, AfterClose::Quarantine);
    let close = CloseSession { session_id, reason, at: world.now(), direct, tor, lease };
    assert!(world.service.core.store.close(&close).await.unwrap());
}

async fn set_marks(world: &World) {
    let users = world.service.core.registry.users();
    world.service.core.accounting.marks.set_missing(users, world.now()).await;
}

async fn received(world: &World, user: UserId) -> (u64, u64) {
    let usage = world.service.usage(UsageQuery { user_id: user }).await.unwrap();
    (usage.sessions, usage.direct_transfer.rx_bytes)
}

/// The fake sends ten times as many bytes to the device as it receives: 11 bytes per unit.
async fn moves(world: &World, device: &Device, bytes: u64) {
    world.wg.moves(device.key, bytes, 0);
    world.read_counters().await;
}

#[tokio::test]
async fn a_closing_session_is_counted_once_at_every_step() {
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
    world.sweep().await;
    assert_eq!(received(&world, user).await, (1, 500), "closed and removed from the registry");
}

#[tokio::test]
async fn a_month_that_begins_during_a_close_charges_no_old_bytes() {
    let world = World::new().await;
    let user = UserId::random();
    let device = world.auth.device(user);
    *world.auth.month_quota.lock() = Some(10_000);
    world.connect(&device).await.unwrap();
    moves(&world, &device, 900).await;
    let entry = entry(&world, &device);
    world.wait(TO_DECEMBER);
    ends(&entry);
    sweep::enforce_quotas(&world.service.core).await;
    set_marks(&world).await;
    world.sweep().await;
    assert_eq!(received(&world, user).await, (1, 900));
    let usage = world.service.own_usage(token(&device)).await.unwrap();
    assert_eq!(
        (usage.quota.unwrap().used, usage.today.sum(), usage.month.sum()),
        (0, 0, 0),
        "all bytes belong to November"
    );
    world.connect(&device).await.unwrap();
    moves(&world, &device, 800).await;
    world.sweep().await;
    assert!(world.mine(&device).await.is_some(), "8800 of 10000");
}

#[tokio::test]
async fn a_month_that_begins_after_a_stored_close_loses_no_bytes() {
    let world = World::new().await;
    let user = UserId::random();
    let device = world.auth.device(user);
    *world.auth.month_quota.lock() = Some(10_000);
    world.connect(&device).await.unwrap();
    moves(&world, &device, 900).await;
    world.wait(TO_DECEMBER);
    ended(&world, &entry(&world, &device)).await;
    sweep::enforce_quotas(&world.service.core).await;
    set_marks(&world).await;
    ends(&entry(&world, &device));
    world.sweep().await;
    world.connect(&device).await.unwrap();
    moves(&world, &device, 100).await;
    let usage = world.service.own_usage(token(&device)).await.unwrap();
    assert_eq!((usage.quota.unwrap().used, usage.today.sum(), usage.month.sum()), (1_100, 1_100, 1_100));
}

#[tokio::test]
async fn a_close_that_is_not_stored_yet_counts_at_a_connect() {
    let world = World::new().await;
    let user = UserId::random();
    let (one, two) = (world.auth.device(user), world.auth.device(user));
    *world.auth.month_quota.lock() = Some(10_000);
    world.connect(&one).await.unwrap();
    moves(&world, &one, 1_000).await;
    ends(&entry(&world, &one));
    let refused = world.connect(&two).await.unwrap_err();
    assert_eq!(refused.code(), "quota_exceeded", "11000 of 10000");
}

#[tokio::test]
async fn quotas_apply_across_gateways() {
    let world = World::new().await;
    let (second, lanes) = world.gateway("second").await;
    let user = UserId::random();
    let (here, there) = (world.auth.device(user), world.auth.device(user));
    *world.auth.month_quota.lock() = Some(10_000);
    world.connect(&here).await.unwrap();
    second.connect(request(&there)).await.unwrap();
    moves(&world, &here, 500).await;
    sweep::checkpoint(&world.service.core).await;
    lanes.moves(there.key, 500, 0);
    second.core.reconciler.read_counters().await.unwrap();
    sweep::checkpoint(&second.core).await;
    assert_eq!(received(&world, user).await, (2, 1_000));
    // A change of the quota through one gateway applies on the other one, too.
    world.service.core.registry.of_device(here.device_id).unwrap();
    *world.auth.month_quota.lock() = Some(20_000);
    second.connect(request(&there)).await.unwrap();
    world.sweep().await;
    assert!(world.mine(&here).await.is_some(), "11000 of 20000");
    // 21450 of 20000; neither gateway alone carries that much.
    moves(&world, &here, 950).await;
    world.sweep().await;
    assert!(world.mine(&here).await.is_none());
    assert_eq!(second.connect(request(&there)).await.unwrap_err().code(), "quota_exceeded");
}

#[tokio::test]
async fn a_raised_quota_applies_on_all_gateways() {
    let world = World::new().await;
    let (second, _) = world.gateway("second").await;
    let user = UserId::random();
    let (here, there) = (world.auth.device(user), world.auth.device(user));
    *world.auth.month_quota.lock() = Some(10_000);
    world.connect(&here).await.unwrap();
    world.sweep().await;
    *world.auth.month_quota.lock() = Some(20_000);
    second.connect(request(&there)).await.unwrap();
    moves(&world, &here, 1_000).await;
    world.sweep().await;
    assert!(world.mine(&here).await.is_some(), "11000 of 20000");
}

#[tokio::test]
async fn a_late_mark_excludes_an_ended_session_of_the_new_day() {
    let world = World::new().await;
    let user = UserId::random();
    let (old, new) = (world.auth.device(user), world.auth.device(user));
    world.export(&old).await.unwrap();
    moves(&world, &old, 100).await;
    world.sweep().await;
    world.wait(TO_MIDNIGHT + 60);
    // The session ends before any sweep and any usage request.
    world.connect(&new).await.unwrap();
    world.wg.moves(new.key, 40, 0);
    world.disconnect(&new).await.unwrap();
    world.sweep().await;
    let usage = world.service.own_usage(token(&new)).await.unwrap();
    assert_eq!((usage.today.direct.rx_bytes, usage.month.direct.rx_bytes), (40, 140));
}

#[tokio::test]
async fn one_sweep_sets_the_marks_of_many_accounts() {
    let world = World::new().await;
    for _ in 0..270 {
        world.export(&world.auth.device(UserId::random())).await.unwrap();
    }
    world.wait(TO_MIDNIGHT);
    world.sweep().await;
    let day = world.now().div_euclid(86_400);
    for user in world.service.core.registry.by_user().into_keys() {
        let marks = world.service.core.store.marks(user).await.unwrap();
        assert!(marks.iter().any(|mark| mark.number == day), "{marks:?}");
    }
}

/// A usage request takes no device lock: two requests that waited for each other's device would deadlock.
#[tokio::test]
async fn a_usage_request_waits_for_no_device_lock() {
    let world = World::new().await;
    let user = UserId::random();
    let (one, two) = (world.auth.device(user), world.auth.device(user));
    world.connect(&one).await.unwrap();
    world.connect(&two).await.unwrap();
    world.wait(TO_MIDNIGHT);
    let _held = world.service.core.registry.locks.lock(one.device_id).await;
    let usage = tokio::time::timeout(Duration::from_secs(60), world.service.own_usage(token(&two))).await;
    assert_eq!(usage.unwrap().unwrap().sessions, 2);
}
