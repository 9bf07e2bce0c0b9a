//! A server moves from files to PostgreSQL and back while a device is connected; the device continues without help.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use tornado_e2e_harness::{DeviceProc, Output, SERVER, ServerOptions, wait_for};
use tornado_e2e_lanes::world::{PASSWORD, World};

const QUICK: &str = "[session]\nheartbeat_ttl = 10\n";

fn carried(world: &World, device: &DeviceProc, when: &str) {
    wait_for(&format!("traffic {when}"), Duration::from_secs(60), || {
        let page = device.host().http_get_within(world.internet.http_v4(), "/", Duration::from_secs(2));
        Ok(page.ok().and_then(|page| page.seen_as().ok()).filter(|seen| *seen == IpAddr::from(SERVER.v4)))
    })
    .unwrap();
}

/// The data that must survive: users, sessions and operators.
fn known(world: &World) -> Value {
    let server = &world.server;
    server.cli(&["audit", "verify"]).unwrap().success().unwrap();
    server.cli(&["keys", "check"]).unwrap().success().unwrap();
    let mut sessions: Vec<String> = world
        .sessions()
        .unwrap()
        .iter()
        .map(|session| format!("{} {} {}", session["session_id"], session["device_id"], session["direct"]["v4"]))
        .collect();
    sessions.sort();
    let users = server.json(&["user", "list"]).unwrap();
    let names: Vec<&Value> = users.as_array().unwrap().iter().map(|user| &user["username"]).collect();
    serde_json::json!({
        "sessions": sessions,
        "users": names,
        "operators": server.json(&["operator", "list"]).unwrap().as_array().unwrap().len(),
    })
}

fn acts(world: &World) -> Vec<String> {
    let rows = world.server.json(&["audit", "list", "--limit", "500"]).unwrap();
    let rows = rows.as_array().or_else(|| rows["rows"].as_array()).unwrap().clone();
    rows.iter().rev().map(|row| row["action"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn refused(output: &Output, word: &str) {
    assert_eq!(output.status.code(), Some(4), "{}{}", output.stdout, output.stderr);
    assert!(output.stderr.contains(word), "{}", output.stderr);
}

fn rows(output: &Output, table: &str) -> u64 {
    let report: Value = output.json().unwrap();
    let tables = report["tables"].as_array().unwrap();
    tables.iter().find(|row| row["table"] == table).unwrap()["rows"].as_u64().unwrap()
}

#[test]
fn a_connected_device_goes_on_in_the_other_profile_and_back() {
    let options = ServerOptions { config: QUICK.into(), cluster: false, ..ServerOptions::default() };
    let mut world = World::up_with(2, options).unwrap();
    let device = world.enrolled(1).unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    carried(&world, &device, "before anything moved");
    world.server.cli(&["user", "set", "user1", "--quota", "200gb"]).unwrap().success().unwrap();
    let before = known(&world);
    let done = acts(&world);
    assert!(!done.is_empty());

    let alone = world.server.cli(&["migrate", "to-cluster"]).unwrap();
    assert_eq!(alone.status.code(), Some(2), "PostgreSQL is not configured: {}", alone.stderr);
    world.server.enter_cluster().unwrap();
    refused(&world.server.cli(&["migrate", "to-cluster"]).unwrap(), "stop it first");
    world.server.stop_master().unwrap();
    let early = world.server.cli(&["migrate", "to-cluster"]).unwrap();
    assert_eq!(early.status.code(), Some(1));
    assert!(early.stderr.contains("tornadod migrate schema"), "{}", early.stderr);
    world.server.cli(&["migrate", "schema"]).unwrap().success().unwrap();
    let there = world.server.cli(&["migrate", "to-cluster", "--json"]).unwrap().success().unwrap();
    assert_eq!((rows(&there, "identity.users"), rows(&there, "session.sessions")), (1, 1), "{}", there.stdout);
    assert_eq!(rows(&there, "identity.audit_rows"), u64::try_from(done.len()).unwrap());
    refused(&world.server.cli(&["migrate", "to-cluster"]).unwrap(), "identity.db");
    assert!(!world.server.state_dir().join(".migrate").exists(), "no copy must remain");

    world.server.start_master().unwrap();
    world.server.wait_ready(Duration::from_secs(60)).unwrap();
    carried(&world, &device, "in the profile cluster");
    assert_eq!(known(&world), before);
    assert_eq!(acts(&world)[..done.len()], done[..]);
    // Changes made here must survive the way back.
    let second = world.enrolled(2).unwrap();
    second.cli(&["connect"]).unwrap().success().unwrap();
    carried(&world, &second, "of a device that came in the profile cluster");
    let (before, done) = (known(&world), acts(&world));

    refused(&world.server.cli(&["migrate", "to-embedded"]).unwrap(), "stop it first");
    world.server.stop_master().unwrap();
    let back = world.server.cli(&["migrate", "to-embedded", "--json"]).unwrap().success().unwrap();
    assert_eq!((rows(&back, "identity.users"), rows(&back, "session.sessions")), (2, 2), "{}", back.stdout);
    refused(&world.server.cli(&["migrate", "to-embedded"]).unwrap(), "not empty");
    drop(world.server.leave_cluster().unwrap());
    world.server.start_master().unwrap();
    world.server.wait_ready(Duration::from_secs(60)).unwrap();
    carried(&world, &device, "back in the profile embedded");
    carried(&world, &second, "of the second device");
    assert_eq!(known(&world), before);
    assert_eq!(acts(&world)[..done.len()], done[..]);
    let user = world.server.json(&["user", "show", "user1"]).unwrap();
    assert_eq!(user["user"]["month_quota"], 200_000_000_000_u64, "{user}");
    // Passwords, devices and tokens are still valid.
    device.cli(&["logout"]).unwrap().success().unwrap();
    device.cli_with_password(&["login", "--username", "user1"], PASSWORD).unwrap().success().unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    carried(&world, &device, "after a new login");
}
