//! Lockdown without a tunnel, and the network configuration that must keep working under it.

use super::support::{
    INTERNET, LAN, World, beside, block_on, clear, internet, seen_bound, seen_by, settings, sh, through,
};
use tornado_shared::model::{Lane, LockdownMode, LockdownPolicy};
use tornado_tunnel::Tunnel;
use tornado_tunnel::os::linux::{Linux, block_early, release};
use tornado_tunnel::policy::{Exempt, StandingPolicy};
use tornado_tunnel::state::Phase;

fn policy(mode: LockdownMode, lan: bool) -> StandingPolicy {
    StandingPolicy { lockdown: LockdownPolicy { mode, lan, bridges: false }, ..StandingPolicy::default() }
}

/// What a DHCP client does on a network with public addresses, faster than the helper notices the new address.
const RECONFIGURE: &str = "ip addr flush dev e0; ip addr add 192.0.2.2/24 dev e0
     ip route add default via 192.0.2.1 dev e0; ip route del default; ip route add default dev e0
     ip route replace default via 192.0.2.1 dev e0
     ip addr add 192.168.77.2/24 dev e0
     ip -6 addr replace 2001:db8::2/64 dev e0 nodad; ip -6 route replace default via 2001:db8::1 dev e0";

#[test]
fn a_network_can_be_configured_during_lockdown() {
    let world = World::new("l");
    world.tell_addresses();
    world.within("d", move || {
        block_on(async {
            let os = Box::new(Linux::open(settings()).await.unwrap());
            let (tunnel, task) = Tunnel::start_under(policy(LockdownMode::Always, false), os, None);
            tunnel.watch().wait_for(|view| view.lockdown).await.unwrap();
            for _ in 0..3 {
                beside(|| sh(RECONFIGURE)).await;
                assert_eq!(beside(internet).await, [None, None]);
            }
            let bound = || {
                INTERNET.map(|address| seen_bound(&std::net::SocketAddr::new(address.parse().unwrap(), 80).to_string()))
            };
            assert_eq!(beside(bound).await, [None, None]);
            let near = || seen_by(&format!("{LAN}.1:80"));
            assert_eq!(beside(near).await, None, "the local network is blocked");
            tunnel.set_policy(policy(LockdownMode::Always, true)).await.unwrap();
            assert!(beside(near).await.is_some());
            assert_eq!(beside(bound).await, [None, None]);

            let view = tunnel.set_policy(policy(LockdownMode::Off, true)).await.unwrap();
            assert_eq!((view.phase, view.lockdown), (Phase::Disconnected, false));
            assert_eq!(beside(internet).await, clear());
            drop(tunnel);
            task.await.unwrap();
        });
    });
    assert!(!world.rules().contains("29807"), "{}", world.rules());
}

#[test]
fn a_stopped_helper_leaves_the_block_that_release_removes() {
    let world = World::new("m");
    world.tell_addresses();
    let before = world.rules();
    world.within("d", move || {
        block_on(async {
            block_early("ttun").await.unwrap();
            assert_eq!(beside(internet).await, [None, None], "at boot");
            let os = Box::new(Linux::open(settings()).await.unwrap());
            let (tunnel, task) = Tunnel::start_under(policy(LockdownMode::Always, true), os, None);
            tunnel.watch().wait_for(|view| view.lockdown).await.unwrap();
            assert_eq!(beside(internet).await, [None, None]);
            drop(tunnel);
            task.await.unwrap();
            assert_eq!(beside(internet).await, [None, None], "the process has ended");
            release(settings()).await.unwrap();
            assert_eq!(beside(internet).await, clear());

            // A helper under `off` removes what was loaded at boot.
            block_early("ttun").await.unwrap();
            let os = Box::new(Linux::open(settings()).await.unwrap());
            let (tunnel, task) = Tunnel::start_under(policy(LockdownMode::Off, true), os, None);
            tunnel.watch().wait_for(|view| view.phase == Phase::Disconnected).await.unwrap();
            assert_eq!(beside(internet).await, clear());
            drop(tunnel);
            task.await.unwrap();
        });
    });
    assert_eq!(world.rules(), before);
}

#[test]
fn exempt_networks_are_reached_outside_the_tunnel() {
    let world = World::new("x");
    world.tell_addresses();
    let plan = world.plan(Lane::Direct);
    world.within("d", move || {
        block_on(async {
            let exempt = |net: &str, only_web| Exempt { net: net.parse().unwrap(), only_web };
            let split = |mode| StandingPolicy {
                exempt: vec![exempt("198.51.100.0/24", false), exempt("2001:db8:ffff::1/128", true)],
                ..policy(mode, false)
            };
            let os = Box::new(Linux::open(settings()).await.unwrap());
            let (tunnel, task) = Tunnel::start_under(split(LockdownMode::Always), os, None);
            tunnel.watch().wait_for(|view| view.lockdown).await.unwrap();
            assert_eq!(beside(internet).await, clear(), "named by the policy");
            assert_eq!(beside(|| seen_by("192.0.2.1:80")).await, None, "every other address is blocked");

            assert_eq!(tunnel.connect(plan).await.unwrap().phase, Phase::Connected);
            assert_eq!(beside(internet).await, clear());
            assert_eq!(beside(|| seen_by("192.0.2.1:4605")).await, through(Lane::Direct)[0]);
            tunnel.set_policy(policy(LockdownMode::Always, false)).await.unwrap();
            assert_eq!(beside(internet).await, through(Lane::Direct), "a change applies at once");
            tunnel.set_policy(split(LockdownMode::Off)).await.unwrap();
            tunnel.disconnect().await.unwrap();
            assert_eq!(beside(internet).await, clear());
            drop(tunnel);
            task.await.unwrap();
        });
    });
}
