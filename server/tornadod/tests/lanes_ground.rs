//! The server on unusual machines, and on machines that change while it runs.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a test panics when its setup fails")]
#![expect(clippy::disallowed_methods, reason = "polls another program")]

#[expect(dead_code, reason = "other tests use the other items")]
mod support;

use serde_json::Value;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};
use support::Lab;

fn ip(lab: &Lab, words: &str) {
    let done = lab.beside("ip").args(words.split(' ')).output().unwrap();
    assert!(done.status.success(), "ip {words}: {done:?}");
}

fn ready(lab: &Lab) -> Value {
    lab.wait("every service is ready", |status| status["ready"] == true)
}

fn invited(lab: &Lab) -> Result<String, (Option<i32>, String)> {
    let output = lab.tornadod(&["invite", "create", "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    match output.status.success() {
        true => Ok(serde_json::from_str::<Value>(&text).unwrap()["link"].as_str().unwrap().to_owned()),
        false => Err((output.status.code(), String::from_utf8(output.stderr).unwrap())),
    }
}

fn alarms(status: &Value) -> String {
    status["alarms"].to_string()
}

#[test]
fn a_machine_without_ipv6_and_without_an_address() {
    let mut lab = Lab::new("");
    let off = "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6";
    assert!(lab.beside("sh").args(["-c", off]).status().unwrap().success());
    lab.start_master();
    let status = ready(&lab);

    // Without IPv6, Tor does not wait for an IPv6 address.
    let began = Instant::now();
    let process = loop {
        let tor: Value = serde_json::from_slice(&lab.tornadod(&["tor", "status", "--json"]).stdout).unwrap();
        let text = tor.to_string();
        if !text.contains("does not have the lane's address") || began.elapsed() > Duration::from_secs(20) {
            break text;
        }
        std::thread::sleep(Duration::from_millis(100));
    };
    assert!(!process.contains("does not have the lane's address"), "{process}");
    let shown = lab.beside("ip").args(["-j", "address"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("10.8.0.1") && !shown.contains("fd74"), "{shown}");
    let listening = lab.beside("ss").args(["-Hlun", "sport", "=", ":53"]).output().unwrap();
    assert!(String::from_utf8(listening.stdout).unwrap().contains("10.8.0.1:53"));

    // Without an address there are no invitations, rather than invitations that lead nowhere.
    assert!(alarms(&status).contains("no address"), "{status}");
    let (code, why) = invited(&lab).unwrap_err();
    assert!(code == Some(4) && why.contains("address") && why.contains("[server] host"), "{why}");
    assert!(!why.contains("localhost"), "{why}");
    let told = lab.tornadod(&["invite", "create", "--json", "--host", "localhost"]);
    assert!(told.status.success(), "an explicit host is accepted: {told:?}");

    // The machine gets an address, then another one: an invitation always has the current one.
    ip(&lab, "link add uplink type veth peer name other");
    ip(&lab, "link set uplink up");
    ip(&lab, "link set other up");
    ip(&lab, "address add 198.51.100.7/24 dev uplink");
    ip(&lab, "route add default via 198.51.100.1");
    assert!(invited(&lab).unwrap().contains("198.51.100.7"));
    // Removing the first address of a network removes the others too.
    ip(&lab, "address del 198.51.100.7/24 dev uplink");
    ip(&lab, "address add 198.51.100.8/24 dev uplink");
    ip(&lab, "route replace default via 198.51.100.1");
    assert!(invited(&lab).unwrap().contains("198.51.100.8"));

    // A network that overlaps a pool is reported while the server runs, and prevents a start.
    ip(&lab, "address add 10.8.1.5/24 dev other");
    let status = lab.wait("an alarm", |status| alarms(status).contains("10.8.1.5/24"));
    assert!(status["ready"] == true && !alarms(&status).contains("no address"), "{status}");
    assert_eq!(lab.stop_master(), Some(0));
    lab.start_master();
    let code = lab.wait_master(Duration::from_secs(20));
    assert_eq!(code, Some(4), "{}", lab.log());
    let log = lab.stderr();
    let last = log.lines().last().unwrap();
    assert!(last.contains("10.8.1.5/24 on other") && last.contains("[lanes.pools]"), "{last}");
    ip(&lab, "address del 10.8.1.5/24 dev other");
    lab.start_master();
    ready(&lab);
}

#[test]
fn the_first_start_takes_pools_that_are_free() {
    let mut lab = Lab::new("[server]\nhost = '192.0.2.1'\n[log]\nfile_mib = 1\n");
    ip(&lab, "link add uplink type veth peer name other");
    ip(&lab, "link set uplink up");
    ip(&lab, "link set other up");
    ip(&lab, "address add 10.8.1.5/24 dev uplink");
    lab.start_master();
    let status = ready(&lab);
    assert_eq!(alarms(&status), "[]");
    let route = lab.beside("ip").args(["route", "get", "10.8.1.9"]).output().unwrap();
    let route = String::from_utf8(route.stdout).unwrap();
    assert!(route.contains("dev uplink") && route.contains("src 10.8.1.5"), "{route}");
    let kept = std::fs::read_to_string(lab.path("state/pools.toml")).unwrap();
    let shown = || String::from_utf8(lab.beside("ip").args(["-4", "address", "show", "wg0"]).output().unwrap().stdout);
    assert!(kept.contains("10.72.0.0/16") && shown().unwrap().contains("10.72.0.1/16"), "{kept}");

    // The choice is kept even if its reason is gone.
    assert_eq!(lab.stop_master(), Some(0));
    ip(&lab, "address del 10.8.1.5/24 dev uplink");
    lab.start_master();
    ready(&lab);
    let shown = lab.beside("ip").args(["-4", "address", "show", "wg0"]).output().unwrap();
    assert!(String::from_utf8(shown.stdout).unwrap().contains("10.72.0.1/16"));

    stays_bounded(&lab);
}

/// Log files are rotated at their size limit. Standard error, a file in this test, receives no lines, because nothing
/// rotates it. Only the service and `telemetry` can read a log file.
fn stays_bounded(lab: &Lab) {
    let (log, older) = (lab.path("logs/master/master.log"), lab.path("logs/master/master.log.1"));
    let mut file = std::fs::OpenOptions::new().append(true).open(&log).unwrap();
    file.write_all("filling\n".repeat(150_000).as_bytes()).unwrap();
    assert!(lab.tornadod(&["restart", "dns"]).status.success());
    ready(lab);
    assert!(std::fs::read_to_string(&older).unwrap().contains("filling"));
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(!text.is_empty() && !text.contains("filling") && text.lines().all(|line| line.starts_with('{')), "{text}");
    assert!(!lab.stderr().contains("\"level\""), "{}", lab.stderr());
    let telemetry = std::fs::metadata(lab.path("logs/telemetry")).unwrap().gid();
    for name in ["master", "dns", "client-api"] {
        let directory = std::fs::metadata(lab.path(&format!("logs/{name}"))).unwrap();
        let file = std::fs::metadata(lab.path(&format!("logs/{name}/{name}.log"))).unwrap();
        assert_eq!((directory.gid(), directory.mode() & 0o7777), (telemetry, 0o2750), "{name}");
        assert_eq!((file.gid(), file.uid(), file.mode() & 0o7777), (telemetry, directory.uid(), 0o640), "{name}");
    }
}
