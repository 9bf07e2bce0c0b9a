use super::support::world::{World, token};
use tornado_contracts::session::*;
use tornado_shared::model::*;

#[tokio::test]
async fn a_restart_of_wg_restores_every_online_peer() {
    let mut world = World::new().await;
    let devices: Vec<_> = (0..20).map(|_| world.auth.device(UserId::random())).collect();
    for device in &devices {
        world.connect(device).await.unwrap();
    }
    world.wait(60);
    for device in &devices[1..] {
        world.heartbeat(device).await.unwrap();
    }
    world.wait(40);
    world.sweep().await;
    assert_eq!(world.wg.keys().len(), 19);
    world.wg.restart();
    world.watch.check().await.unwrap();
    assert_eq!(world.wg.keys(), devices[1..].iter().map(|device| device.key).collect());
    let syncs = world.wg.0.lock().syncs;
    world.watch.check().await.unwrap();
    assert_eq!(world.wg.0.lock().syncs, syncs, "one sync per start of wg");
}

#[tokio::test]
async fn the_sweep_restores_lost_peers_and_removes_strays() {
    let world = World::new().await;
    let (lost, whole) = (world.auth.device(UserId::random()), world.auth.device(UserId::random()));
    world.connect(&lost).await.unwrap();
    world.connect(&whole).await.unwrap();
    let stray = PrivateKey::random().public_key();
    {
        let mut lanes = world.wg.0.lock();
        let mut peer = lanes.peers.remove(&lost.key).unwrap();
        peer.spec.public_key = stray;
        lanes.peers.insert(stray, peer);
    }
    world.sweep().await;
    assert_eq!(world.wg.keys(), [lost.key, whole.key].into());
}

#[tokio::test]
async fn a_peer_that_could_not_be_removed_is_removed_later() {
    let world = World::new().await;
    let (closed, offline) = (world.auth.device(UserId::random()), world.auth.device(UserId::random()));
    world.connect(&closed).await.unwrap();
    world.connect(&offline).await.unwrap();
    world.wg.0.lock().down = true;
    world.disconnect(&closed).await.unwrap();
    world.wait(95);
    world.sweep().await;
    world.wg.0.lock().down = false;
    assert_eq!(world.wg.keys().len(), 2);
    world.sweep().await;
    assert_eq!(world.wg.keys(), [].into());
    assert_eq!(world.state(&offline).await, Some(SessionState::Offline));
}

#[tokio::test]
async fn a_sync_reverts_no_concurrent_connect_or_disconnect() {
    let world = World::new().await;
    let devices: Vec<_> = (0..40).map(|_| world.auth.device(UserId::random())).collect();
    for device in &devices[..20] {
        world.connect(device).await.unwrap();
    }
    let syncs = async {
        for _ in 0..50 {
            world.service.core.reconciler.sync().await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let leaving = async {
        for device in &devices[..20] {
            world.disconnect(device).await.unwrap();
        }
    };
    let coming = async {
        for device in &devices[20..] {
            world.connect(device).await.unwrap();
        }
    };
    tokio::join!(syncs, leaving, coming);
    assert_eq!(world.wg.keys(), devices[20..].iter().map(|device| device.key).collect());
}

fn number(world: &World, device: &super::support::auth::Device) -> u32 {
    world.wg.0.lock().peers[&device.key].spec.isolation.number()
}

#[tokio::test]
async fn a_new_identity_changes_the_number_of_this_device_only() {
    let mut world = World::new().await;
    let (one, two) = (world.auth.device(UserId::random()), world.auth.device(UserId::random()));
    world.connect(&one).await.unwrap();
    world.connect(&two).await.unwrap();
    let (first, other) = (number(&world, &one), number(&world, &two));
    assert_ne!(first, other);
    world.heartbeat(&one).await.unwrap();
    assert_eq!(number(&world, &one), first, "a heartbeat must not change the identity");

    world.service.new_identity(token(&one)).await.unwrap();
    let second = number(&world, &one);
    world.service.renew_identity(RenewIdentity { device_id: one.device_id }).await.unwrap();
    let third = number(&world, &one);
    assert_eq!(std::collections::HashSet::from([first, second, third, other]).len(), 4);
    assert_eq!(number(&world, &two), other);

    // The number survives a crash of either service.
    world.kill_session().await;
    world.wg.restart();
    world.watch.check().await.unwrap();
    assert_eq!((number(&world, &one), number(&world, &two)), (third, other));

    // The same address after a release has a new number.
    let address = world.mine(&one).await.unwrap().tor;
    world.disconnect(&one).await.unwrap();
    assert_eq!(world.service.new_identity(token(&one)).await, Err(SessionError::SessionExpired));
    let again = world.connect(&one).await.unwrap();
    assert_eq!(again.tor, address);
    assert!(![first, second, third, other].contains(&number(&world, &one)));
}

#[tokio::test]
async fn a_new_identity_that_the_lanes_missed_is_in_the_next_put() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    let first = number(&world, &device);
    world.wg.0.lock().down = true;
    assert!(matches!(world.service.new_identity(token(&device)).await, Err(SessionError::DataPlane(_))));
    world.wg.0.lock().down = false;
    world.connect(&device).await.unwrap();
    assert_ne!(number(&world, &device), first);
}
