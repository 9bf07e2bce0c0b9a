//! Lockdown: what leaves a device in each state, seen from outside of it, and the ways out.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

mod bridges;
mod place;
mod random;

use place::{Place, has_table, nothing_so_far};
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use tornado_e2e_harness::lan::{ROUTER, StaticRoute};
use tornado_e2e_harness::{DeviceProc, SERVER, wait_for};

fn state(device: &DeviceProc) -> (String, bool) {
    let status = device.json(&["status"]).unwrap();
    (status["state"].as_str().unwrap().to_owned(), status["lockdown"].as_bool().unwrap())
}

fn until(device: &DeviceProc, what: &str, met: impl Fn(&Value) -> bool) -> Value {
    let waited = wait_for(what, Duration::from_secs(30), || {
        let status = device.json(&["status"])?;
        Ok(met(&status).then_some(status))
    });
    let log = || device.log().unwrap_or_default();
    waited.unwrap_or_else(|error| panic!("{error}: {:#}\n{}", device.json(&["status"]).unwrap(), log()))
}

#[test]
fn always_lets_nothing_out_in_any_state() {
    let place = Place::new();
    let (host, through) = (&place.host, Some(IpAddr::from(SERVER.v4)));
    let mut device = place.device();
    // The capture sees each kind of packet while traffic flows.
    let (noise, planted) = (place.noise(), place.capture());
    planted.wait_for(20, Duration::from_secs(10)).unwrap();
    device.cli(&["lockdown", "always", "--lan", "block"]).unwrap().success().unwrap();
    drop(planted);
    assert_eq!(state(&device), ("blocked".into(), true));
    let capture = place.capture();
    nothing_so_far(&capture, &noise, "before the enrolment");
    let lease = place.lan.renew(&[]).unwrap();
    assert_eq!(lease.router, ROUTER);

    device = place.world.enroll(1, device).unwrap();
    nothing_so_far(&capture, &noise, "after the enrolment");
    device.cli(&["connect"]).unwrap().success().unwrap();
    assert_eq!(place.seen_as(), through);
    nothing_so_far(&capture, &noise, "connected");

    let hostile = StaticRoute { to: Ipv4Addr::UNSPECIFIED, length: 1, via: ROUTER };
    place.lan.renew(&[hostile]).unwrap();
    nothing_so_far(&capture, &noise, "after DHCP set other routes");
    assert_eq!(place.seen_as(), through);
    device.cli(&["lane", "tor"]).unwrap().success().unwrap();
    nothing_so_far(&capture, &noise, "on the other lane");
    device.cli(&["lane", "direct"]).unwrap().success().unwrap();

    device.kill_helper();
    nothing_so_far(&capture, &noise, "after kill -9 of the helper");
    assert_eq!(place.seen_as(), None);
    place.lan.renew(&[hostile]).unwrap();
    device.start_helper().unwrap();
    nothing_so_far(&capture, &noise, "after its restart");
    until(&device, "the tunnel to return", |status| status["state"] == "connected");
    assert_eq!(place.seen_as(), through);

    // The server is away.
    let router = place.lan.router();
    router
        .exec(&[
            "nft",
            "add table inet away; add chain inet away f { type filter hook forward priority 0; }; \
        add rule inet away f ip daddr 203.0.113.10 drop",
        ])
        .unwrap();
    device.kill_helper();
    device.start_helper().unwrap();
    nothing_so_far(&capture, &noise, "while the server is away");
    assert_eq!(state(&device), ("blocked".into(), true));
    router.exec(&["nft", "delete table inet away"]).unwrap();
    until(&device, "the tunnel to return", |status| status["state"] == "connected");

    device.cli(&["disconnect"]).unwrap().success().unwrap();
    assert_eq!(state(&device), ("blocked".into(), true));
    nothing_so_far(&capture, &noise, "disconnected");
    assert_eq!(place.seen_as(), None);

    // Another program flushes the firewall, connected and disconnected.
    for (round, words) in [&["disconnect"], &["connect"]].into_iter().enumerate() {
        device.cli(words).unwrap().success().unwrap();
        host.exec(&["nft", "flush", "ruleset"]).unwrap();
        let begun = Instant::now();
        wait_for("the firewall to return", Duration::from_secs(5), || Ok(has_table(host).then_some(()))).unwrap();
        println!("after `nft flush ruleset`, the firewall was listed again within {:?}", begun.elapsed());
        nothing_so_far(&capture, &noise, "after the firewall was flushed");
        let restored = u64::try_from(round).unwrap();
        let status = until(&device, "the report", |status| status["restored"].as_u64() > Some(restored));
        assert_eq!(status["notice"]["code"], "interference", "{status:#}");
    }
    assert_eq!(place.seen_as(), through);

    // The helper is stopped as in an upgrade, and started again.
    assert!(device.stop_helper().unwrap().unwrap().success());
    nothing_so_far(&capture, &noise, "while the helper is stopped");
    assert!(has_table(host));
    device.start_helper().unwrap();
    nothing_so_far(&capture, &noise, "after its start");

    // The machine starts: the unit blocks before the network is up, then the helper takes over.
    device.stop_helper().unwrap();
    place.power_off();
    device.run_helper(&["--block-early"]).unwrap().success().unwrap();
    host.exec(&["ip", "link", "set", "eth0", "up"]).unwrap();
    place.lan.renew(&[]).unwrap();
    nothing_so_far(&capture, &noise, "at boot, before the helper");
    assert_eq!(place.seen_as(), None);
    device.start_helper().unwrap();
    nothing_so_far(&capture, &noise, "at boot, with the helper");
    until(&device, "the tunnel to return", |status| status["state"] == "connected");
    assert_eq!(place.seen_as(), through);

    // The capture saw nothing because nothing was sent, not because it ended: now it does.
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    nothing_so_far(&capture, &noise, "at the end");
    device.cli(&["lockdown", "off"]).unwrap().success().unwrap();
    capture.wait_for(20, Duration::from_secs(10)).unwrap();
    assert_eq!(place.seen_as(), Some("198.51.100.1".parse().unwrap()));
    assert!(!has_table(host));
    println!("{} rounds of noise", noise.stop());
}

#[test]
fn lockdown_can_be_lifted_without_server_login_store_or_helper() {
    let place = Place::new();
    let clear: Option<IpAddr> = Some("198.51.100.1".parse().unwrap());
    let mut device = place.device();
    let lifted = |device: &DeviceProc, case: &str| {
        assert_eq!(place.seen_as(), None, "{case}");
        device.cli(&["lockdown", "off"]).unwrap().success().unwrap();
        assert_eq!(place.seen_as(), clear, "{case}");
        assert!(!place.host.exec(&["nft", "list", "tables"]).unwrap().stdout.contains("tornado"), "{case}");
        let rules = place.host.exec(&["ip", "rule"]).unwrap().stdout;
        assert!(!rules.contains("29807"), "{case}: {rules}");
    };
    device.cli(&["lockdown", "always"]).unwrap().success().unwrap();
    lifted(&device, "not enrolled");

    for file in ["lockdown.json", "state.json", "wanted.json"] {
        device.cli(&["lockdown", if file == "lockdown.json" { "off" } else { "auto" }]).unwrap().success().unwrap();
        device.stop_helper().unwrap();
        std::fs::write(device.state_dir().join(file), "{").unwrap();
        device.start_helper().unwrap();
        assert_eq!(state(&device), ("blocked".into(), true), "{file}");
        if file == "lockdown.json" {
            assert_eq!(device.json(&["status"]).unwrap()["notice"]["code"], "lockdown_unreadable");
        }
        lifted(&device, file);
        std::fs::remove_file(device.state_dir().join(file)).unwrap();
    }

    // Stopped on purpose, then killed.
    for kill in [false, true] {
        device.cli(&["lockdown", "always"]).unwrap().success().unwrap();
        if kill {
            device.kill_helper()
        } else {
            assert!(device.stop_helper().unwrap().is_some());
        }
        lifted(&device, "without a helper");
        // The choice also holds at the next start.
        device.run_helper(&["--block-early"]).unwrap().success().unwrap();
        assert_eq!(place.seen_as(), clear);
        device.start_helper().unwrap();
        assert_eq!(state(&device), ("disconnected".into(), false));
        assert_eq!(device.json(&["lockdown"]).unwrap()["policy"]["mode"], "off");
        assert_eq!(place.seen_as(), clear);
    }
    let refused = device.run_helper(&["--release"]).unwrap();
    assert!(!refused.ok() && refused.stderr.contains("a helper is running"), "{}", refused.stderr);
}
