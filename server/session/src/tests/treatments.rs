//! Accounts with a traffic policy.

use super::world::World;
use tornado_contracts::Treatment;
use tornado_contracts::session::SessionError;
use tornado_contracts::wg::Group;
use tornado_shared::model::UserId;

fn groups(world: &World) -> Vec<Group> {
    world.wg.0.lock().unwrap().groups.clone()
}

fn slow() -> Treatment {
    Treatment { download_rate: Some(10_000), ..Treatment::default() }
}

#[tokio::test]
async fn the_lanes_know_a_device_s_rate_before_its_peer_and_forget_it_with_its_session() {
    let world = World::new().await;
    let user = UserId::random();
    world.auth.treatments.lock().unwrap().insert(user, slow());
    let (one, other) = (world.auth.device(user), world.auth.device(UserId::random()));
    world.connect(&other).await.unwrap();
    assert!(groups(&world).is_empty(), "an account without a policy is in no group");

    world.wg.0.lock().unwrap().failing_groups = true;
    assert!(matches!(world.connect(&one).await, Err(SessionError::DataPlane(_) | SessionError::Fault(_))));
    assert!(!world.wg.has(one.key), "there must be no peer without its rate");
    world.wg.0.lock().unwrap().failing_groups = false;

    let connected = world.connect(&one).await.unwrap();
    let devices = vec![(connected.direct, connected.tor)];
    assert_eq!(groups(&world), [Group { user_id: user, treatment: slow(), devices }]);
    world.disconnect(&one).await;
    assert!(groups(&world).is_empty());
}

#[tokio::test]
async fn a_change_is_heeded_by_the_next_sweep_and_survives_restarts_of_either_side() {
    let mut world = World::new().await;
    let user = UserId::random();
    let device = world.auth.device(user);
    world.connect(&device).await.unwrap();
    assert!(groups(&world).is_empty());
    world.auth.treatments.lock().unwrap().insert(user, slow());
    world.service.sweep().await;
    assert_eq!(groups(&world).len(), 1);

    world.wg.restart();
    assert!(groups(&world).is_empty());
    world.watch.look().await.unwrap();
    assert_eq!(groups(&world).len(), 1, "the groups must be sent with the peers");
    assert!(world.wg.has(device.key));

    world.kill_session().await;
    world.watch.look().await.unwrap();
    assert_eq!(groups(&world).len(), 1);
    *world.auth.away.lock().unwrap() = true;
    world.service.sweep().await;
    assert_eq!(groups(&world).len(), 1, "known policies must stay while auth is down");
    *world.auth.away.lock().unwrap() = false;
    world.auth.treatments.lock().unwrap().clear();
    world.service.sweep().await;
    assert!(groups(&world).is_empty());
}

#[tokio::test]
async fn a_restart_while_auth_is_away_lifts_no_rate() {
    let mut world = World::new().await;
    let user = UserId::random();
    world.auth.treatments.lock().unwrap().insert(user, slow());
    let (device, late) = (world.auth.device(user), world.auth.device(UserId::random()));
    world.connect(&device).await.unwrap();
    let before = groups(&world);
    assert_eq!(before.len(), 1);

    *world.auth.away.lock().unwrap() = true;
    world.kill_session().await;
    world.watch.look().await.unwrap();
    world.service.sweep().await;
    assert_eq!(groups(&world), before, "groups in wg must stay until the list is known");
    // A single account does not count as a list.
    world.service.learn_treatment(late.user_id, slow());
    assert!(world.service.tell_groups().await.is_ok());
    assert_eq!(groups(&world), before);

    *world.auth.away.lock().unwrap() = false;
    world.auth.treatments.lock().unwrap().insert(late.user_id, slow());
    world.connect(&late).await.unwrap();
    assert_eq!(groups(&world).len(), 2, "the first connect must fetch the list");
}

#[tokio::test]
async fn peers_wait_for_no_answer_of_auth() {
    let mut world = World::new().await;
    let user = UserId::random();
    world.auth.treatments.lock().unwrap().insert(user, slow());
    let device = world.auth.device(user);
    world.connect(&device).await.unwrap();
    let auth = world.auth.clone();
    let held = auth.hold_treatments.lock().await;
    world.wg.restart();
    let wg = world.wg.clone();
    let look = tokio::spawn(async move {
        world.watch.look().await.unwrap();
        world
    });
    let back = async {
        while !wg.has(device.key) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), back).await.unwrap();
    assert_eq!(wg.0.lock().unwrap().groups.len(), 1, "known groups must be sent before the peers");
    drop(held);
    assert_eq!(groups(&look.await.unwrap()).len(), 1);
}
