use super::world::World;
use tornado_shared::model::*;

fn bytes(n: u64) -> Transfer {
    Transfer { rx_bytes: n, tx_bytes: 10 * n }
}

#[tokio::test]
async fn defect_060_bytes_are_counted_a_lane_and_reach_the_history() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.wg.moves(device.key, 100, 5);
    for _ in 0..3 {
        world.service.read_counters().await.unwrap();
    }
    let live = world.mine(&device).await.unwrap();
    assert_eq!(
        (live.direct_transfer, live.tor_transfer),
        (bytes(100), bytes(5)),
        "defect_061: read thrice, once counted"
    );
    assert_eq!(world.history().await[0].direct_transfer, bytes(100), "also while it lives");
    world.wg.moves(device.key, 1, 1);
    world.disconnect(&device).await.unwrap();
    let row = &world.history().await[0];
    assert_eq!((row.direct_transfer, row.tor_transfer), (bytes(101), bytes(6)), "defect_063: the last bytes too");
}

#[tokio::test]
async fn defect_061_resets_of_the_counters_lose_and_double_nothing() {
    let mut world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.wg.moves(device.key, 100, 0);
    world.service.read_counters().await.unwrap();
    world.wg.restart();
    world.watch.look().await.unwrap();
    world.service.read_counters().await.unwrap();
    world.wg.moves(device.key, 250, 0);
    world.service.read_counters().await.unwrap();
    assert_eq!(world.mine(&device).await.unwrap().direct_transfer, bytes(350));
    // Offline takes the peer away, so its counters begin anew.
    world.wg.moves(device.key, 3, 0);
    world.wait(100);
    world.service.sweep().await;
    world.heartbeat(&device).await.unwrap();
    world.wg.moves(device.key, 400, 0);
    world.service.read_counters().await.unwrap();
    world.disconnect(&device).await.unwrap();
    assert_eq!(world.history().await[0].direct_transfer, bytes(753));
}

#[tokio::test]
async fn bytes_survive_a_restart_of_the_service_from_the_last_checkpoint() {
    let mut world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.wg.moves(device.key, 100, 0);
    world.service.read_counters().await.unwrap();
    world.service.checkpoint().await;
    world.wg.moves(device.key, 20, 0);
    world.service.read_counters().await.unwrap();
    world.kill_session().await;
    world.watch.look().await.unwrap();
    world.service.read_counters().await.unwrap();
    assert_eq!(world.mine(&device).await.unwrap().direct_transfer, bytes(120));
}
