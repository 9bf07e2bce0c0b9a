mod connect;
mod crashes;

use crate::Config;
use crate::lifecycle::{close, sweep};
use crate::tests::support::world::{START, World};
use futures::FutureExt as _;
use std::time::Duration;
use tornado_contracts::session::*;
use tornado_rpc::Fault;
use tornado_shared::model::*;

#[tokio::test]
async fn silence_leads_offline_and_a_heartbeat_recovers() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    let connected = world.connect(&device).await.unwrap();
    world.wait(89);
    world.sweep().await;
    assert_eq!(world.heartbeat(&device).await, Ok(HeartbeatOutcome::Ok));
    world.wait(90);
    world.sweep().await;
    assert_eq!(world.state(&device).await, Some(SessionState::Offline));
    assert_eq!(world.wg.keys(), [].into());
    assert_eq!(world.leased().await, (1, 0), "its lease must stay");
    assert_eq!(world.heartbeat(&device).await, Ok(HeartbeatOutcome::Reconnected));
    assert_eq!(world.heartbeat(&device).await, Ok(HeartbeatOutcome::Ok));
    assert!(world.wg.has(device.key));
    assert_eq!(world.connect(&device).await.unwrap().session_id, connected.session_id);
}

#[tokio::test]
async fn a_failed_recovery_keeps_lease_and_session() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.wait(90);
    world.sweep().await;
    world.wg.0.lock().failing_puts = 1;
    assert!(matches!(world.heartbeat(&device).await, Err(SessionError::DataPlane(_))));
    assert_eq!(world.state(&device).await, Some(SessionState::Offline));
    assert_eq!(world.leased().await, (1, 0));
    assert_eq!(world.heartbeat(&device).await, Ok(HeartbeatOutcome::Reconnected));
}

#[tokio::test]
async fn an_abandoned_session_releases_its_addresses() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.wait(90 + 600);
    world.sweep().await;
    assert_eq!(world.heartbeat(&device).await, Err(SessionError::SessionExpired));
    assert_eq!(world.leased().await, (0, 1));
    let history = world.history().await;
    assert_eq!(history[0].reason, Some(CloseReason::Expired));
    world.wait(301);
    assert_eq!(world.leased().await, (0, 0));
}

#[tokio::test]
async fn handshakes_keep_a_client_without_heartbeats_online() {
    let mut world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    for _ in 0..20 {
        world.wait(120);
        world.wg.0.lock().peers.get_mut(&device.key).unwrap().handshake = Some(world.now() - 10);
        world.read_counters().await;
        world.watch.check().await.unwrap();
        world.sweep().await;
        assert_eq!(world.state(&device).await, Some(SessionState::Online));
    }
}

#[tokio::test]
async fn an_exported_device_keeps_its_peers_until_it_is_removed() {
    let mut world = World::with(Config { hard_ttl: 1000, ..Config::default() }).await;
    let device = world.auth.device(UserId::random());
    let exported = world.export(&device).await.unwrap();
    assert!(world.wg.has(device.key), "the peer must exist before any handshake");
    world.wait(90);
    world.sweep().await;
    assert_eq!(world.state(&device).await, Some(SessionState::Offline));
    // Silent for a year, across restarts of both services. It can come back at any time.
    world.wait(366 * 86_400);
    world.kill_session().await;
    world.wg.restart();
    world.watch.check().await.unwrap();
    world.sweep().await;
    assert!(world.wg.has(device.key), "the peer must exist after a restart, before any handshake");
    assert_eq!(world.state(&device).await, Some(SessionState::Offline));

    world.wg.0.lock().peers.get_mut(&device.key).unwrap().handshake = Some(world.now() - 5);
    world.read_counters().await;
    world.sweep().await;
    let now = world.mine(&device).await.unwrap();
    assert_eq!((now.state, now.session_id), (SessionState::Online, exported.session_id));
    world.wait(180);
    world.sweep().await;
    assert_eq!(world.state(&device).await, Some(SessionState::Offline));
    world.read_counters().await;
    world.sweep().await;
    assert_eq!(world.state(&device).await, Some(SessionState::Offline), "a known handshake must not bring it back");
    assert_eq!(world.leased().await, (1, 0));

    close::close_device(&world.service.core, device.device_id, CloseReason::Revoked).await.unwrap();
    assert_eq!(world.wg.keys(), [].into());
    assert_eq!(world.reasons().await, [Some(CloseReason::Revoked)]);
}

#[tokio::test]
async fn the_hard_limit_ends_a_session_that_is_alive() {
    let world = World::with(Config { hard_ttl: 1000, ..Config::default() }).await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    for _ in 0..12 {
        world.wait(80);
        assert_eq!(world.heartbeat(&device).await, Ok(HeartbeatOutcome::Ok));
    }
    world.wait(40);
    assert_eq!(world.heartbeat(&device).await, Err(SessionError::SessionExpired));
    assert_eq!(world.reasons().await, [Some(CloseReason::HardLimit)]);
    assert_eq!(world.wg.keys(), [].into());
}

#[tokio::test]
async fn disconnect_frees_everything_at_once_and_can_be_repeated() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    let connected = world.connect(&device).await.unwrap();
    assert_eq!(world.disconnect(&device).await, Some(connected.session_id));
    assert_eq!(world.disconnect(&device).await, None);
    assert_eq!(world.wg.keys(), [].into());
    assert_eq!(world.leased().await, (0, 1));
    assert_eq!(world.mine(&device).await, None);
    assert_eq!(world.reasons().await, [Some(CloseReason::Disconnect)]);
}

#[tokio::test]
async fn a_close_by_an_operator_is_complete_and_final() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    let close = CloseDevice { device_id: device.device_id, reason: CloseReason::Revoked };
    assert!(world.service.close_device(close.clone()).await.unwrap().session_id.is_some());
    assert_eq!(world.service.close_device(close).await.unwrap().session_id, None);
    assert_eq!(world.wg.keys(), [].into());
    assert_eq!(world.heartbeat(&device).await, Err(SessionError::SessionExpired));
    assert_eq!(world.reasons().await, [Some(CloseReason::Revoked)]);
}

#[tokio::test]
async fn simultaneous_closes_close_once() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.wait(90 + 600);
    let mut events = world.subscribe().await;
    let close = |reason| world.service.close_device(CloseDevice { device_id: device.device_id, reason });
    let ((), _, _, _) =
        tokio::join!(world.sweep(), close(CloseReason::Logout), close(CloseReason::Revoked), world.disconnect(&device));
    assert_eq!(world.history().await.len(), 1);
    let mut closed = 0;
    while let Some(Some(line)) = events.next().now_or_never() {
        closed += usize::from(line.contains("closed"));
    }
    assert_eq!(closed, 1);
}

#[tokio::test]
async fn a_revoked_login_does_not_control_a_newer_session() {
    let mut world = World::new().await;
    let old = world.auth.device(UserId::random());
    world.connect(&old).await.unwrap();
    let new = world.auth.login(old.user_id, old.device_id, old.key);
    world.auth.revoked.lock().insert(old.family_id);
    let connected = world.connect(&new).await.unwrap();
    world.kill_session().await;
    world.watch.check().await.unwrap();
    assert_eq!(world.heartbeat(&old).await, Err(SessionError::SessionExpired));
    assert_eq!(world.mine(&old).await, None);
    assert_eq!(world.service.disconnect(crate::tests::support::world::token(&old)).await, Err(SessionError::Revoked));
    assert_eq!(world.heartbeat(&new).await, Ok(HeartbeatOutcome::Ok));
    assert_eq!(world.mine(&new).await.unwrap().session_id, connected.session_id);
}

#[tokio::test]
async fn a_new_login_can_close_the_former_session_but_not_extend_it() {
    let world = World::new().await;
    let old = world.auth.device(UserId::random());
    let connected = world.connect(&old).await.unwrap();
    let new = world.auth.login(old.user_id, old.device_id, old.key);
    world.auth.revoked.lock().insert(old.family_id);
    assert_eq!(world.heartbeat(&new).await, Err(SessionError::SessionExpired), "it must connect first");
    assert_eq!(world.disconnect(&new).await, Some(connected.session_id));
}

#[tokio::test]
async fn an_unknown_key_is_not_an_invalid_token_while_auth_is_down() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    *world.auth.away.lock() = true;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    let mut rotated = device.clone();
    rotated.token = Secret::new("eyJhbGciOiJFZERTQSIsImtpZCI6Im5vcGUifQ.e30.AAAA");
    for _ in 0..3 {
        assert!(matches!(world.heartbeat(&rotated).await, Err(SessionError::Fault(Fault::Unavailable(_)))));
    }
    assert_eq!(world.heartbeat(&device).await, Ok(HeartbeatOutcome::Ok));
}

#[tokio::test]
async fn a_short_outage_of_auth_fails_no_heartbeat_with_a_new_key() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.service.core.access.keys.forget();
    *world.auth.away.lock() = true;
    tokio::time::pause();
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    // The fetch of another call fails now. Its failure must not be returned to this device.
    assert!(world.service.core.access.keys.fetch().await.is_err());
    let back = async {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        *world.auth.away.lock() = false;
    };
    let (beat, ()) = tokio::join!(world.heartbeat(&device), back);
    assert_eq!(beat, Ok(HeartbeatOutcome::Ok));
}

#[tokio::test]
async fn heartbeats_work_while_auth_is_down() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    assert_eq!(world.heartbeat(&device).await, Ok(HeartbeatOutcome::Ok));
    *world.auth.away.lock() = true;
    for _ in 0..5 {
        assert_eq!(world.heartbeat(&device).await, Ok(HeartbeatOutcome::Ok));
    }
    assert_eq!(*world.auth.fetches.lock(), 1);
}

#[tokio::test]
async fn invalid_tokens_cause_no_flood_of_key_fetches() {
    let world = World::new().await;
    let mut device = world.auth.device(UserId::random());
    device.token = Secret::new("eyJhbGciOiJFZERTQSIsImtpZCI6Im5vcGUifQ.e30.AAAA");
    for _ in 0..20 {
        assert!(matches!(world.heartbeat(&device).await, Err(SessionError::Token(_))));
    }
    assert_eq!(*world.auth.fetches.lock(), 1);
}

#[tokio::test]
async fn events_report_the_life_of_a_session_in_order() {
    let world = World::new().await;
    let mut events = world.subscribe().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.wait(100);
    world.sweep().await;
    world.heartbeat(&device).await.unwrap();
    world.disconnect(&device).await.unwrap();
    let expected =
        [EventKind::Created, EventKind::Offline, EventKind::Recovered, EventKind::Closed(CloseReason::Disconnect)];
    for kind in expected {
        let event: SessionEvent = serde_json::from_str(&events.next().await.unwrap()).unwrap();
        assert_eq!((event.kind, event.device_id), (kind, device.device_id));
        assert!(event.at >= START);
    }
}

/// A clock that jumps forward by an hour takes no session offline; one that is set back keeps none online.
#[tokio::test]
async fn a_jump_of_the_clock_is_neither_silence_nor_activity() {
    let mut world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    for by in [3_600, -7_200] {
        world.wait(by);
        sweep::restart_timers(&world.service.core, by, world.now());
        world.sweep().await;
        assert_eq!(world.state(&device).await, Some(SessionState::Online), "{by}");
        world.wait(89);
        world.sweep().await;
        assert_eq!(world.heartbeat(&device).await, Ok(HeartbeatOutcome::Ok), "{by}");
    }
    // The interface recorded a handshake before the clock was set back.
    world.wg.0.lock().peers.get_mut(&device.key).unwrap().handshake = Some(world.now() + 3_000);
    world.read_counters().await;
    world.wait(90);
    world.sweep().await;
    assert_eq!(world.state(&device).await, Some(SessionState::Offline));
    // The same after a restart.
    assert_eq!(world.heartbeat(&device).await, Ok(HeartbeatOutcome::Reconnected));
    sweep::checkpoint(&world.service.core).await;
    world.wait(-7_200);
    world.kill_session().await;
    world.wait(90);
    world.sweep().await;
    assert_eq!(world.state(&device).await, Some(SessionState::Offline));
}
