//! The process is killed between two steps.

use crate::tests::support::world::World;
use tornado_contracts::session::*;
use tornado_shared::model::*;
use tornado_store::sessions::OpenSession;

#[tokio::test]
async fn a_restart_changes_nothing_for_devices() {
    let mut world = World::new().await;
    let devices: Vec<_> = (0..20).map(|_| world.auth.device(UserId::random())).collect();
    let mut before = Vec::new();
    for device in &devices {
        before.push(world.connect(device).await.unwrap());
    }
    let history = world.history().await;
    let peers = world.wg.keys();
    world.wait(30);
    world.kill_session().await;
    world.watch.check().await.unwrap();
    assert_eq!(world.wg.keys(), peers);
    assert_eq!(world.history().await, history);
    for (device, connected) in devices.iter().zip(before) {
        assert_eq!(world.heartbeat(device).await, Ok(HeartbeatOutcome::Ok));
        let again = world.connect(device).await.unwrap();
        assert_eq!(again, Connected { hard_ttl: connected.hard_ttl - 30, ..connected });
    }
}

#[tokio::test]
async fn sessions_that_expired_while_the_service_was_down_are_closed() {
    let mut world = World::new().await;
    let (old, offline) = (world.auth.device(UserId::random()), world.auth.device(UserId::random()));
    world.connect(&old).await.unwrap();
    world.wait(15 * 86_400 - 700);
    world.connect(&offline).await.unwrap();
    world.heartbeat(&old).await.unwrap();
    world.wait(100);
    world.sweep().await;
    world.wait(700);
    world.kill_session().await;
    world.sweep().await;
    assert_eq!(world.state(&old).await, None);
    // The device could not report while the service was down, so it has one heartbeat period.
    assert_eq!(world.state(&offline).await, Some(SessionState::Offline));
    world.wait(90);
    world.sweep().await;
    assert_eq!(world.state(&offline).await, None);
    let mut reasons = world.reasons().await;
    reasons.sort_by_key(|reason| reason.map(CloseReason::as_str));
    assert_eq!(reasons, [Some(CloseReason::Expired), Some(CloseReason::HardLimit)]);
    assert_eq!(world.wg.keys(), [].into());
}

#[tokio::test]
async fn a_crash_after_the_lease_leaves_nothing() {
    let mut world = World::new().await;
    let device = world.auth.device(UserId::random());
    half_a_connect(&world, &device).await;
    world.kill_session().await;
    world.watch.check().await.unwrap();
    assert_eq!(world.reasons().await, [Some(CloseReason::Failed)]);
    assert_eq!(world.leased().await.0, 0);
    world.connect(&device).await.unwrap();
}

#[tokio::test]
async fn a_crash_after_adding_peers_leaves_none() {
    let mut world = World::new().await;
    let device = world.auth.device(UserId::random());
    // Its peers are on the lanes, but the store does not have it as online.
    half_a_connect(&world, &device).await;
    let spec = {
        let other = world.auth.device(UserId::random());
        world.connect(&other).await.unwrap();
        let mut lanes = world.wg.0.lock();
        let mut peer = lanes.peers[&other.key].clone();
        peer.spec.public_key = device.key;
        lanes.peers.insert(device.key, peer);
        other
    };
    world.kill_session().await;
    world.watch.check().await.unwrap();
    assert_eq!(world.wg.keys(), [spec.key].into());
}

#[tokio::test]
async fn a_crash_during_a_close_leaves_lanes_and_store_consistent() {
    let mut world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    // A close removes the peers first; then the process dies.
    world.wg.0.lock().peers.clear();
    world.kill_session().await;
    world.watch.check().await.unwrap();
    assert!(world.wg.has(device.key), "the stored state is online, so the peer must exist");
    world.disconnect(&device).await.unwrap();
    assert_eq!(world.wg.keys(), [].into());
}

/// The database was late: the caller received an error, but the rows were written.
#[tokio::test]
async fn the_sweep_closes_a_connect_that_was_stored_too_late() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    half_a_connect(&world, &device).await;
    assert_eq!(world.leased().await.0, 1);
    {
        // Its connect may still be in progress.
        let _held = world.service.core.registry.locks.lock(device.device_id).await;
        world.sweep().await;
        assert_eq!(world.leased().await.0, 1);
    }
    world.sweep().await;
    assert_eq!((world.leased().await.0, world.reasons().await), (0, vec![Some(CloseReason::Failed)]));
}

/// The same for a change of state: the next sweep finds it stored.
#[tokio::test]
async fn a_state_that_was_stored_too_late_closes_nothing() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    let session = world.connect(&device).await.unwrap().session_id;
    world.wait(90);
    let (from, to) = (SessionState::Online, SessionState::Offline);
    assert!(world.service.core.store.transition(session, from, to, Some(world.now())).await.unwrap());
    world.sweep().await;
    assert_eq!(world.state(&device).await, Some(SessionState::Offline));
    assert_eq!(world.heartbeat(&device).await, Ok(HeartbeatOutcome::Reconnected));
}

/// Writes lease, live row and history row of a connect, and nothing else.
async fn half_a_connect(world: &World, device: &crate::tests::support::auth::Device) {
    let open = OpenSession {
        session_id: SessionId::random(),
        user_id: device.user_id,
        family_id: device.family_id,
        username: "alice".parse().unwrap(),
        device_id: device.device_id,
        node_id: "main".into(),
        public_key: device.key,
        exported: false,
        preshared_keys: None,
        max_devices: 1,
        slots: (Slot(2), Slot(100)),
        quarantine: 300,
        marks: Vec::new(),
        now: world.now(),
    };
    world.service.core.store.open(&open).await.unwrap();
}
