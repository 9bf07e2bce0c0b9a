use crate::tests::support::world::World;
use std::net::Ipv4Addr;
use tornado_contracts::session::*;
use tornado_contracts::wg::{PeerLane, PeerSpec, Removed};
use tornado_shared::model::*;

#[tokio::test]
async fn connect_leases_addresses_adds_peers_and_opens_a_session() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    let connected = world.connect(&device).await.unwrap();
    assert_eq!(connected.direct.v4, Ipv4Addr::new(10, 8, 0, 2));
    assert_eq!(connected.tor.v4, Ipv4Addr::new(10, 9, 0, 2));
    assert_eq!((connected.heartbeat_ttl, connected.hard_ttl), (90, 15 * 86_400));
    assert_eq!((connected.ends.len(), connected.preshared), (2, true));
    let session = world.mine(&device).await.unwrap();
    assert_eq!((session.state, session.session_id), (SessionState::Online, connected.session_id));
    let lanes = world.wg.0.lock();
    let spec = &lanes.peers[&device.key].spec;
    assert_eq!((spec.direct.addresses, spec.tor.addresses), (connected.direct, connected.tor));
    assert!(spec.direct.preshared_key.is_some() && spec.direct.preshared_key != spec.tor.preshared_key);
}

#[tokio::test]
async fn a_login_with_envelope_v1_has_no_preshared_keys() {
    let world = World::new().await;
    *world.auth.v1.lock() = true;
    let device = world.auth.device(UserId::random());
    assert!(!world.connect(&device).await.unwrap().preshared);
}

#[tokio::test]
async fn the_same_key_resumes_the_same_session() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    let first = world.connect(&device).await.unwrap();
    assert_eq!(world.connect(&device).await.unwrap(), first);
    assert_eq!(world.history().await.len(), 1);
}

#[tokio::test]
async fn another_key_replaces_the_session_and_keeps_the_addresses() {
    let world = World::new().await;
    let user = UserId::random();
    let old = world.auth.device(user);
    let first = world.connect(&old).await.unwrap();
    world.wg.moves(old.key, 7, 0);
    let new = world.auth.login(user, old.device_id, PrivateKey::random().public_key());
    let second = world.connect(&new).await.unwrap();
    assert_eq!((second.direct, second.tor), (first.direct, first.tor));
    assert_ne!(second.session_id, first.session_id);
    assert_eq!(world.wg.keys(), [new.key].into());
    let history = world.history().await;
    assert_eq!(history.len(), 2, "one row per connection");
    let replaced = history.iter().find(|row| row.session_id == first.session_id).unwrap();
    assert_eq!(replaced.reason, Some(CloseReason::Replaced));
    assert_eq!(replaced.direct_transfer, Transfer { rx_bytes: 7, tx_bytes: 70 });
}

#[tokio::test]
async fn a_new_login_with_the_old_key_gets_its_new_preshared_keys() {
    let world = World::new().await;
    let old = world.auth.device(UserId::random());
    world.connect(&old).await.unwrap();
    let before = world.wg.0.lock().peers[&old.key].spec.clone();
    let new = world.auth.login(old.user_id, old.device_id, old.key);
    world.connect(&new).await.unwrap();
    let after = world.wg.0.lock().peers[&old.key].spec.clone();
    assert_eq!(after.direct.addresses, before.direct.addresses);
    assert_ne!(after.direct.preshared_key, before.direct.preshared_key);
}

#[tokio::test]
async fn a_new_v1_login_of_a_device_gets_its_own_session() {
    let world = World::new().await;
    *world.auth.v1.lock() = true;
    let old = world.auth.device(UserId::random());
    let first = world.connect(&old).await.unwrap();
    let new = world.auth.login(old.user_id, old.device_id, old.key);
    let second = world.connect(&new).await.unwrap();
    assert_ne!(first.session_id, second.session_id);
    assert_eq!(world.heartbeat(&old).await, Err(SessionError::SessionExpired));
    assert_eq!(world.heartbeat(&new).await, Ok(HeartbeatOutcome::Ok));
}

#[tokio::test]
async fn a_key_of_another_device_is_rejected_without_side_effects() {
    let world = World::new().await;
    let victim = world.auth.device(UserId::random());
    world.connect(&victim).await.unwrap();
    let mut thief = world.auth.device(UserId::random());
    let own_key = thief.key;
    world.connect(&thief).await.unwrap();
    thief.key = victim.key;
    assert_eq!(world.connect(&thief).await, Err(SessionError::KeyInUse));
    assert_eq!(world.wg.keys(), [victim.key, own_key].into());
    assert_eq!(world.state(&victim).await, Some(SessionState::Online));
    assert_eq!(world.state(&thief).await, Some(SessionState::Online));
}

#[tokio::test]
async fn the_servers_own_key_is_rejected() {
    let world = World::new().await;
    let mut device = world.auth.device(UserId::random());
    let own_key = device.key;
    let connected = world.connect(&device).await.unwrap();
    device.key = connected.ends[0].public_key;
    assert_eq!(world.connect(&device).await, Err(SessionError::KeyInUse));
    assert_eq!(world.wg.keys(), [own_key].into(), "the existing session must stay");
}

#[tokio::test]
async fn an_offline_device_frees_its_slot_for_another_of_its_owner() {
    let world = World::new().await;
    *world.auth.max_devices.lock() = 1;
    let user = UserId::random();
    let (lost, new) = (world.auth.device(user), world.auth.device(user));
    world.connect(&lost).await.unwrap();
    assert_eq!(world.connect(&new).await, Err(SessionError::MaxDevices { max: 1 }));
    world.wait(300);
    world.sweep().await;
    assert_eq!(world.state(&lost).await, Some(SessionState::Offline));
    world.connect(&new).await.unwrap();
    assert_eq!(world.state(&lost).await, None);
    assert_eq!(world.heartbeat(&lost).await, Err(SessionError::SessionExpired));
}

#[tokio::test]
async fn device_slots_count_live_sessions_and_are_free_immediately() {
    let world = World::new().await;
    *world.auth.max_devices.lock() = 1;
    let user = UserId::random();
    let (one, two) = (world.auth.device(user), world.auth.device(user));
    world.connect(&one).await.unwrap();
    assert_eq!(world.connect(&two).await, Err(SessionError::MaxDevices { max: 1 }));
    let again = world.auth.login(user, one.device_id, one.key);
    world.connect(&again).await.unwrap();
    assert!(world.disconnect(&again).await.is_some());
    world.connect(&two).await.unwrap();
}

#[tokio::test]
async fn parallel_connects_do_not_exceed_the_device_limit() {
    let world = World::new().await;
    *world.auth.max_devices.lock() = 3;
    let user = UserId::random();
    let devices: Vec<_> = (0..12).map(|_| world.auth.device(user)).collect();
    let results = futures::future::join_all(devices.iter().map(|device| world.connect(device))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 3);
    assert_eq!(world.wg.keys().len(), 3);
    assert_eq!(world.leased().await, (3, 0));
}

#[tokio::test]
async fn a_failed_lane_leaves_nothing_and_the_next_connect_works() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.wg.0.lock().failing_puts = 1;
    let error = world.connect(&device).await.unwrap_err();
    assert!(matches!(error, SessionError::DataPlane(_)), "{error}");
    assert_eq!(world.wg.keys(), [].into(), "no peer without a session");
    assert_eq!(world.leased().await, (0, 0), "the lease must be free immediately");
    assert_eq!(world.state(&device).await, None);
    assert_eq!(world.reasons().await, [Some(CloseReason::Failed)]);
    world.connect(&device).await.unwrap();
}

#[tokio::test]
async fn a_used_lease_rests_also_after_a_failed_connect() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.disconnect(&device).await.unwrap();
    world.wg.0.lock().failing_puts = 1;
    world.connect(&device).await.unwrap_err();
    assert_eq!(world.leased().await, (0, 1));
}

#[tokio::test]
async fn a_failed_resume_keeps_lease_and_session() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    let first = world.connect(&device).await.unwrap();
    world.wg.0.lock().failing_puts = 1;
    let error = world.connect(&device).await.unwrap_err();
    assert!(matches!(error, SessionError::DataPlane(_)));
    assert_eq!(world.leased().await, (1, 0));
    assert_eq!(world.state(&device).await, Some(SessionState::Online));
    assert_eq!(world.connect(&device).await.unwrap(), first);
}

#[tokio::test]
async fn a_connect_without_wg_fails_and_leaves_nothing() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.wg.0.lock().down = true;
    assert!(matches!(world.connect(&device).await, Err(SessionError::DataPlane(_))));
    assert_eq!(world.leased().await.0, 0);
    world.wg.0.lock().down = false;
    world.connect(&device).await.unwrap();
}

#[tokio::test]
async fn an_exhausted_pool_recovers_after_the_quarantine() {
    // Slots 2 to 6; the last one belongs to the leak canary.
    let world = World::with_pool("10.8.0.0/29").await;
    let devices: Vec<_> = (0..5).map(|_| world.auth.device(UserId::random())).collect();
    for device in &devices[..4] {
        world.connect(device).await.unwrap();
    }
    assert_eq!(world.connect(&devices[4]).await, Err(SessionError::PoolExhausted));
    world.disconnect(&devices[0]).await.unwrap();
    assert_eq!(world.connect(&devices[4]).await, Err(SessionError::PoolExhausted));
    world.wait(300);
    world.connect(&devices[4]).await.unwrap();
}

#[tokio::test]
async fn a_stray_peer_on_the_leased_address_is_removed() {
    let world = World::new().await;
    let lane = |third| PeerLane {
        addresses: LaneAddresses { v4: Ipv4Addr::new(10, third, 0, 2), v6: "fd74:6f72:6e61:8::2".parse().unwrap() },
        preshared_key: None,
    };
    let stray = PrivateKey::random().public_key();
    let spec = PeerSpec {
        public_key: stray,
        direct: lane(8),
        tor: lane(9),
        isolation: 9_000_u32.try_into().unwrap(),
        exit: None,
        account: None,
    };
    let peer = crate::tests::support::wg::Peer { spec, count: Removed::default(), handshake: None, endpoint: None };
    world.wg.0.lock().peers.insert(stray, peer);
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    assert_eq!(world.wg.keys(), [device.key].into());
}

#[tokio::test]
async fn every_connect_is_authorised_by_auth() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.auth.revoked.lock().insert(device.family_id);
    assert_eq!(world.connect(&device).await, Err(SessionError::Revoked));
    *world.auth.away.lock() = true;
    assert!(matches!(world.connect(&device).await, Err(SessionError::Fault(_))), "new access must fail");
}

#[tokio::test]
async fn a_login_revoked_during_a_connect_keeps_no_session() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    let hold = world.auth.hold.lock().await;
    let ended = async {
        while *world.auth.decided.lock() == 0 {
            tokio::task::yield_now().await;
        }
        world.auth.revoked.lock().insert(device.family_id);
        let close = CloseDevice { device_id: device.device_id, reason: CloseReason::Revoked };
        let close = world.service.close_device(close);
        let release = async {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            drop(hold);
        };
        tokio::join!(close, release).0.unwrap()
    };
    let (connected, closed) = tokio::join!(world.connect(&device), ended);
    assert_eq!(closed.session_id, Some(connected.unwrap().session_id));
    assert_eq!(world.wg.keys(), [].into());
    assert_eq!(world.state(&device).await, None);
}
