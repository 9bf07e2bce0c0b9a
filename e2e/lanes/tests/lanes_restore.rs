//! The server's machine is lost; its backup is restored on another machine with the same address.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;
use tornado_e2e_harness::{DeviceProc, Host, SERVER, wait_for};
use tornado_e2e_lanes::world::World;

const PASSPHRASE: &str = "a passphrase for tests";
/// Access tokens expire so quickly that a device exchanges its refresh token at each heartbeat, every two seconds.
const QUICK: &str = "[auth]\naccess_lifetime = 60\n[session]\nheartbeat_ttl = 4\nsweep_interval = 1\n";

fn seen(world: &World, host: &Host) -> Option<IpAddr> {
    let page = host.http_get_within(world.internet.http_v4(), "/", Duration::from_secs(2));
    page.ok()?.seen_as().ok()
}

fn carried(world: &World, host: &Host, what: &str) {
    wait_for(what, Duration::from_secs(90), || Ok(seen(world, host).filter(|seen| *seen == IpAddr::from(SERVER.v4))))
        .unwrap();
}

fn connected(world: &World, number: u16) -> DeviceProc {
    let device = world.enrolled(number).unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    carried(world, &world.device_host(number).unwrap().clone(), "traffic of a device");
    device
}

/// Runs `tornadod` with these arguments and the passphrase on standard input.
fn with_passphrase(world: &World, words: &[&str]) -> (Option<i32>, String) {
    use std::io::Write as _;
    let mut command = world.server.command().unwrap();
    command.args(words).arg("--passphrase-stdin");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{PASSPHRASE}").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// The refresh token that a device holds now.
fn refresh_token(device: &DeviceProc) -> String {
    let stored = std::fs::read_to_string(device.state_dir().join("state.json")).unwrap();
    let state: Value = serde_json::from_str(&stored).unwrap();
    state["login"]["refresh"].as_str().unwrap().to_owned()
}

/// Waits until every device has a new refresh token, twice: then the server has accepted the first one for good.
fn traded(devices: &[DeviceProc]) {
    for _ in 0..2 {
        for device in devices {
            let before = refresh_token(device);
            wait_for("an exchange of the refresh token", Duration::from_secs(30), || {
                Ok((refresh_token(device) != before).then_some(()))
            })
            .unwrap();
        }
    }
}

fn addresses(world: &World) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |session: &Value| (text(&session["device_id"]), text(&session["direct"]["v4"]));
    let mut all: Vec<_> = world.sessions().unwrap().iter().map(of).collect();
    all.sort();
    all
}

#[test]
fn devices_come_back_by_themselves_after_a_restore_on_another_machine() {
    let mut world = World::up(3, QUICK).unwrap();
    let devices: Vec<DeviceProc> = (1..=2).map(|number| connected(&world, number)).collect();
    let leases = addresses(&world);

    // Online: the backup is made while packets flow.
    let (state, run) = (world.server.state_dir(), world.server.run_dir());
    let file = state.parent().unwrap().join("server.backup");
    let path = file.to_str().unwrap();
    let (code, said) = with_passphrase(&world, &["backup", path]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = with_passphrase(&world, &["backup", path]);
    assert_eq!(code, Some(2), "an existing backup must not be overwritten: {said}");
    let (code, said) = with_passphrase(&world, &["restore", path]);
    assert_eq!(code, Some(4), "a restore over the state of a running server must fail: {said}");
    assert!(!state.join(".backup").exists(), "no copy may remain");
    // In the profile cluster, accounts and sessions are in PostgreSQL, which is backed up separately.
    let dump = world.server.cluster().map(|cluster| cluster.postgres.dump("tornado").unwrap());

    // Time passes: devices exchange tokens that the backup does not know.
    traded(&devices);

    // The machine is lost, with everything on it.
    let config = std::fs::read(world.server.config_path()).unwrap();
    let services = ["auth", "session", "wg", "tor", "dns", "client-api", "admin", "telemetry"];
    let pids: Vec<u32> = services.iter().filter_map(|service| world.server.pid_of(service).ok()).collect();
    world.server.master().unwrap().signal(Signal::SIGKILL).unwrap();
    for pid in &pids {
        kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL).unwrap();
    }
    assert!(pids.len() >= 6, "{pids:?}");
    world.lab.host("server").unwrap().exec(&["nft", "flush", "ruleset"]).unwrap();
    for directory in [&state, &run] {
        std::fs::remove_dir_all(directory).unwrap();
    }
    std::fs::remove_file(world.server.config_path()).unwrap();
    if let Some(cluster) = world.server.cluster() {
        cluster.postgres.sql("postgres", "DROP DATABASE tornado WITH (FORCE)").unwrap();
        cluster.redis.flush().unwrap();
    }

    // The new machine.
    if let (Some(cluster), Some(dump)) = (world.server.cluster(), dump) {
        cluster.postgres.sql("postgres", &dump).unwrap();
    }
    // This server's configuration names directories: on a machine without a configuration the operator must have read
    // them.
    let (code, said) = with_passphrase(&world, &["restore", path]);
    assert!(code == Some(4) && said.contains("[paths] state") && !state.exists(), "{said}");
    let (code, printed) = with_passphrase(&world, &["restore", path, "--print-config"]);
    assert_eq!((code, printed.trim()), (Some(0), String::from_utf8_lossy(&config).trim()));
    std::fs::write(world.server.config_path(), &config).unwrap();
    let (code, said) = with_passphrase(&world, &["restore", path, "--unsealed"]);
    assert_eq!(code, Some(2), "not allowed with a passphrase: {said}");
    let (code, said) = with_passphrase(&world, &["restore", path]);
    assert_eq!(code, Some(0), "{said}");
    world.server.start_master().unwrap();
    world.server.wait_ready(Duration::from_secs(60)).unwrap();
    world.server.cli(&["keys", "check"]).unwrap().success().unwrap();
    world.server.cli(&["audit", "verify"]).unwrap().success().unwrap();
    let back = |number: u16| seen(&world, world.device_host(number).unwrap()) == Some(IpAddr::from(SERVER.v4));
    let waited =
        wait_for("traffic without any user action", Duration::from_secs(90), || Ok((back(1) && back(2)).then_some(())));
    if let Err(error) = waited {
        let said: Vec<String> =
            devices.iter().map(|device| format!("{:?}", device.cli(&["status"]).unwrap())).collect();
        panic!("{error}: {said:#?}\n{}", devices[0].log().unwrap());
    }
    // Another exchange, with the restored database.
    traded(&devices);
    world.wait_sessions(2, Duration::from_secs(20)).unwrap();
    let now = addresses(&world);
    assert_eq!(now[..], leases[..], "leases must be kept");
    for number in 1..=2 {
        carried(&world, &world.device_host(number).unwrap().clone(), "traffic later on");
    }
    let doctor = world.server.cli(&["doctor", "--json"]).unwrap();
    let report: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let codes: Vec<&str> = report["findings"].as_array().unwrap().iter().filter_map(|f| f["code"].as_str()).collect();
    for wrong in ["file_owner", "file_mode", "keys_unsound", "database_damaged", "service_not_ready", "port_silent"] {
        assert!(!codes.contains(&wrong), "{}", doctor.stdout);
    }
}
