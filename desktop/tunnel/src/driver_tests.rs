//! Tests of a tunnel on a fake operating system.

use super::*;
use crate::os::fake::Fake;
use crate::plan::LanePlan;
use crate::state::{BlockedReason, Failure, Phase};
use tornado_shared::model::{LockdownMode, LockdownPolicy, PrivateKey};

fn plan(lane: Lane) -> Plan {
    let part = |n: u8| LanePlan {
        addresses: vec![[10, n, 0, 2].into()],
        peer: PrivateKey::random().public_key(),
        preshared_key: None,
        endpoint: ([192, 0, 2, n], 51820).into(),
        others: Vec::new(),
        mtu: 1420,
        dns: Vec::new(),
    };
    Plan { private_key: PrivateKey::random(), lane, direct: part(8), tor: part(9), api: vec![] }
}

#[tokio::test(start_paused = true)]
async fn a_tunnel_connects_switches_and_disconnects() {
    let fake = Fake::default();
    let (tunnel, task) = Tunnel::start(Box::new(fake.clone()), None);
    let view = tunnel.connect(plan(Lane::Direct)).await.unwrap();
    assert_eq!((view.phase, view.lane), (Phase::Connected, Some(Lane::Direct)));
    assert_eq!(fake.inside().routing.as_ref().unwrap().slot, Some(Slot::A));

    let view = tunnel.switch(Lane::Tor).await.unwrap();
    assert_eq!((view.phase, view.lane), (Phase::Connected, Some(Lane::Tor)));
    assert_eq!(fake.inside().routing.as_ref().unwrap().slot, Some(Slot::B));
    assert_eq!(fake.inside().links.keys().collect::<Vec<_>>(), [&Slot::B]);

    assert_eq!(tunnel.disconnect().await.unwrap().phase, Phase::Disconnected);
    assert!(fake.inside().links.is_empty() && fake.inside().routing.is_none());

    tunnel.connect(plan(Lane::Tor)).await.unwrap();
    drop(tunnel);
    task.await.unwrap();
    assert!(fake.inside().links.is_empty() && fake.inside().routing.is_none());
}

#[tokio::test(start_paused = true)]
async fn connected_means_that_a_handshake_was_seen() {
    let fake = Fake::default();
    fake.inside().silent = true;
    let (tunnel, _task) = Tunnel::start(Box::new(fake.clone()), None);
    let started = tokio::time::Instant::now();
    let view = tunnel.connect(plan(Lane::Tor)).await.unwrap();
    let waited = started.elapsed();
    assert!(waited >= Duration::from_secs(4) && waited < Duration::from_secs(6), "{waited:?}");
    assert_eq!((view.phase, view.failure), (Phase::Disconnected, Some(Failure::NoHandshake(Lane::Tor))));
    assert!(fake.inside().links.is_empty() && fake.inside().routing.is_none(), "removed again, and never routed");
}

#[tokio::test(start_paused = true)]
async fn changes_by_other_programs_are_reverted_and_shown() {
    let fake = Fake::default();
    let (tunnel, _task) = Tunnel::start(Box::new(fake.clone()), None);
    tunnel.connect(plan(Lane::Direct)).await.unwrap();
    fake.disturb("the routing rules");
    let mut watch = tunnel.watch();
    let view = watch.wait_for(|view| view.disturbances == 1).await.unwrap().clone();
    assert_eq!(view.phase, Phase::Connected);
    assert!(view.disturbed.unwrap().contains("the routing rules"));
    // The next connect clears the report.
    tunnel.connect(plan(Lane::Direct)).await.unwrap();
    assert_eq!(tunnel.watch().borrow().disturbed, None);
}

#[tokio::test(start_paused = true)]
async fn a_link_that_disappears_is_not_reported_as_connected() {
    let fake = Fake::default();
    let (tunnel, _task) = Tunnel::start(Box::new(fake.clone()), None);
    tunnel.connect(plan(Lane::Direct)).await.unwrap();
    fake.inside().links.clear();
    let mut watch = tunnel.watch();
    let view = watch.wait_for(|v| v.phase == Phase::Blocked && v.lockdown).await.unwrap().clone();
    assert!(matches!(view.failure, Some(Failure::Link(_))));
    assert_eq!(fake.inside().routing.as_ref().unwrap().slot, None, "blocked, not released");
    tunnel.disconnect().await.unwrap();
    assert!(fake.inside().routing.is_none());
}

/// Runs a tunnel in one state for sixty days and limits how often it wakes up, per hour.
async fn rests(fake: Fake, lockdown: Option<Lockdown>, plan: Option<Plan>, per_hour: u64) {
    let (tunnel, task) = Tunnel::new(StandingPolicy::default(), Box::new(fake), lockdown);
    let connected = async {
        if let Some(plan) = plan {
            tunnel.connect(plan).await.unwrap();
        }
        std::future::pending::<()>().await;
    };
    let both = Box::pin(async { tokio::join!(task, connected) });
    tornado_endurance::sixty_days(per_hour, both).await;
}

#[tokio::test(start_paused = true)]
async fn a_disconnected_tunnel_is_idle_for_sixty_days() {
    Box::pin(rests(Fake::default(), None, None, 0)).await;
}

#[tokio::test(start_paused = true)]
async fn links_are_observed_at_a_steady_rate_for_sixty_days() {
    Box::pin(rests(Fake::default(), None, Some(plan(Lane::Direct)), 3_600)).await;
}

#[tokio::test(start_paused = true)]
async fn lockdown_is_idle_for_sixty_days() {
    let fake = Fake::default();
    fake.inside().silent = true;
    let lockdown = Lockdown { reason: BlockedReason::Interrupted, outside: Vec::new() };
    Box::pin(rests(fake, Some(lockdown), None, 0)).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_returns_does_not_block_later_tunnels() {
    for call in ["observe", "restore", "up", "route", "remove", "tear_down"] {
        let fake = Fake::default();
        let (tunnel, _task) = Tunnel::start(Box::new(fake.clone()), None);
        tunnel.connect(plan(Lane::Direct)).await.unwrap();
        fake.inside().unanswered = Some(call);
        // Each of the methods is called by one of these steps. The state of the tunnel is shown, and no traffic is
        // released.
        fake.disturb("the routing rules");
        let view = tunnel.switch(Lane::Tor).await.unwrap();
        let is_blocked = fake.inside().routing.is_some();
        assert!(view.phase.is_settled() && is_blocked, "{call}: {view:?}");
        tunnel.disconnect().await.unwrap();
        assert_eq!(fake.inside().unanswered, None, "{call} was not called");

        let view = tunnel.connect(plan(Lane::Tor)).await.unwrap();
        assert_eq!((view.phase, view.lane, view.failure), (Phase::Connected, Some(Lane::Tor), None), "{call}");
        assert_eq!(tunnel.disconnect().await.unwrap().phase, Phase::Disconnected, "{call}");
        assert!(fake.inside().links.is_empty() && fake.inside().routing.is_none(), "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_holds_in_every_state() {
    let fake = Fake::default();
    let policy = |mode, lan| StandingPolicy {
        lockdown: LockdownPolicy { mode, lan, bridges: true },
        api_ports: vec![4605],
        ..StandingPolicy::default()
    };
    let (tunnel, task) = Tunnel::start_under(policy(LockdownMode::Always, false), Box::new(fake.clone()), None);
    let choices = || fake.inside().routing.as_ref().map(|r| (r.slot, r.guard, r.lan, r.bridges, r.api_ports.clone()));
    let mut watch = tunnel.watch();
    watch.wait_for(|view| view.lockdown).await.unwrap();
    assert_eq!(choices(), Some((None, true, false, true, vec![4605])));
    tunnel.connect(plan(Lane::Direct)).await.unwrap();
    assert_eq!(choices(), Some((Some(Slot::A), true, false, true, vec![4605])));
    // A change is applied to the tunnel that is up.
    tunnel.set_policy(policy(LockdownMode::Auto, true)).await.unwrap();
    assert_eq!(choices(), Some((Some(Slot::A), false, true, true, vec![4605])));
    tunnel.set_policy(policy(LockdownMode::Always, true)).await.unwrap();
    let view = tunnel.disconnect().await.unwrap();
    assert_eq!((view.phase, view.lockdown, view.blocked), (Phase::Blocked, true, Some(BlockedReason::Always)));
    // The process ends: what blocks traffic stays.
    drop((tunnel, watch));
    task.await.unwrap();
    assert_eq!((choices().map(|c| c.0), fake.inside().torn_down), (Some(None), 0));

    let (tunnel, _task) = Tunnel::start_under(policy(LockdownMode::Off, true), Box::new(fake.clone()), None);
    tunnel.watch().wait_for(|view| view.phase == Phase::Disconnected).await.unwrap();
    assert_eq!(choices(), None);
}
