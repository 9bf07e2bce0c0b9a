//! What operators see about PostgreSQL and Redis: their state, since when, and what to do.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;
use tornado_e2e_harness::{ServerOptions, wait_for};
use tornado_e2e_lanes::world::World;

/// Longer than the interval between two checks plus the longest timeout of one.
const SEEN: Duration = Duration::from_secs(20);

fn engine(world: &World, part: &str) -> Value {
    let status = world.server.status().unwrap();
    let engines = status["engines"].as_array().unwrap_or_else(|| panic!("{status}"));
    engines.iter().find(|engine| engine["part"] == part).cloned().unwrap_or_else(|| panic!("no {part}: {status}"))
}

fn becomes(world: &World, part: &str, reachable: bool) -> Value {
    wait_for(&format!("{part} to be shown as reachable: {reachable}"), SEEN, || {
        Ok(Some(engine(world, part)).filter(|engine| engine["reachable"] == reachable && engine["checked_at"].is_i64()))
    })
    .unwrap()
}

/// Returns the explanation of the doctor's finding `code`, and the doctor's exit code.
fn doctor(world: &World, code: &str, exit: i32) -> String {
    let output = world.server.cli(&["doctor", "--json"]).unwrap();
    let report: Value = output.json().unwrap();
    let findings = report["findings"].as_array().unwrap();
    let found = findings.iter().find(|finding| finding["code"] == code);
    assert_eq!(output.status.code(), Some(exit), "{report}");
    let found = found.unwrap_or_else(|| panic!("{code} is not in {report}"));
    assert!(found["cure"].as_str().is_some_and(|cure| !cure.is_empty()), "{found}");
    found["why"].as_str().unwrap().to_owned()
}

#[test]
fn operators_are_told_how_postgresql_and_redis_are() {
    let mut world = World::up_with(1, ServerOptions { cluster: true, ..ServerOptions::default() }).unwrap();
    for (part, kind) in [("identity", "postgres"), ("sessions", "postgres"), ("live", "redis")] {
        let engine = becomes(&world, part, true);
        assert_eq!(engine["engine"], kind);
        assert!(engine["version"].as_str().unwrap().starts_with(|c: char| c.is_ascii_digit()), "{engine}");
        assert!(engine["latency_us"].as_u64().unwrap() > 0, "{engine}");
    }
    let since = engine(&world, "identity")["since"].as_i64().unwrap();

    let cluster = world.server.cluster().unwrap();
    cluster.postgres.kill();
    for part in ["identity", "sessions"] {
        let away = becomes(&world, part, false);
        assert!(away["since"].as_i64().unwrap() >= since && away["error"].is_string(), "{away}");
        assert!(away["version"].is_string(), "the last version must be shown: {away}");
    }
    assert_eq!(engine(&world, "live")["reachable"], true);
    doctor(&world, "postgres_away", 2);
    let said = world.server.cli(&["status"]).unwrap().success().unwrap().stdout;
    assert!(said.contains("no, for"), "{said}");
    cluster.postgres.restart().unwrap();
    becomes(&world, "identity", true);
    becomes(&world, "sessions", true);

    cluster.redis.freeze().unwrap();
    becomes(&world, "live", false);
    doctor(&world, "redis_away", 1);
    cluster.redis.thaw().unwrap();
    becomes(&world, "live", true);

    // The server is stopped: the doctor tests the connections that services would make.
    world.server.stop_master().unwrap();
    doctor(&world, "server_down", 1);
    let cluster = world.server.cluster().unwrap();
    let file = cluster.secrets().join("session.postgres");
    let password = std::fs::read(&file).unwrap();
    std::fs::write(&file, "another\n").unwrap();
    let why = doctor(&world, "postgres_away", 2);
    assert!(why.contains("tornado_session") && why.contains("password authentication failed"), "{why}");
    std::fs::write(&file, password).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    doctor(&world, "secret_unusable", 2);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let why = doctor(&world, "secret_unusable", 2);
    assert!(why.contains("tornado-session may not read"), "{why}");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    cluster.redis.kill();
    doctor(&world, "redis_away", 1);
    cluster.postgres.sql("tornado", "DROP SCHEMA session CASCADE").unwrap();
    let why = doctor(&world, "postgres_away", 2);
    assert!(why.contains("no tables"), "{why}");
}
