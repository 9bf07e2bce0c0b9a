//! The package of the client, with a server of the other package in a lab. Needs root, and what
//! `cargo xtask test packages` prepares.

#![expect(clippy::unwrap_used, reason = "a test panics when a step fails")]

use serde_json::Value;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;
use tornado_e2e_harness::{Lab, LabOptions, SERVER, wait_for};
use tornado_e2e_packages::{Machine, Network, Release, Version, changes};

const PASSWORD: &str = "correct horse battery\n";
/// Units, and their highest exposure that `systemd-analyze security` may report, in tenths.
const EXPOSURE: [(&str, u8); 2] = [("tornado-helper.service", 24), ("tornado-lockdown.service", 15)];
const WITHIN: Duration = Duration::from_secs(20);

fn json(machine: &Machine, words: &[&str]) -> Value {
    let text = machine.run(words).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{words:?}: {error}: {text}"))
}

/// A device connects, and both sides are upgraded while it sends.
#[test]
fn a_tunnel_survives_the_upgrade_of_both_sides_without_a_packet_in_the_clear() {
    let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
    let internet = lab.internet().unwrap();
    let machine = |release, host: &str| {
        Machine::new(release, Network::Of(lab.host(host).unwrap().namespace().to_owned())).unwrap()
    };
    let server = machine(Release::Bookworm, "server");
    server.install(&[Version::Old.package("tornado-server").unwrap()]).unwrap();
    let device = machine(Release::Trixie, "device1");
    device.install(&[Version::Old.package("tornado-cli").unwrap()]).unwrap();

    let invitation = json(&server, &["tornadod", "invite", "create", "--json"]);
    let link = invitation["link"].as_str().unwrap();
    device.run_with(&["tornado", "enroll", link, "--username", "ada", "--password-stdin"], PASSWORD).unwrap();
    device.run(&["tornado", "connect"]).unwrap();
    let host = lab.host("device1").unwrap();
    let seen =
        || host.http_get_within(internet.http_v4(), "/", Duration::from_secs(3)).and_then(|reply| reply.seen_as());
    assert_eq!(seen().unwrap(), IpAddr::from(SERVER.v4));
    let session = || json(&device, &["tornado", "status", "--json"])["session"].clone();

    let clear = host.capture("eth0", &format!("host {}", internet.http_v4().ip())).unwrap();
    let mut load = host.command("ping");
    load.args(["-n", "-i", "0.02", &internet.http_v4().ip().to_string()]).stdout(Stdio::null());
    let mut load = load.spawn().unwrap();
    device.install(&[Version::New.package("tornado-cli").unwrap()]).unwrap();
    let through = |what: &str| {
        wait_for(what, WITHIN, || Ok(seen().ok().filter(|seen| *seen == IpAddr::from(SERVER.v4)))).unwrap();
    };
    through("traffic after the upgrade of the client");
    let before = session();
    server.install(&[Version::New.package("tornado-server").unwrap()]).unwrap();
    through("traffic after the upgrade of the server");
    assert_eq!(session(), before, "the session continues");
    load.kill().unwrap();
    load.wait().unwrap();
    assert_eq!(clear.stop().unwrap().count(), 0, "packets left outside the tunnel");
    for (machine, package) in [(&server, "tornado-server"), (&device, "tornado-cli")] {
        let version = machine.run(&["dpkg-query", "--show", "--showformat=${Version}", package]).unwrap();
        assert!(!version.contains('~'), "{package} {version}");
    }

    // A removal disconnects.
    device.run(&["apt-get", "remove", "--yes", "tornado-cli"]).unwrap();
    assert_eq!(seen().unwrap(), IpAddr::from(lab.device_address(1).v4));
}

#[test]
fn the_helper_runs_confined_and_a_purge_leaves_nothing() {
    for release in [Release::Bookworm, Release::Trixie] {
        let mut machine = Machine::new(release, Network::Separate).unwrap();
        machine
            .run(&["apt-get", "install", "--yes", "--no-install-recommends", "ca-certificates", "nftables"])
            .unwrap();
        let before = machine.files().unwrap();
        let said = machine.install(&[Version::New.package("tornado-cli").unwrap()]).unwrap();
        assert!(said.contains("usermod --append --groups tornado NAME"), "{said}");
        let status = json(&machine, &["tornado", "status", "--json"]);
        assert_eq!(status["state"], "disconnected", "{status}");
        assert!(machine.path("var/log/tornado-helper/helper.log").exists());
        let unit = "tornado-helper.service";
        for (unit, limit) in EXPOSURE {
            println!("{} {unit}: {}", release.name(), machine.exposure(unit, limit).unwrap());
        }

        // At boot, the block comes before the helper.
        machine.run(&["tornado", "lockdown", "always"]).unwrap();
        machine.reboot().unwrap();
        let status = json(&machine, &["tornado", "status", "--json"]);
        assert_eq!(status["lockdown_policy"]["mode"], "always", "{status}");
        let began = |unit: &str| -> u64 {
            let words = ["systemctl", "show", "--value", "--property=ExecMainStartTimestampMonotonic", unit];
            machine.run(&words).unwrap().trim().parse().unwrap()
        };
        machine.run(&["systemctl", "is-active", "tornado-lockdown.service"]).unwrap();
        assert!(began("tornado-lockdown.service") < began(unit), "the block came after the helper");
        let rules = || machine.run(&["nft", "list", "ruleset"]).unwrap();
        assert!(rules().contains("tornado"), "no block: {}", rules());

        // A removal leaves no block, which nothing could switch off.
        let said = machine.run(&["apt-get", "remove", "--yes", "tornado-cli"]).unwrap();
        assert!(said.contains("kept /var/lib/tornado-helper (login, device key)"), "{said}");
        assert!(!rules().contains("tornado"), "the removal leaves a block: {}", rules());
        assert!(machine.path("var/lib/tornado-helper").exists());
        let said = machine.run(&["apt-get", "purge", "--yes", "tornado-cli"]).unwrap();
        let changes = changes(&before, &machine.files().unwrap());
        assert!(changes.is_empty(), "the purge leaves traces:\n{}\n{said}", changes.join("\n"));
    }
}
