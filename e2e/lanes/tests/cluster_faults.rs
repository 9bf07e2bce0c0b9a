//! The profile `cluster` when its databases hang, die or lose their data: tunnels continue, logins get an error that
//! names the cause, and everything recovers.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use tornado_e2e_engines::Cluster;
use tornado_e2e_harness::{DeviceProc, SERVER, ServerOptions, wait_for};
use tornado_e2e_lanes::original::OriginalClient;
use tornado_e2e_lanes::world::{PASSWORD, World};

/// Short intervals, so that heartbeats happen while a database is unreachable.
const QUICK: &str = "[session]\nheartbeat_ttl = 10\n";

fn world(devices: u16) -> World {
    World::up_with(devices, ServerOptions { cluster: true, config: QUICK.into(), ..ServerOptions::default() }).unwrap()
}

fn passes(world: &World, device: &DeviceProc) {
    let reply = device.host().http_get_within(world.internet.http_v4(), "/", Duration::from_secs(3)).unwrap();
    assert_eq!(reply.seen_as().unwrap(), IpAddr::from(SERVER.v4), "the tunnel must keep working");
}

fn connected(device: &DeviceProc) {
    device.cli(&["connect"]).unwrap().success().unwrap();
}

fn cluster(world: &World) -> &Cluster {
    world.server.cluster().unwrap()
}

/// The latest heartbeat of the only session, from live state or the server's memory.
fn last_heartbeat(world: &World) -> i64 {
    let sessions = world.sessions().unwrap();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions[0]["last_heartbeat"].as_i64().unwrap_or_else(|| panic!("{sessions:?}"))
}

fn heartbeats_go_on(world: &World) {
    let before = last_heartbeat(world);
    wait_for("another heartbeat", Duration::from_secs(20), || Ok((last_heartbeat(world) > before).then_some(())))
        .unwrap();
}

fn login(device: &DeviceProc, user: &str) -> tornado_e2e_harness::Output {
    device.cli_with_password(&["login", "--username", user], PASSWORD).unwrap()
}

/// Builds a login request without sending it.
fn sealed(world: &World, device: &DeviceProc) -> Value {
    let seal = || async { OriginalClient::new(world.api()).unwrap().envelope("user2", PASSWORD).await.unwrap() };
    device.host().block_on(seal).unwrap()
}

/// Checks that a login quickly fails with an error that names the database and suggests waiting.
fn told_of_the_store(world: &World, device: &DeviceProc, envelope: &Value) {
    let ask = || async {
        let http = reqwest::Client::builder().tls_danger_accept_invalid_certs(true).build().unwrap();
        let url = format!("https://{}/auth/login", world.api());
        let begun = std::time::Instant::now();
        let request = http.post(url).header("accept", "application/problem+json").json(envelope);
        let answer = request.send().await.unwrap();
        let (status, again) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        (status, again, answer.json::<Value>().await.unwrap()["code"].clone(), begun.elapsed())
    };
    let (status, again, code, took) = device.host().block_on(ask).unwrap();
    assert_eq!((status, again, code), (503, true, Value::from("store_unavailable")));
    assert!(took < tornado_e2e_harness::patient(Duration::from_secs(8)), "{took:?}");
}

#[test]
fn without_postgresql_tunnels_go_on_and_logins_are_told() {
    let world = world(2);
    let (one, two) = (world.enrolled(1).unwrap(), world.enrolled(2).unwrap());
    two.cli(&["logout"]).unwrap().success().unwrap();
    connected(&one);
    passes(&world, &one);
    for hang in [true, false] {
        let envelope = sealed(&world, &two);
        if hang {
            cluster(&world).postgres.freeze().unwrap();
        } else {
            cluster(&world).postgres.kill();
        }
        passes(&world, &one);
        told_of_the_store(&world, &two, &envelope);
        let refused = login(&two, "user2");
        assert!(!refused.ok(), "the login must fail: {}", refused.stdout);
        assert!(
            !refused.stderr.to_lowercase().contains("password"),
            "the error must not blame the password: {}",
            refused.stderr
        );
        heartbeats_go_on(&world);
        passes(&world, &one);
        if hang {
            cluster(&world).postgres.thaw().unwrap();
        } else {
            cluster(&world).postgres.restart().unwrap();
        }
        wait_for("a login after the database is back", Duration::from_secs(30), || {
            Ok(login(&two, "user2").ok().then_some(()))
        })
        .unwrap();
        two.cli(&["logout"]).unwrap().success().unwrap();
        passes(&world, &one);
    }
    one.cli(&["disconnect"]).unwrap().success().unwrap();
    let history = world.history().unwrap();
    assert_eq!((history.len(), &history[0]["reason"]), (1, &Value::from("disconnect")), "{history:?}");
    assert_eq!(world.server.mesh("session").get("/v1/pool").unwrap()["leased"], 0);
}

#[test]
fn without_redis_nothing_is_lost_but_what_may_be() {
    let world = world(1);
    let one = world.enrolled(1).unwrap();
    connected(&one);
    let redis = &cluster(&world).redis;
    redis.flush().unwrap();
    heartbeats_go_on(&world);
    redis.freeze().unwrap();
    heartbeats_go_on(&world);
    passes(&world, &one);
    redis.thaw().unwrap();
    redis.kill();
    heartbeats_go_on(&world);
    one.cli(&["disconnect"]).unwrap().success().unwrap();
    connected(&one);
    redis.restart().unwrap();
    heartbeats_go_on(&world);
    passes(&world, &one);
    one.cli(&["disconnect"]).unwrap().success().unwrap();
    assert_eq!(world.history().unwrap().len(), 2);
}

/// Each service can access its own tables and no others, with the installed roles.
#[test]
fn a_service_cannot_read_the_data_of_another_service() {
    let world = world(1);
    let cluster = cluster(&world);
    let as_role = |role: &str, file: &str, sql: &str| {
        // The password as libpq reads it; the Unix socket requires it like a network connection would.
        cluster.postgres.sql_with(role, &cluster.password(file).unwrap(), "tornado", sql)
    };
    let session = |sql: &str| as_role("tornado_session", "session.postgres", sql);
    let auth = |sql: &str| as_role("tornado_auth", "auth.postgres", sql);
    session("SELECT COUNT(*) FROM session.sessions").unwrap();
    auth("SELECT COUNT(*) FROM identity.users").unwrap();
    for sql in [
        "SELECT password_hash FROM identity.users",
        "SELECT 1 FROM identity.devices",
        "CREATE TABLE session.mine (a int)",
        "CREATE TABLE public.mine (a int)",
        "ALTER TABLE session.sessions ADD COLUMN a int",
        "DROP TABLE session.sessions",
        "DELETE FROM session._sqlx_migrations",
    ] {
        let refused = session(sql).unwrap_err().to_string();
        assert!(refused.contains("permission denied") || refused.contains("must be owner"), "{sql}: {refused}");
    }
    for sql in
        ["SELECT 1 FROM session.sessions", "DROP TABLE identity.users", "DELETE FROM identity.identity_migrations"]
    {
        let refused = auth(sql).unwrap_err().to_string();
        assert!(refused.contains("permission denied") || refused.contains("must be owner"), "{sql}: {refused}");
    }
    assert!(cluster.postgres.sql_with("tornado_session", "wrong", "tornado", "SELECT 1").is_err());
    // Redis: no access without a password, and with it only to its own keys.
    assert!(cluster.redis.command("GET v1:events").unwrap().contains("NOAUTH"));
    let password = cluster.password("session.redis").unwrap();
    let as_session = |words: &str| {
        cluster.redis.commands(&[&format!("AUTH tornado_session {password}"), words]).unwrap().pop().unwrap()
    };
    assert!(as_session("HGETALL v1:session:x").starts_with('*'));
    for words in ["GET other", "HGETALL v1:other", "FLUSHALL", "CONFIG GET *", "KEYS *", "ACL LIST"] {
        assert!(as_session(words).contains("NOPERM"), "{words}");
    }
}
