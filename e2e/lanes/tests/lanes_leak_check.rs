//! `tornado leak-check`, with planted leaks.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::Value;
use std::net::IpAddr;
use tornado_e2e_harness::{DeviceProc, SERVER};
use tornado_e2e_lanes::world::World;

fn check(device: &DeviceProc) -> (Option<i32>, Value) {
    let output = device.cli(&["leak-check", "--json"]).unwrap();
    let report = serde_json::from_str(output.stdout.trim()).unwrap_or_else(|_| panic!("{}", output.stderr));
    (output.status.code(), report)
}

fn verdict<'a>(report: &'a Value, part: &str) -> &'a str {
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|found| found["part"] == part);
    found.unwrap_or_else(|| panic!("no {part}: {report:#}"))["verdict"].as_str().unwrap()
}

#[test]
fn a_planted_leak_is_found_and_explained() {
    let world = World::up(1, "").unwrap();
    let device = world.enrolled(1).unwrap();
    let host = device.host().clone();
    let own = IpAddr::from(world.lab.device_address(1).v4).to_string();
    assert_eq!(device.cli(&["leak-check"]).unwrap().status.code(), Some(1), "there is no tunnel");
    device.cli(&["lockdown", "always"]).unwrap().success().unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    let inner = device.json(&["status"]).unwrap()["addresses"][0].clone();

    let (code, report) = check(&device);
    assert_eq!((code, &report["leak"]), (Some(0), &false.into()), "{report:#}");
    assert_eq!((&report["seen"][0]["path"], &report["seen"][0]["address"]), (&"direct".into(), &inner), "{report:#}");
    assert_eq!(report["outside"], own);
    for part in ["ipv4", "interface", "lockdown"] {
        assert_eq!(verdict(&report, part), "ok", "{report:#}");
    }
    let text = device.cli(&["leak-check"]).unwrap().success().unwrap().stdout;
    assert!(text.starts_with("No leak found on the direct lane.\n") && text.contains("WebRTC"), "{text}");

    // Another program's rule sends traffic past the tunnel. The firewall rejects it, so nothing leaks.
    let server = SERVER.v4.to_string();
    host.exec(&["ip", "rule", "add", "pref", "100", "to", &server, "lookup", "main"]).unwrap();
    let (code, report) = check(&device);
    assert_eq!((code, &report["seen"][0]["path"]), (Some(0), &"blocked".into()), "{report:#}");
    host.exec(&["ip", "rule", "del", "pref", "100"]).unwrap();

    // The user excluded the network of the server.
    device.cli(&["split", "add", &format!("{server}/32")]).unwrap().success().unwrap();
    let (code, report) = check(&device);
    assert_eq!((code, &report["leak"]), (Some(7), &true.into()), "{report:#}");
    assert_eq!((&report["seen"][0]["path"], &report["seen"][0]["address"]), (&"outside".into(), &own.into()));
    assert_eq!((verdict(&report, "ipv4"), verdict(&report, "split")), ("leak", "note"));
    let output = device.cli(&["leak-check"]).unwrap();
    assert!(output.stdout.starts_with("LEAK: ") && output.stdout.contains("tornado split"), "{}", output.stdout);
    device.cli(&["split", "clear"]).unwrap().success().unwrap();
    assert_eq!(check(&device).0, Some(0));
}
