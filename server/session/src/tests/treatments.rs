//! Accounts that are treated otherwise than most.

use super::world::World;
use tornado_mesh::Treatment;
use tornado_mesh::session::SessionError;
use tornado_mesh::wg::Group;
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
    assert!(groups(&world).is_empty(), "most are in no group");

    world.wg.0.lock().unwrap().failing_groups = true;
    assert!(matches!(world.connect(&one).await, Err(SessionError::DataPlane(_) | SessionError::Mesh(_))));
    assert!(!world.wg.has(one.key), "no peer without its rate");
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
    assert_eq!(groups(&world).len(), 1, "told with the peers");
    assert!(world.wg.has(device.key));

    world.kill_session().await;
    world.watch.look().await.unwrap();
    assert_eq!(groups(&world).len(), 1);
    *world.auth.away.lock().unwrap() = true;
    world.service.sweep().await;
    assert_eq!(groups(&world).len(), 1, "what is known goes on while auth is away");
    *world.auth.away.lock().unwrap() = false;
    world.auth.treatments.lock().unwrap().clear();
    world.service.sweep().await;
    assert!(groups(&world).is_empty());
}
