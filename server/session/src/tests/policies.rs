//! Accounts with a traffic policy.

use super::support::world::World;
use tornado_contracts::TrafficPolicy;
use tornado_contracts::session::SessionError;
use tornado_contracts::wg::Group;
use tornado_shared::model::UserId;

fn groups(world: &World) -> Vec<Group> {
    world.wg.0.lock().groups.clone()
}

fn slow() -> TrafficPolicy {
    TrafficPolicy { download_rate: Some(10_000), ..TrafficPolicy::default() }
}

#[tokio::test]
async fn a_rate_is_set_before_the_peer_and_removed_with_the_session() {
    let world = World::new().await;
    let user = UserId::random();
    world.auth.policies.lock().insert(user, slow());
    let (one, other) = (world.auth.device(user), world.auth.device(UserId::random()));
    world.connect(&other).await.unwrap();
    assert!(groups(&world).is_empty(), "an account without a policy is in no group");

    world.wg.0.lock().failing_groups = true;
    assert!(matches!(world.connect(&one).await, Err(SessionError::DataPlane(_) | SessionError::Fault(_))));
    assert!(!world.wg.has(one.key), "there must be no peer without its rate");
    world.wg.0.lock().failing_groups = false;

    let connected = world.connect(&one).await.unwrap();
    let devices = vec![(connected.direct, connected.tor)];
    assert_eq!(groups(&world), [Group { user_id: user, traffic_policy: slow(), devices }]);
    world.disconnect(&one).await;
    assert!(groups(&world).is_empty());
}

#[tokio::test]
async fn a_changed_policy_applies_and_survives_restarts() {
    let mut world = World::new().await;
    let user = UserId::random();
    let device = world.auth.device(user);
    world.connect(&device).await.unwrap();
    assert!(groups(&world).is_empty());
    world.auth.policies.lock().insert(user, slow());
    world.sweep().await;
    assert_eq!(groups(&world).len(), 1);

    world.wg.restart();
    assert!(groups(&world).is_empty());
    world.watch.check().await.unwrap();
    assert_eq!(groups(&world).len(), 1, "the groups must be sent with the peers");
    assert!(world.wg.has(device.key));

    world.kill_session().await;
    world.watch.check().await.unwrap();
    assert_eq!(groups(&world).len(), 1);
    *world.auth.away.lock() = true;
    world.sweep().await;
    assert_eq!(groups(&world).len(), 1, "known policies must stay while auth is down");
    *world.auth.away.lock() = false;
    world.auth.policies.lock().clear();
    world.sweep().await;
    assert!(groups(&world).is_empty());
}

#[tokio::test]
async fn a_restart_while_auth_is_down_lifts_no_rate() {
    let mut world = World::new().await;
    let user = UserId::random();
    world.auth.policies.lock().insert(user, slow());
    let (device, late) = (world.auth.device(user), world.auth.device(UserId::random()));
    world.connect(&device).await.unwrap();
    let before = groups(&world);
    assert_eq!(before.len(), 1);

    *world.auth.away.lock() = true;
    world.kill_session().await;
    world.watch.check().await.unwrap();
    world.sweep().await;
    assert_eq!(groups(&world), before, "groups in wg must stay until the list is known");
    // A single account does not count as a list.
    world.service.core.policies.learn(late.user_id, slow());
    assert!(world.service.core.policies.send().await.is_ok());
    assert_eq!(groups(&world), before);

    *world.auth.away.lock() = false;
    world.auth.policies.lock().insert(late.user_id, slow());
    world.connect(&late).await.unwrap();
    assert_eq!(groups(&world).len(), 2, "the first connect must fetch the list");
}

#[tokio::test]
async fn peers_do_not_wait_for_auth() {
    let mut world = World::new().await;
    let user = UserId::random();
    world.auth.policies.lock().insert(user, slow());
    let device = world.auth.device(user);
    world.connect(&device).await.unwrap();
    let auth = world.auth.clone();
    let held = auth.hold_policies.lock().await;
    world.wg.restart();
    let wg = world.wg.clone();
    let look = tokio::spawn(async move {
        world.watch.check().await.unwrap();
        world
    });
    let back = async {
        while !wg.has(device.key) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), back).await.unwrap();
    assert_eq!(wg.0.lock().groups.len(), 1, "known groups must be sent before the peers");
    drop(held);
    assert_eq!(groups(&look.await.unwrap()).len(), 1);
}
