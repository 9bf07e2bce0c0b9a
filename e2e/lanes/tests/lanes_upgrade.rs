//! The server returns to the former version of its program. It damages files of the embedded store; `cluster_migrate`
//! does the same with PostgreSQL.

use serde_json::Value;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::Duration;
use tornado_e2e_harness::wait_for;
use tornado_e2e_lanes::world::World;

/// An operator installs the former version after a newer one has migrated the accounts.
#[test]
fn a_former_version_refuses_newer_accounts_and_returns_to_their_copy() {
    let mut world = World::up(1, "").unwrap();
    world.account("before", 1).unwrap();
    world.server.stop_master().unwrap();
    let database = world.server.state_dir().join("auth/identity.db");
    let sql = |statements: &str| {
        let output = Command::new("sqlite3").args(["-batch", "-bail"]).arg(&database).arg(statements).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    // What the newer version does when it starts: a copy, then its migration.
    let known: i64 = sql("SELECT MAX(version) FROM identity_migrations").parse().unwrap();
    let copy = database.with_file_name(format!("identity.db.schema-{known}"));
    std::fs::copy(&database, &copy).unwrap();
    let owner = std::fs::metadata(&database).unwrap();
    std::os::unix::fs::chown(&copy, Some(owner.uid()), Some(owner.gid())).unwrap();
    sql(&format!(
        "INSERT INTO identity_migrations SELECT version + 1, 'later', installed_on, success, checksum, execution_time
             FROM identity_migrations WHERE version = {known};
         CREATE TABLE later (a INTEGER); UPDATE users SET username = 'since'"
    ));

    world.server.start_master().unwrap();
    let sentence = format!("the database has schema {}, but this version of tornadod supports", known + 1);
    wait_for("the refusal", Duration::from_secs(30), || Ok(world.server.log()?.contains(&sentence).then_some(())))
        .unwrap();
    let doctor = world.server.cli(&["doctor", "--json"]).unwrap();
    assert!(doctor.stdout.contains("database_newer"), "{}", doctor.stdout);
    let running = world.server.cli(&["migrate", "undo"]).unwrap();
    assert_eq!(running.status.code(), Some(4), "{}", running.stderr);
    world.server.stop_master().unwrap();

    // A damaged copy replaces nothing.
    let good = copy.with_extension("good");
    std::fs::rename(&copy, &good).unwrap();
    std::fs::write(&copy, "no database").unwrap();
    std::os::unix::fs::chown(&copy, Some(owner.uid()), Some(owner.gid())).unwrap();
    let damaged = world.server.cli(&["migrate", "undo"]).unwrap();
    assert_eq!(damaged.status.code(), Some(4), "{}", damaged.stderr);
    assert!(
        damaged.stderr.contains("is damaged") && sql("SELECT username FROM users") == "since",
        "{}",
        damaged.stderr
    );
    std::fs::rename(&good, &copy).unwrap();

    let undone: Value = world.server.cli(&["migrate", "undo", "--json"]).unwrap().success().unwrap().json().unwrap();
    assert_eq!(undone.as_array().unwrap().len(), 1, "the sessions were not newer: {undone}");
    let newer = undone[0]["kept"].as_str().unwrap();
    assert!(std::path::Path::new(newer).is_file() && !copy.exists(), "{undone}");
    world.server.start_master().unwrap();
    world.server.wait_ready(Duration::from_secs(60)).unwrap();
    let users = world.server.json(&["user", "list"]).unwrap();
    assert_eq!(users[0]["username"], "before", "{users}");
    world.server.cli(&["audit", "verify"]).unwrap().success().unwrap();
}
