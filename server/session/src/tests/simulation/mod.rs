//! Random sequences of events with kills, outages and failures. After all services respond again, one look and one
//! sweep must make lanes, leases, sessions and history agree.

mod million;
mod model;

use crate::lifecycle::sweep;
use crate::tests::support::auth::Device;
use crate::tests::support::world::World;
use proptest::prelude::*;
use std::collections::HashSet;
use tornado_contracts::session::LiveQuery;
use tornado_contracts::session::Sessions as _;
use tornado_shared::model::*;

#[derive(Debug, Clone)]
enum Event {
    Connect(usize),
    Rekey(usize),
    Heartbeat(usize),
    Disconnect(usize),
    Traffic(usize, u64),
    Wait(i64),
    Sweep,
    Look,
    Checkpoint,
    FailPuts(u32),
    WgDown(bool),
    WgRestart,
    KillSession,
}

const DEVICES: usize = 6;

fn event() -> impl Strategy<Value = Event> {
    let device = 0..DEVICES;
    prop_oneof![
        6 => device.clone().prop_map(Event::Connect),
        2 => device.clone().prop_map(Event::Rekey),
        4 => device.clone().prop_map(Event::Heartbeat),
        2 => device.clone().prop_map(Event::Disconnect),
        4 => (device, 1..1000u64).prop_map(|(device, bytes)| Event::Traffic(device, bytes)),
        4 => (40..250i64).prop_map(Event::Wait),
        3 => Just(Event::Sweep),
        3 => Just(Event::Look),
        1 => Just(Event::Checkpoint),
        1 => (1..3u32).prop_map(Event::FailPuts),
        3 => any::<bool>().prop_map(Event::WgDown),
        1 => Just(Event::WgRestart),
        1 => Just(Event::KillSession),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn random_failures_leave_lanes_store_and_memory_consistent(events in proptest::collection::vec(event(), 30..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(live(events));
    }
}

async fn live(events: Vec<Event>) {
    // Five slots for six devices.
    let mut world = World::with_pool("10.8.0.0/29").await;
    let mut devices: Vec<Device> = (0..DEVICES).map(|_| world.auth.device(UserId::random())).collect();
    let mut moved = 0;
    for event in events {
        if let Event::Traffic(device, bytes) = event
            && world.wg.has(devices[device].key)
        {
            moved += bytes;
        }
        apply(&mut world, &mut devices, event).await;
        no_address_twice(&world);
    }
    world.wg.0.lock().down = false;
    world.wg.0.lock().failing_puts = 0;
    world.watch.check().await.unwrap();
    world.sweep().await;
    agree(&world).await;
    let counted: u64 = world.history().await.iter().map(|row| row.direct_transfer.rx_bytes).sum();
    assert!(counted <= moved, "{counted} bytes counted, {moved} transferred");
}

async fn apply(world: &mut World, devices: &mut [Device], event: Event) {
    match event {
        Event::Connect(device) => {
            let _ = world.connect(&devices[device]).await;
        }
        Event::Rekey(device) => {
            devices[device].key = PrivateKey::random().public_key();
            let _ = world.connect(&devices[device]).await;
        }
        Event::Heartbeat(device) => {
            if world.heartbeat(&devices[device]).await.is_ok() {
                assert_eq!(world.state(&devices[device]).await, Some(SessionState::Online));
            }
        }
        Event::Disconnect(device) => {
            world.disconnect(&devices[device]).await;
            assert_eq!(world.mine(&devices[device]).await, None);
        }
        Event::Traffic(device, bytes) => {
            if world.wg.has(devices[device].key) {
                world.wg.moves(devices[device].key, bytes, bytes);
            }
        }
        Event::Wait(seconds) => world.wait(seconds),
        Event::Sweep => world.sweep().await,
        Event::Look => {
            let _ = world.watch.check().await;
        }
        Event::Checkpoint => sweep::checkpoint(&world.service.core).await,
        Event::FailPuts(count) => world.wg.0.lock().failing_puts = count,
        Event::WgDown(down) => world.wg.0.lock().down = down,
        Event::WgRestart => world.wg.restart(),
        Event::KillSession => world.kill_session().await,
    }
}

fn no_address_twice(world: &World) {
    let lanes = world.wg.0.lock();
    let addresses: HashSet<_> = lanes.peers.values().map(|peer| peer.spec.direct.addresses).collect();
    assert_eq!(addresses.len(), lanes.peers.len());
}

async fn agree(world: &World) {
    let sessions = world.service.live(LiveQuery::default()).await.unwrap();
    let online: HashSet<_> = sessions
        .iter()
        .filter(|session| session.state == SessionState::Online)
        .map(|session| session.public_key)
        .collect();
    assert_eq!(world.wg.keys(), online, "lanes and sessions differ");
    let rows = world.service.core.store.live("main").await.unwrap();
    let stored: HashSet<_> = rows.iter().map(|row| (row.session_id, row.state)).collect();
    let known: HashSet<_> = sessions.iter().map(|session| (session.session_id, session.state)).collect();
    assert_eq!(stored, known, "store and memory differ");
    assert_eq!(world.leased().await.0 as usize, sessions.len(), "leases and sessions differ");
    let open: HashSet<_> =
        world.history().await.iter().filter(|row| row.ended_at.is_none()).map(|row| row.session_id).collect();
    assert_eq!(open, sessions.iter().map(|session| session.session_id).collect(), "history and sessions differ");
    let lanes = world.wg.0.lock();
    for session in sessions.iter().filter(|session| session.state == SessionState::Online) {
        assert_eq!(lanes.peers[&session.public_key].spec.direct.addresses, session.direct);
    }
}
