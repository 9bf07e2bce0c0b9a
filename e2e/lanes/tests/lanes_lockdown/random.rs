//! Random sequences of events.

use super::place::{Place, has_table, nothing_so_far};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tornado_e2e_harness::lan::{ROUTER, StaticRoute};
use tornado_e2e_harness::{SERVER, wait_for};

/// An event that can happen to a device at any time.
const EVENTS: [&str; 14] = [
    "connect",
    "disconnect",
    "lane tor",
    "lane direct",
    "kill",
    "stop",
    "start",
    "flush",
    "rules",
    "renew",
    "routes",
    "uplink",
    "boot",
    "lockdown",
];

/// Random sequences of events. Whatever happens, in any order: nothing leaves but the tunnel and what the policy names.
#[test]
fn random_events_let_nothing_out() {
    let place = Place::new();
    let host = &place.host;
    let mut device = place.world.enroll(1, place.device()).unwrap();
    device.cli(&["lockdown", "always", "--lan", "block"]).unwrap().success().unwrap();
    let (noise, capture) = (place.noise(), place.capture());
    let seed: u64 = rand::random();
    let mut random = seed;
    let mut history: Vec<&str> = Vec::new();
    for _ in 0..60 {
        // xorshift64 (Marsaglia 2003): a failure can be repeated with the printed seed.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let event = EVENTS[usize::try_from(random % 14).unwrap()];
        history.push(event);
        let runs = device.helper().is_some();
        match event {
            "kill" => device.kill_helper(),
            "stop" => drop(device.stop_helper().unwrap().map(|status| status.to_string())),
            // The helper responds as soon as its firewall is in place.
            "start" if !runs => {
                device.start_helper().unwrap();
                drop(device.json(&["status"]).unwrap());
            }
            // Without a helper, nothing restores the firewall (docs/known-issues.md). The same holds for one that is
            // killed before it could.
            "flush" if runs => {
                host.exec(&["nft", "flush", "ruleset"]).unwrap();
                wait_for("the firewall to return", Duration::from_secs(5), || Ok(has_table(host).then_some(())))
                    .unwrap();
            }
            "rules" => drop(host.exec(&["sh", "-c", "ip rule flush; ip rule add pref 32766 lookup main"]).unwrap()),
            "renew" => drop(place.lan.renew(&[]).unwrap()),
            "routes" => {
                let to = StaticRoute { to: Ipv4Addr::UNSPECIFIED, length: 1, via: ROUTER };
                place.lan.renew(&[to]).unwrap();
            }
            "uplink" => {
                host.exec(&["ip", "link", "set", "eth0", "down"]).unwrap();
                host.exec(&["ip", "link", "set", "eth0", "up"]).unwrap();
                place.lan.renew(&[]).unwrap();
            }
            "boot" => {
                drop(device.stop_helper().unwrap().map(|status| status.to_string()));
                place.power_off();
                device.run_helper(&["--block-early"]).unwrap().success().unwrap();
                host.exec(&["ip", "link", "set", "eth0", "up"]).unwrap();
                place.lan.renew(&[]).unwrap();
            }
            "lockdown" if runs => drop(device.cli(&["lockdown", "always", "--bridges", "allow"]).unwrap()),
            "start" | "flush" | "lockdown" => {}
            // A refusal is a valid outcome: there may be no helper, or no tunnel.
            words => drop(device.cli(&words.split(' ').collect::<Vec<_>>()).unwrap()),
        }
        noise.rounds(2);
        let seen = capture.so_far().unwrap();
        assert_eq!(seen.count(), 0, "seed {seed}, {history:?}: {:#?}", &seen.lines()[..seen.count().min(10)]);
    }
    nothing_so_far(&capture, &noise, "at the end");
    println!("seed {seed}: {} rounds of noise during {history:?}", noise.count());
    // The capture still works, and so does the tunnel.
    if device.helper().is_none() {
        device.start_helper().unwrap();
    }
    device.cli(&["connect"]).unwrap().success().unwrap();
    assert_eq!(place.seen_as(), Some(IpAddr::from(SERVER.v4)));
    device.cli(&["disconnect"]).unwrap().success().unwrap();
    device.cli(&["lockdown", "off"]).unwrap().success().unwrap();
    capture.wait_for(20, Duration::from_secs(10)).unwrap();
    noise.stop();
}
