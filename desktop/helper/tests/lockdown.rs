//! The lockdown policy: stored, applied, and lifted when nothing else works.

mod common;

use common::{Machine, Server};
use std::os::unix::fs::PermissionsExt as _;
use tornado_helper_api::{
    Connect, Helper as _, HelperError, LockdownMode, LockdownPolicy, NoInput, SetLockdown, Split, TunnelState,
};
use tornado_shared::model::Lane;
use tornado_tunnel::plan::Slot;
use tornado_tunnel::policy::Exempt;

fn to(mode: LockdownMode) -> SetLockdown {
    SetLockdown { mode: Some(mode), ..SetLockdown::default() }
}

fn blocks(machine: &Machine) -> bool {
    machine.os.inside().routing.as_ref().is_some_and(|routing| routing.slot.is_none())
}

fn policy_file(machine: &Machine) -> std::path::PathBuf {
    machine.state_file().with_file_name("lockdown.json")
}

#[tokio::test(flavor = "multi_thread")]
async fn always_blocks_whenever_no_tunnel_is_up() {
    let server = Server::start().await;
    let mut machine = Machine::new().await;
    let status = machine.client.set_lockdown(to(LockdownMode::Always)).await.unwrap();
    assert_eq!((status.state, status.lockdown), (TunnelState::Blocked, true), "before the enrolment");
    let mode = std::fs::metadata(policy_file(&machine)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    machine.stop().await;
    assert!(blocks(&machine), "the stopped helper left the firewall in place");

    // The enrolment, the login and the connect work while traffic is blocked.
    machine.start().await;
    machine.enroll(&server).await;
    let port: u16 = server.address.rsplit_once(':').unwrap().1.parse().unwrap();
    assert_eq!(machine.os.inside().routing.as_ref().unwrap().api_ports, [port]);
    assert!(machine.client.status(NoInput {}).await.unwrap().lockdown);
    let status = machine.client.connect(Connect { lane: Lane::Direct }).await.unwrap();
    assert_eq!((status.state, status.lockdown), (TunnelState::Connected, false));
    let status = machine.client.disconnect(NoInput {}).await.unwrap();
    assert_eq!((status.state, status.lockdown), (TunnelState::Blocked, true));
    assert!(!machine.state_file().with_file_name("wanted.json").exists(), "no tunnel is desired any more");

    // A connect that fails does not start retries.
    machine.os.inside().silent = true;
    let failure = machine.client.connect(Connect { lane: Lane::Direct }).await.unwrap_err();
    assert!(matches!(failure, HelperError::NoHandshake(_)), "{failure:?}");
    assert!(blocks(&machine) && !machine.state_file().with_file_name("wanted.json").exists());
    machine.client.logout(NoInput {}).await.unwrap();
    assert!(blocks(&machine));
    assert_eq!(machine.os.inside().torn_down, 1, "only at the very first start");

    let status = machine.client.set_lockdown(to(LockdownMode::Auto)).await.unwrap();
    assert_eq!(status.state, TunnelState::Disconnected);
    assert!(machine.os.inside().routing.is_none());
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn off_releases_a_lost_tunnel_and_the_helper_restores_it() {
    let server = Server::start().await;
    let mut machine = Machine::enrolled(&server).await;
    machine.client.set_lockdown(to(LockdownMode::Off)).await.unwrap();
    machine.client.connect(Connect { lane: Lane::Direct }).await.unwrap();
    let torn_down = machine.os.inside().torn_down;
    machine.os.inside().links.remove(&Slot::A);
    // The status is read until the loss was seen and the tunnel is up again.
    machine.until(|status| status.state == TunnelState::Connected && machine.os.inside().links.len() == 1).await;
    assert!(machine.os.inside().torn_down > torn_down, "traffic was released in between");

    // The next start blocks nothing, and connects.
    machine.stop().await;
    machine.start().await;
    machine.until(|status| status.state == TunnelState::Connected).await;
    machine.client.disconnect(NoInput {}).await.unwrap();
    let calls = server.calls();
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(machine.client.status(NoInput {}).await.unwrap().state, TunnelState::Disconnected);
    assert_eq!(server.calls(), calls, "a disconnected tunnel is not restored");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_always_a_way_out() {
    let server = Server::start().await;
    let mut machine = Machine::enrolled(&server).await;
    let file = policy_file(&machine);
    // Choices that cannot be read block everything, and say what to do.
    for (name, content) in [("lockdown.json", "{"), ("state.json", "{"), ("wanted.json", "{")] {
        machine.stop().await;
        std::fs::write(file.with_file_name(name), content).unwrap();
        machine.start().await;
        let status = machine.client.status(NoInput {}).await.unwrap();
        assert!(status.lockdown && status.state == TunnelState::Blocked && blocks(&machine), "{name}");
        if name == "lockdown.json" {
            assert_eq!(status.lockdown_policy, LockdownPolicy::STRICTEST);
            let notice = status.notice.unwrap();
            assert!(notice.code == "lockdown_unreadable" && notice.detail.contains("tornado lockdown off"));
        }
        let status = machine.client.set_lockdown(to(LockdownMode::Off)).await.unwrap();
        assert_eq!((status.state, status.lockdown), (TunnelState::Disconnected, false), "{name}");
        // The other choices are the default again.
        assert!(status.lockdown_policy.lan && status.notice.is_none_or(|n| n.code != "lockdown_unreadable"), "{name}");
        machine.client.set_lockdown(to(LockdownMode::Auto)).await.unwrap();
        std::fs::remove_file(file.with_file_name(name)).unwrap();
    }

    // A store that cannot be written refuses every choice but `off`.
    machine.client.set_lockdown(to(LockdownMode::Always)).await.unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    let refused = machine.client.set_lockdown(to(LockdownMode::Auto)).await.unwrap_err();
    assert!(matches!(refused, HelperError::Internal(_)) && blocks(&machine), "{refused:?}");
    let status = machine.client.set_lockdown(to(LockdownMode::Off)).await.unwrap();
    assert_eq!((status.state, blocks(&machine)), (TunnelState::Disconnected, false));
    assert_eq!(status.notice.unwrap().code, "not_stored");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn networks_outside_the_tunnel_are_stored() {
    let mut machine = Machine::new().await;
    let split = |nets: &[&str]| Split { networks: nets.iter().map(|net| net.parse().unwrap()).collect() };
    machine.client.set_lockdown(to(LockdownMode::Always)).await.unwrap();
    let status = machine.client.set_split(split(&["203.0.113.9/24"])).await.unwrap();
    assert_eq!(status.split, split(&["203.0.113.0/24"]));
    let refused = machine.client.set_split(split(&["0.0.0.0/0"])).await.unwrap_err();
    assert!(matches!(refused, HelperError::Malformed(_)), "{refused:?}");
    let exempt = Exempt { net: "203.0.113.0/24".parse().unwrap(), only_web: false };
    machine.stop().await;
    machine.start().await;
    assert_eq!(machine.os.inside().routing.as_ref().unwrap().exempt, [exempt]);
    // What cannot be read excludes nothing.
    machine.stop().await;
    std::fs::write(policy_file(&machine).with_file_name("split.json"), "{").unwrap();
    machine.start().await;
    assert!(machine.os.inside().routing.as_ref().unwrap().exempt.is_empty());
    machine.stop().await;
}
