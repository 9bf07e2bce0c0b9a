//! Usage of accounts today and this month.

use crate::lifecycle::sweep;
use crate::tests::support::world::{World, token};
use tornado_contracts::operator::sessions::DayUsage;
use tornado_contracts::session::{OwnHistory, SessionError, Sessions as _};
use tornado_shared::api::OwnUsage;
use tornado_shared::model::*;

/// The world starts on 14 November 2023, 22:13:20 UTC, 6,400 seconds before midnight.
const TO_MIDNIGHT: i64 = 6_400;
const DAY: i64 = 86_400;

/// The fake sends ten times as many bytes to the device as it receives.
fn parts(usage: OwnUsage) -> [(u64, u64); 3] {
    [usage.today, usage.month, usage.total].map(|part| {
        assert_eq!((part.direct.tx_bytes, part.tor.tx_bytes), (10 * part.direct.rx_bytes, 10 * part.tor.rx_bytes));
        (part.direct.rx_bytes, part.tor.rx_bytes)
    })
}

async fn counted(world: &World) {
    world.read_counters().await;
    world.sweep().await;
}

#[tokio::test]
async fn days_and_months_begin_under_live_sessions() {
    let mut world = World::new().await;
    let user = UserId::random();
    let (phone, laptop) = (world.auth.device(user), world.auth.device(user));
    let usage = async |world: &World| parts(world.service.own_usage(token(&phone)).await.unwrap());
    assert_eq!(usage(&world).await, [(0, 0); 3]);
    world.export(&phone).await.unwrap();
    world.wg.moves(phone.key, 100, 7);
    counted(&world).await;
    assert_eq!(usage(&world).await, [(100, 7); 3], "bytes before the first sweep count");
    // A session within the day that ends before any usage request.
    world.connect(&laptop).await.unwrap();
    world.wg.moves(laptop.key, 30, 0);
    world.disconnect(&laptop).await.unwrap();
    assert_eq!(usage(&world).await, [(130, 7); 3]);

    world.wait(TO_MIDNIGHT - 1);
    counted(&world).await;
    assert_eq!(usage(&world).await, [(130, 7); 3], "the last second of the day");
    world.wait(1);
    counted(&world).await;
    world.wg.moves(phone.key, 5, 2);
    counted(&world).await;
    assert_eq!(usage(&world).await, [(5, 2), (135, 9), (135, 9)]);
    sweep::checkpoint(&world.service.core).await;
    world.kill_session().await;
    world.watch.check().await.unwrap();
    assert_eq!(usage(&world).await, [(5, 2), (135, 9), (135, 9)], "the marks must survive a restart");

    world.wait(16 * DAY);
    counted(&world).await;
    world.wg.moves(phone.key, 1, 1);
    counted(&world).await;
    assert_eq!(usage(&world).await, [(1, 1), (1, 1), (136, 10)], "the first of December");
    let days = async |number| {
        let core = &world.service.core;
        let days = core.accounting.days(user, number, core.now()).await.unwrap();
        let today = core.now().div_euclid(DAY);
        let part = |day: DayUsage| (today - day.day / DAY, day.usage.direct.rx_bytes, day.usage.tor.rx_bytes);
        days.into_iter().map(part).collect::<Vec<_>>()
    };
    assert_eq!(days(30).await, [(0, 1, 1), (16, 5, 2), (17, 130, 7)]);
    assert_eq!(days(17).await, [(0, 1, 1), (16, 5, 2)]);
    assert!(world.service.core.accounting.days(user, 0, world.now()).await.is_err());
    // A clock that was set back does not start an earlier day again.
    world.wait(-2 * DAY);
    counted(&world).await;
    assert_eq!(usage(&world).await, [(1, 1), (1, 1), (136, 10)]);
    assert_eq!(parts(world.service.own_usage(token(&world.auth.device(UserId::random()))).await.unwrap()), [(0, 0); 3]);
}

#[tokio::test]
async fn a_late_mark_excludes_bytes_of_the_new_day() {
    let world = World::new().await;
    let user = UserId::random();
    let (old, new) = (world.auth.device(user), world.auth.device(user));
    world.export(&old).await.unwrap();
    world.wg.moves(old.key, 100, 0);
    counted(&world).await;
    world.wait(TO_MIDNIGHT + 60);
    // Before the first sweep: bytes of the new session belong to the new day, those of the old one to the day before.
    world.connect(&new).await.unwrap();
    world.wg.moves(new.key, 40, 0);
    world.read_counters().await;
    assert_eq!(parts(world.service.own_usage(token(&new)).await.unwrap())[0], (40, 0));
}

#[tokio::test]
async fn own_usage_contains_the_remaining_quota() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    assert_eq!(world.service.own_usage(token(&device)).await.unwrap().quota, None);
    *world.auth.month_quota.lock() = Some(10_000);
    let quota = world.service.own_usage(token(&device)).await.unwrap().quota.unwrap();
    assert_eq!((quota.bytes, quota.used, quota.left), (10_000, 0, 10_000));
    world.connect(&device).await.unwrap();
    world.wg.moves(device.key, 800, 0);
    counted(&world).await;
    let quota = world.service.own_usage(token(&device)).await.unwrap().quota.unwrap();
    assert_eq!((quota.used, quota.left, quota.is_nearly_used()), (8_800, 1_200, true));
    assert_eq!(quota.renews_at, world.now() + 16 * DAY + TO_MIDNIGHT);
    world.wait(17 * DAY);
    let quota = world.service.own_usage(token(&device)).await.unwrap().quota.unwrap();
    assert_eq!((quota.used, quota.is_nearly_used()), (0, false), "the next month");
}

#[tokio::test]
async fn owners_see_their_own_connections_and_no_others() {
    let world = World::new().await;
    let user = UserId::random();
    let (own, other) = (world.auth.device(user), world.auth.device(UserId::random()));
    for device in [&own, &other, &own] {
        world.connect(device).await.unwrap();
        world.wg.moves(device.key, 3, 0);
        world.disconnect(device).await.unwrap();
        world.wait(10);
    }
    world.connect(&own).await.unwrap();
    world.wg.moves(own.key, 9, 0);
    world.read_counters().await;
    let page = async |before, limit| {
        let access_token = own.token.clone();
        world.service.own_history(OwnHistory { access_token, before, limit }).await
    };
    let rows = page(None, 2).await.unwrap();
    assert_eq!((rows[0].ended_at, rows[0].direct_transfer.rx_bytes), (None, 9), "current bytes");
    let rest = page(Some(rows[1].session_id), 500).await.unwrap();
    assert_eq!((rows.len(), rest.len()), (2, 1));
    assert!(rows.iter().chain(&rest).all(|row| row.user_id == user));
    assert!(page(None, 501).await.is_err());
    world.auth.revoked.lock().insert(own.family_id);
    assert_eq!(page(None, 2).await.unwrap_err(), SessionError::Revoked);
    assert_eq!(world.service.own_usage(token(&own)).await.unwrap_err(), SessionError::Revoked);
}
