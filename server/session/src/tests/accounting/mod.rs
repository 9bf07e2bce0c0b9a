mod periods;
mod quotas;
mod totals;

use crate::lifecycle::sweep;
use crate::tests::support::world::World;
use tornado_contracts::session::{LiveQuery, Sessions as _, UsageQuery};
use tornado_rpc::NoInput;
use tornado_shared::model::*;

fn bytes(n: u64) -> Transfer {
    Transfer { rx_bytes: n, tx_bytes: 10 * n }
}

#[tokio::test]
async fn bytes_are_counted_per_lane_and_reach_the_history() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.wg.moves(device.key, 100, 5);
    for _ in 0..3 {
        world.read_counters().await;
    }
    let live = world.mine(&device).await.unwrap();
    assert_eq!((live.direct_transfer, live.tor_transfer), (bytes(100), bytes(5)), "read thrice, once counted");
    assert_eq!(world.history().await[0].direct_transfer, bytes(100), "live sessions, too");
    world.wg.moves(device.key, 1, 1);
    world.disconnect(&device).await.unwrap();
    let row = &world.history().await[0];
    assert_eq!((row.direct_transfer, row.tor_transfer), (bytes(101), bytes(6)), "the last bytes count, too");
}

#[tokio::test]
async fn counter_resets_lose_and_double_no_bytes() {
    let mut world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.wg.moves(device.key, 100, 0);
    world.read_counters().await;
    world.wg.restart();
    world.watch.check().await.unwrap();
    world.read_counters().await;
    world.wg.moves(device.key, 250, 0);
    world.read_counters().await;
    assert_eq!(world.mine(&device).await.unwrap().direct_transfer, bytes(350));
    // Going offline removes the peer, so its counters start at zero.
    world.wg.moves(device.key, 3, 0);
    world.wait(100);
    world.sweep().await;
    world.heartbeat(&device).await.unwrap();
    world.wg.moves(device.key, 400, 0);
    world.read_counters().await;
    world.disconnect(&device).await.unwrap();
    assert_eq!(world.history().await[0].direct_transfer, bytes(753));
}

#[tokio::test]
async fn bytes_survive_a_restart_from_the_last_checkpoint() {
    let mut world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    world.wg.moves(device.key, 100, 0);
    world.read_counters().await;
    sweep::checkpoint(&world.service.core).await;
    world.wg.moves(device.key, 20, 0);
    world.read_counters().await;
    world.kill_session().await;
    world.watch.check().await.unwrap();
    world.read_counters().await;
    assert_eq!(world.mine(&device).await.unwrap().direct_transfer, bytes(120));
}

#[tokio::test]
async fn totals_of_an_account_outlive_its_sessions_and_the_history() {
    let mut world = World::with(crate::Config { history_days: 1, ..crate::Config::default() }).await;
    let user = UserId::random();
    let (one, two) = (world.auth.device(user), world.auth.device(user));
    for device in [&one, &two] {
        world.connect(device).await.unwrap();
        world.wg.moves(device.key, 100, 7);
    }
    world.disconnect(&one).await.unwrap();
    world.read_counters().await;
    let usage = world.service.own_usage(crate::tests::support::world::token(&one)).await.unwrap();
    assert_eq!((usage.sessions, usage.total.direct, usage.total.tor), (2, bytes(200), bytes(14)));
    sweep::checkpoint(&world.service.core).await;
    world.kill_session().await;
    world.wait(2 * 86_400);
    world.sweep().await;
    world.sweep().await;
    assert!(world.service.status(NoInput {}).await.unwrap().forgotten > 0);
    assert!(world.history().await.iter().all(|row| row.device_id == two.device_id), "the old row must be deleted");
    let usage = world.service.usage(UsageQuery { user_id: user }).await.unwrap();
    assert_eq!((usage.sessions, usage.direct_transfer), (2, bytes(200)), "totals must stay");
}

#[tokio::test]
async fn operators_see_lane_endpoint_and_handshake_age() {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    let seen = async || world.service.live(LiveQuery::default()).await.unwrap().remove(0);
    assert_eq!((seen().await.lane, seen().await.endpoint, seen().await.handshake_age), (None, None, None));
    let endpoint = "192.0.2.7:4000".parse().unwrap();
    {
        let mut lanes = world.wg.0.lock();
        let peer = lanes.peers.get_mut(&device.key).unwrap();
        (peer.handshake, peer.endpoint) = (Some(world.now()), Some(endpoint));
        peer.count.tor.rx_bytes += 148;
    }
    world.read_counters().await;
    world.wait(9);
    let live = seen().await;
    assert_eq!((live.lane, live.endpoint, live.handshake_age), (Some(Lane::Tor), Some(endpoint), Some(9)));
    assert_eq!(world.mine(&device).await.unwrap().endpoint, None, "the endpoint is for operators only");
    world.wg.moves(device.key, 1, 0);
    world.read_counters().await;
    assert_eq!(seen().await.lane, Some(Lane::Direct));
}

#[tokio::test]
async fn repairs_are_counted() {
    let world = World::new().await;
    let (one, two) = (world.auth.device(UserId::random()), world.auth.device(UserId::random()));
    world.connect(&one).await.unwrap();
    world.connect(&two).await.unwrap();
    {
        let mut lanes = world.wg.0.lock();
        let mut stray = lanes.peers.remove(&one.key).unwrap();
        stray.spec.public_key = PrivateKey::random().public_key();
        lanes.peers.insert(stray.spec.public_key, stray);
    }
    // The stray peer has the address of the missing one. It is removed first, then the missing peer is added.
    world.sweep().await;
    let status = world.service.status(NoInput {}).await.unwrap();
    assert_eq!((status.repairs.strays, status.repairs.peers_restored, status.repairs.total()), (1, 1, 2));
    assert_eq!((status.online, status.offline), (2, 0));
    assert!(world.wg.has(one.key) && world.wg.has(two.key));
}
