//! A machine is broken in one way after the other, and the doctor must report each.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::Value;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, SystemTime};
use tornado_e2e_engines::Authority;
use tornado_e2e_harness::{Host, Output, Programs, ServerOptions};
use tornado_e2e_lanes::world::World;

/// Returns the exit code and the codes of the findings.
fn asked(world: &World) -> (Option<i32>, Vec<String>) {
    read(&world.server.cli(&["doctor", "--json"]).unwrap())
}

/// The findings of the unmodified machine. Beyond them, only what a test broke may be reported.
struct Sane {
    at_first: Vec<String>,
}

impl Sane {
    /// Checks that exactly these codes are reported in addition to those of the machine, in any order.
    fn only(&self, wanted: &[&str], (status, codes): &(Option<i32>, Vec<String>), exit: i32) {
        let mut all = self.at_first.clone();
        all.extend(wanted.iter().map(|code| (*code).to_owned()));
        all.sort_unstable();
        let mut found = codes.clone();
        found.sort_unstable();
        assert_eq!(found, all, "exactly {wanted:?} must be found");
        assert_eq!(*status, Some(exit), "{codes:?}");
    }

    fn found(&self, world: &World, wanted: &[&str], exit: i32) {
        self.only(wanted, &asked(world), exit);
    }

    /// Like [`Self::found`], on a machine that a shell script breaks for this one run: its mounts end with the shell.
    fn found_after(&self, world: &World, broken: &str, wanted: &[&str], exit: i32) {
        let program = Programs::beside().find("tornadod").unwrap();
        let config = world.server.config_path();
        let words = format!("{broken}; exec {} --config {} doctor --json", program.display(), config.display());
        let mut command = world.lab.host("server").unwrap().command("sh");
        let output = command.args(["-ec", &words]).output().unwrap();
        self.only(wanted, &(output.status.code(), codes(&String::from_utf8(output.stdout).unwrap())), exit);
    }
}

fn read(output: &Output) -> (Option<i32>, Vec<String>) {
    (output.status.code(), codes(&output.stdout))
}

fn codes(stdout: &str) -> Vec<String> {
    let report: Value = serde_json::from_str(stdout).unwrap();
    for finding in report["findings"].as_array().unwrap() {
        for part in ["what", "why", "cure"] {
            assert!(!finding[part].as_str().unwrap().is_empty(), "{finding}");
        }
    }
    let codes = report["findings"].as_array().unwrap().iter().map(|f| f["code"].as_str().unwrap().to_owned());
    codes.collect()
}

fn sh(host: &Host, words: &str) {
    host.exec(&["sh", "-ec", words]).unwrap();
}

/// The operator's certificate: expired, for another key, unreadable to the service, valid.
fn certificates(world: &World, sane: &Sane) {
    let path = world.server.config_path();
    let before = std::fs::read_to_string(&path).unwrap();
    let dir = path.parent().unwrap();
    let (certificate, key) = (dir.join("api.crt"), dir.join("api.key"));
    let of_service = world.server.state_dir().join("client-api");
    let authority = Authority::new().unwrap();
    let put = |(text, private): (String, String)| {
        std::fs::write(&certificate, text).unwrap();
        std::fs::write(&key, private).unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    };
    let table = format!("[client_api]\ncertificate = '{}'\nkey = '{}'\n", certificate.display(), key.display());
    std::fs::write(&path, format!("{before}\n{table}")).unwrap();
    put(authority.server("vpn.example.org").unwrap());
    sane.found(world, &["certificate_bad"], 2);
    sh(world.lab.host("server").unwrap(), &format!("chgrp --reference={} {}", of_service.display(), key.display()));
    assert_eq!(asked(world).1, sane.at_first);
    let year = 365 * 86_400;
    put(authority.server_until("vpn.example.org", SystemTime::now() - Duration::from_secs(year)).unwrap());
    sane.found(world, &["certificate_expired"], 2);
    put(authority.server_until("vpn.example.org", SystemTime::now() + Duration::from_secs(86_400)).unwrap());
    sane.found(world, &["certificate_ends"], 1);
    put((authority.server("a.example").unwrap().0, authority.server("b.example").unwrap().1));
    sane.found(world, &["certificate_bad"], 2);
    std::fs::write(&path, before).unwrap();
}

/// Healthy engines are shown as healthy.
fn engines(world: &World) {
    let status = world.server.status().unwrap();
    let engines = status["engines"].as_array().unwrap();
    let parts: Vec<_> = engines.iter().map(|engine| (engine["part"].as_str(), engine["engine"].as_str())).collect();
    assert_eq!(
        parts,
        [(Some("identity"), Some("sqlite")), (Some("sessions"), Some("sqlite")), (Some("live"), Some("memory"))]
    );
    for engine in engines {
        assert_eq!(engine["reachable"], true, "{engine}");
        assert!(engine["version"].is_string() && engine["since"].is_i64() && engine["error"].is_null(), "{engine}");
    }
    let said = world.server.cli(&["status"]).unwrap().success().unwrap().stdout;
    assert!(said.contains("SQLite"), "{said}");
}

#[test]
fn each_broken_thing_is_named_and_nothing_else() {
    let options = ServerOptions { cluster: false, ..ServerOptions::default() };
    let mut world = World::up_with(1, options).unwrap();
    let host = world.lab.host("server").unwrap().clone();
    engines(&world);
    // The findings of the machine that runs this test.
    let sane = Sane { at_first: asked(&world).1 };
    for code in &sane.at_first {
        let known = ["host_private", "clock_free", "disk_short", "no_egress_v6"];
        assert!(known.contains(&code.as_str()), "{:?}", sane.at_first);
    }

    sh(
        &host,
        "nft add table ip other; nft add chain ip other fw '{ type filter hook forward priority 0; policy drop; }'",
    );
    sane.found(&world, &["firewall_drops"], 1);
    sh(&host, "nft delete table ip other");

    sh(
        &host,
        "ip link add othervpn0 type veth peer name othervpn1; ip link set othervpn0 up; ip addr add 10.8.77.1/24 dev othervpn0",
    );
    sane.found(&world, &["pool_overlap"], 2);
    sh(&host, "ip link del othervpn0");

    let key = world.server.state_dir().join("wg/direct.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    sane.found(&world, &["file_mode"], 2);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(&key, Some(0), Some(0)).unwrap();
    sane.found(&world, &["file_owner"], 2);
    sh(&host, &format!("chown --reference={} {}", key.parent().unwrap().display(), key.display()));
    let key = world.server.state_dir().join("auth/keys");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o755)).unwrap();
    sane.found(&world, &["file_mode"], 2);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o700)).unwrap();

    // Another program on the machine keeps the setting off. If it is only switched off, it is on again before the
    // doctor checks.
    let (forward, zero) =
        ("/proc/sys/net/ipv4/conf/wg0/forwarding", std::env::temp_dir().join(format!("zero-{}", std::process::id())));
    std::fs::write(&zero, "0\n").unwrap();
    let broken = format!("mount --bind {} {forward}", zero.display());
    sane.found_after(&world, &broken, &["forwarding_off"], 2);
    std::fs::remove_file(&zero).unwrap();

    // After the clock was set back, existing files appear to be from the future.
    let written = world.server.state_dir().join("wg/direct.key");
    let as_it_was = std::fs::metadata(&written).unwrap().modified().unwrap();
    let set = |time| std::fs::File::options().write(true).open(&written).unwrap().set_modified(time).unwrap();
    set(SystemTime::now() + Duration::from_secs(7200));
    sane.found(&world, &["clock_wrong"], 2);
    set(as_it_was);

    // Services read the configuration under their own user.
    let config = world.server.config_path();
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).unwrap();
    sane.found(&world, &["config_unreadable"], 2);
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(asked(&world).1, sane.at_first, "everything must be repaired");

    let state = world.server.state_dir().display().to_string();
    sane.found_after(&world, &format!("mount -t tmpfs -o size=1m,mode=755 none {state}"), &["disk_full"], 2);
    sane.found_after(
        &world,
        &format!("mount --bind {state} {state}; mount -o remount,bind,ro {state}"),
        &["disk_read_only"],
        2,
    );
    sane.found_after(&world, "mount --bind /dev/null $(command -v nft)", &["nft_missing"], 2);
    sane.found_after(&world, "mount --bind /dev/null $(command -v tor)", &["tor_missing"], 1);
    let without = "grep -v ^tornado-tor: /etc/passwd > /tmp/passwd.$$; mount --bind /tmp/passwd.$$ /etc/passwd; rm /tmp/passwd.$$";
    sane.found_after(&world, without, &["users_missing"], 2);
    certificates(&world, &sane);
    assert_eq!(asked(&world).1, sane.at_first, "everything must be repaired");

    world.server.cli(&["stop", "admin"]).unwrap().success().unwrap();
    assert_eq!(asked(&world).1, sane.at_first, "a service stopped on purpose must not be reported");

    // The server is stopped, which is reported from here on, and another program uses its port.
    world.server.stop_master().unwrap();
    sane.found(&world, &["server_down"], 1);
    let run = world.server.run_dir();
    drop(std::os::unix::net::UnixListener::bind(run.join("master.sock")).unwrap());
    sane.found(&world, &["server_down", "socket_stale"], 1);
    std::fs::remove_file(run.join("master.sock")).unwrap();
    std::fs::create_dir(run.join("master.sock")).unwrap();
    sane.found(&world, &["server_down", "socket_foreign"], 2);
    std::fs::remove_dir(run.join("master.sock")).unwrap();
    let socket = host.enter(|| UdpSocket::bind("0.0.0.0:51820").unwrap()).unwrap();
    sane.found(&world, &["server_down", "port_taken"], 2);
    drop(socket);

    std::fs::write(world.server.state_dir().join("session/session.db"), "not a database").unwrap();
    sane.found(&world, &["server_down", "database_closed"], 2);
    let config = std::fs::read_to_string(world.server.config_path()).unwrap();
    std::fs::write(world.server.config_path(), format!("{config}\n[nonsense]\nx = 1\n")).unwrap();
    // The same server is checked with the usable part of the configuration.
    sane.found(&world, &["server_down", "database_closed", "config_bad"], 2);
}
