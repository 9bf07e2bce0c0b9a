//! A machine is broken in one way after the other, and the doctor names each.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use serde_json::Value;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use tornado_e2e_harness::{Host, ServerOptions};
use tornado_e2e_lanes::world::World;

/// Exit code and codes of findings.
fn asked(world: &World) -> (Option<i32>, Vec<String>) {
    let output = world.server.cli(&["doctor", "--json"]).unwrap();
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    for finding in report["findings"].as_array().unwrap() {
        for part in ["what", "why", "cure"] {
            assert!(!finding[part].as_str().unwrap().is_empty(), "{finding}");
        }
    }
    let codes = report["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap().to_owned());
    (output.status.code(), codes.collect())
}

fn found(world: &World, code: &str, exit: i32) {
    let (status, codes) = asked(world);
    assert!(codes.iter().any(|found| found == code), "{code} is not in {codes:?}");
    assert_eq!(status, Some(exit), "{codes:?}");
}

fn sh(host: &Host, words: &str) {
    host.exec(&["sh", "-ec", words]).unwrap();
}

#[test]
fn each_broken_thing_is_named_and_nothing_else() {
    let options = ServerOptions { cluster: false, ..ServerOptions::default() };
    let world = World::up_with(1, options).unwrap();
    let host = world.lab.host("server").unwrap().clone();
    // What the machine that runs this test has or lacks by itself.
    let (_, at_first) = asked(&world);
    for code in &at_first {
        let known = ["host_private", "clock_free", "disk_short", "no_egress_v6"];
        assert!(known.contains(&code.as_str()), "{at_first:?}");
    }

    sh(
        &host,
        "nft add table ip other; nft add chain ip other fw '{ type filter hook forward priority 0; policy drop; }'",
    );
    found(&world, "firewall_drops", 1);
    sh(&host, "nft delete table ip other");

    sh(
        &host,
        "ip link add othervpn0 type veth peer name othervpn1; ip link set othervpn0 up; ip addr add 10.8.77.1/24 dev othervpn0",
    );
    found(&world, "pool_overlap", 2);
    sh(&host, "ip link del othervpn0");

    let key = world.server.state_dir().join("wg/direct.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    found(&world, "file_mode", 2);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(&key, Some(0), Some(0)).unwrap();
    found(&world, "file_owner", 2);
    sh(&host, &format!("chown --reference={} {}", key.parent().unwrap().display(), key.display()));
    assert_eq!(asked(&world).1, at_first, "all of it is mended");

    world.server.cli(&["stop", "admin"]).unwrap().success().unwrap();
    assert_eq!(asked(&world).1, at_first, "what was stopped on purpose is not wrong");

    // The server is away, and somebody else sits on its port.
    let master = world.server.master().unwrap().pid();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(master.cast_signed()), nix::sys::signal::Signal::SIGTERM)
        .unwrap();
    tornado_e2e_harness::wait_for("the server to end", std::time::Duration::from_secs(30), || {
        Ok((!world.server.run_dir().join("master.sock").exists()).then_some(()))
    })
    .unwrap();
    found(&world, "server_down", 1);
    let socket = host.enter(|| UdpSocket::bind("0.0.0.0:51820").unwrap()).unwrap();
    found(&world, "port_taken", 2);
    drop(socket);

    std::fs::write(world.server.state_dir().join("session/session.db"), "not a database").unwrap();
    found(&world, "database_closed", 2);
    let config = std::fs::read_to_string(world.server.config_path()).unwrap();
    std::fs::write(world.server.config_path(), format!("{config}\n[nonsense]\nx = 1\n")).unwrap();
    found(&world, "config_bad", 2);
}
