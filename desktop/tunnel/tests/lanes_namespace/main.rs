//! Tests on a real network stack: two network namespaces, wireguard-go on the server's side, real packets.
//!
//! Needs root, `ip`, `wg` and `wireguard-go`.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod disturbed;
mod lockdown;
#[path = "../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{
    World, addresses, beside, block_on, clear, internet, patient, seen_by, seen_marked, settings, sh, through,
};
use tornado_shared::model::{Lane, PrivateKey};
use tornado_tunnel::Tunnel;
use tornado_tunnel::os::Os as _;
use tornado_tunnel::os::linux::Linux;
use tornado_tunnel::plan::{Backend, Slot};
use tornado_tunnel::state::{Failure, Phase};

/// The rules for marked packets in a table of the kernel.
fn marked(table: &str) -> String {
    sh(&format!("nft list chain inet {table} marked")).lines().skip(1).collect::<Vec<_>>().join("\n")
}

#[test]
fn both_families_use_the_lane_and_return_after_disconnect() {
    let world = World::new("a");
    world.tell_addresses();
    let before = world.rules();
    let (direct, unreachable) = (world.plan(Lane::Direct), {
        let mut plan = world.plan(Lane::Direct);
        plan.direct.peer = PrivateKey::random().public_key();
        plan
    });
    world.within("d", move || {
        block_on(async {
            assert_eq!(beside(internet).await, clear());
            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);

            let started = Instant::now();
            let view = tunnel.connect(direct).await.unwrap();
            assert_eq!(view.phase, Phase::Connected, "{view:?}");
            println!("connected in {:?} by {:?}", started.elapsed(), view.backend);
            assert_eq!(beside(internet).await, through(Lane::Direct));
            // The helper's own calls stay outside the tunnel, even with a strict reverse-path filter. Calls of other
            // programs do not.
            assert_eq!(beside(|| seen_marked("192.0.2.1:4605")).await, clear()[0]);
            assert_eq!(beside(|| seen_marked("[2001:db8::1]:4605")).await, clear()[1]);
            assert_eq!(beside(|| seen_by("192.0.2.1:4605")).await, through(Lane::Direct)[0]);
            assert_eq!(beside(|| seen_marked("192.0.2.1:80")).await, None, "other ports of the server are blocked");

            // No packet leaves in the clear while lanes are switched: make before break.
            let stop = Arc::new(AtomicBool::new(false));
            let asking = tokio::task::spawn_blocking({
                let stop = stop.clone();
                move || {
                    let mut seen = Vec::new();
                    while !stop.load(Ordering::SeqCst) {
                        seen.extend(internet().into_iter().flatten());
                    }
                    seen
                }
            });
            for lane in [Lane::Tor, Lane::Direct, Lane::Tor, Lane::Direct] {
                assert_eq!(tunnel.switch(lane).await.unwrap().lane, Some(lane));
                let [first, copy] = beside(|| ["tornado_device", "tornado_owned"].map(marked)).await;
                assert!(first.contains("dport 51") && first == copy, "{lane}: {first}\nthe copy: {copy}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            stop.store(true, Ordering::SeqCst);
            let seen = asking.await.unwrap();
            assert!(seen.len() > 5, "{} responses", seen.len());
            let lanes = Lane::ALL.map(addresses).concat();
            assert!(seen.iter().all(|address| lanes.contains(address)), "{seen:?}");

            let view = tunnel.switch(Lane::Tor).await.unwrap();
            assert_eq!((view.phase, view.lane), (Phase::Connected, Some(Lane::Tor)), "{view:?}");
            assert_eq!(beside(internet).await, through(Lane::Tor));
            let mut watch = tunnel.watch();
            let counted =
                watch.wait_for(|view| view.observed.transfer.rx_bytes > 0 && view.observed.transfer.tx_bytes > 0);
            let view = tokio::time::timeout(patient(Duration::from_secs(10)), counted).await.unwrap().unwrap().clone();
            assert!(!view.stale && view.preshared);

            assert_eq!(tunnel.disconnect().await.unwrap().phase, Phase::Disconnected);
            assert_eq!(beside(internet).await, clear());

            let started = Instant::now();
            let view = tunnel.connect(unreachable).await.unwrap();
            assert_eq!((view.phase, view.failure), (Phase::Disconnected, Some(Failure::NoHandshake(Lane::Direct))));
            assert!(started.elapsed() < patient(Duration::from_secs(6)));
            assert_eq!(beside(internet).await, clear());
            drop(tunnel);
            task.await.unwrap();
        });
    });
    assert_eq!(world.rules(), before);
}

#[test]
fn a_crash_stops_traffic_and_the_next_start_cleans_up() {
    let world = World::new("b");
    world.tell_addresses();
    let before = world.rules();
    let plan = world.plan(Lane::Direct);
    world.within("d", move || {
        block_on(async {
            let mut os = Linux::open(settings()).await.unwrap();
            let backend = os.up(&plan.link(Slot::A)).await.unwrap();
            os.route(&plan.routing(Slot::A)).await.unwrap();
            assert_eq!(beside(internet).await, through(Lane::Direct));
            // Simulates a crash: the TUN device disappears, rules and routes stay. An interface of the kernel stays too
            // and continues to carry traffic.
            drop(os);
            tokio::time::sleep(Duration::from_millis(300)).await;
            let still = if backend == Backend::Kernel { through(Lane::Direct) } else { [None, None] };
            assert_eq!(beside(internet).await, still, "no traffic leaves after a crash");
            assert_eq!(beside(|| seen_marked("192.0.2.1:4605")).await, clear()[0]);

            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);
            tunnel.disconnect().await.unwrap();
            assert_eq!(beside(internet).await, clear());
            drop(tunnel);
            task.await.unwrap();
        });
    });
    assert_eq!(world.rules(), before);
}

#[test]
fn a_lane_without_ipv6_rejects_it_instead_of_leaking_it() {
    let world = World::new("c");
    world.tell_addresses();
    let mut plan = world.plan(Lane::Direct);
    plan.direct.addresses.truncate(1);
    world.within("d", move || {
        block_on(async {
            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);
            assert_eq!(tunnel.connect(plan).await.unwrap().phase, Phase::Connected);
            assert_eq!(beside(internet).await, [through(Lane::Direct)[0], None]);
            drop(tunnel);
            task.await.unwrap();
        });
    });
}

#[test]
fn one_lost_datagram_does_not_fail_a_connect() {
    let world = World::new("e");
    world.tell_addresses();
    // Drops the first 200 bytes: the first handshake message, which has 176 bytes with its headers.
    sh(&format!(
        "ip netns exec {}s nft -f - <<'E'
         table inet lossy {{
           chain in {{ type filter hook input priority 0; policy accept; udp dport 51820 quota until 200 bytes drop; }}
         }}
E",
        world.id
    ));
    let plan = world.plan(Lane::Direct);
    world.within("d", move || {
        block_on(async {
            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);
            let begun = Instant::now();
            let view = tunnel.connect(plan).await.unwrap();
            assert_eq!(view.phase, Phase::Connected, "{view:?}");
            assert!(begun.elapsed() > Duration::from_secs(1), "the first message was not lost");
            assert_eq!(beside(internet).await, through(Lane::Direct));
            drop(tunnel);
            task.await.unwrap();
        });
    });
}

#[test]
fn ipv6_disabled_for_new_interfaces_does_not_leak() {
    let world = World::new("f");
    world.tell_addresses();
    let before = world.rules();
    let set = "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6";
    sh(&format!("ip netns exec {}d sh -c '{set}'", world.id));
    let plan = world.plan(Lane::Direct);
    world.within("d", move || {
        block_on(async {
            assert_eq!(beside(internet).await, clear());
            let (tunnel, task) = Tunnel::start(Box::new(Linux::open(settings()).await.unwrap()), None);
            assert_eq!(tunnel.connect(plan).await.unwrap().phase, Phase::Connected);
            assert_eq!(beside(internet).await, [through(Lane::Direct)[0], None]);
            assert_eq!(tunnel.disconnect().await.unwrap().phase, Phase::Disconnected);
            assert_eq!(beside(internet).await, clear());
            drop(tunnel);
            task.await.unwrap();
        });
    });
    assert_eq!(world.rules(), before);
}
