//! From the invitation to traffic in the internet, and back until nothing remains.

use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;
use tornado_e2e_harness::SERVER;
use tornado_e2e_lanes::original::OriginalClient;
use tornado_e2e_lanes::world::{PASSWORD, World};

#[test]
fn enrol_login_connect_browse_disconnect() {
    let world = World::up(1, "").unwrap();
    let device = world.enrolled(1).unwrap();
    device.cli(&["logout"]).unwrap().success().unwrap();
    device.cli_with_password(&["login", "--username", "user1"], PASSWORD).unwrap().success().unwrap();

    let clear = device.host().capture("eth0", "tcp port 80").unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    let status = device.json(&["status"]).unwrap();
    assert_eq!(status["state"], "connected", "{status}");
    assert_eq!(status["lane"], "direct", "{status}");

    for (target, egress) in
        [(world.internet.http_v4(), IpAddr::from(SERVER.v4)), (world.internet.http_v6(), IpAddr::from(SERVER.v6))]
    {
        let reply = device.host().http_get(target, "/").unwrap();
        assert_eq!(reply.seen_as().unwrap(), egress, "internet must see the server's address");
        let body = device.host().http_get(target, "/bytes/1000000").unwrap().body;
        assert_eq!(body.len(), 1_000_000);
    }
    assert_eq!(clear.stop().unwrap().count(), 0, "no traffic may bypass the tunnel");

    let status = device.json(&["status"]).unwrap();
    assert!(status["transfer"]["rx_bytes"].as_u64().unwrap() > 2_000_000, "{status}");
    assert!(status["transfer"]["tx_bytes"].as_u64().unwrap() > 1_000, "{status}");
    let live = world.sessions().unwrap();
    assert_eq!(live.len(), 1);
    assert_eq!(live[0]["state"], "online");

    device.cli(&["disconnect"]).unwrap().success().unwrap();
    assert!(world.sessions().unwrap().is_empty(), "the slot must be free immediately");
    assert_eq!(world.server.mesh("wg").get("/v1/peers").unwrap(), Value::Array(Vec::new()), "no peer may remain");
    assert_eq!(world.server.mesh("session").get("/v1/pool").unwrap()["leased"], 0, "no lease may remain");
    let history = world.history().unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["reason"], "disconnect");
    let tx = history[0]["direct_transfer"]["tx_bytes"].as_u64().unwrap();
    assert!(tx > 2_000_000, "the history must have the byte counts: {history:?}");
    assert_eq!(device.json(&["status"]).unwrap()["state"], "disconnected");
    // The device sends traffic in the clear again, as the user requested.
    let own = device.host().http_get(world.internet.http_v4(), "/").unwrap().seen_as().unwrap();
    assert_eq!(own, IpAddr::from(world.lab.device_address(1).v4));
}

#[test]
fn an_invitation_works_once_and_a_wrong_password_not_at_all() {
    let world = World::up(2, "").unwrap();
    let first = world.enrolled(1).unwrap();
    let link = world.invite(3).unwrap();
    let second =
        tornado_e2e_harness::DeviceProc::start(world.device_host(2).unwrap(), tornado_e2e_harness::Programs::beside())
            .unwrap();
    let enroll = |user: &str| second.cli_with_password(&["enroll", &link, "--username", user], PASSWORD).unwrap();
    assert!(enroll("user2").ok());
    let again = enroll("user3");
    assert_eq!(again.status.code(), Some(4), "the server must reject it: {}{}", again.stdout, again.stderr);
    first.cli(&["logout"]).unwrap().success().unwrap();
    let wrong = first.cli_with_password(&["login", "--username", "user1"], "not the password").unwrap();
    assert_eq!(wrong.status.code(), Some(4), "{}{}", wrong.stdout, wrong.stderr);
}

#[test]
fn sessions_survive_restarts_of_the_helper_and_of_the_whole_server() {
    let mut world = World::up(1, "").unwrap();
    let mut device = world.enrolled(1).unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    device.kill_helper();
    device.start_helper().unwrap();
    // A killed helper leaves no partial routes: either the tunnel is up again or the network is unchanged.
    let status = device.json(&["status"]).unwrap();
    if status["state"] != "connected" {
        device.cli(&["connect"]).unwrap().success().unwrap();
    }
    let through = |world: &World| {
        device.host().http_get_within(world.internet.http_v4(), "/", Duration::from_secs(3)).and_then(|r| r.seen_as())
    };
    assert_eq!(through(&world).unwrap(), IpAddr::from(SERVER.v4));

    // The original created new server keys at each start; here the same tunnel keeps working.
    world.server.restart_all(Duration::from_secs(30)).unwrap();
    tornado_e2e_harness::wait_for("traffic after a restart of the server", Duration::from_secs(20), || {
        Ok(through(&world).ok().filter(|seen| *seen == IpAddr::from(SERVER.v4)))
    })
    .unwrap();
    assert_eq!(world.sessions().unwrap().len(), 1);
}

/// The device API's key changes while devices are connected and invitations naming the old key are in use.
#[test]
fn a_new_certificate_while_the_server_runs_breaks_nothing() {
    let settings = "[client_api]\ncertificate_look = 1\n[session]\nheartbeat_ttl = 6\nsweep_interval = 1\n";
    let world = World::up(2, settings).unwrap();
    let device = world.enrolled(1).unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    let invitation = world.invite(3).unwrap();
    let second =
        tornado_e2e_harness::DeviceProc::start(world.device_host(2).unwrap(), tornado_e2e_harness::Programs::beside())
            .unwrap();
    let attested = || {
        let api = world.api();
        // From a host without a tunnel: only the helper's own requests bypass one.
        let host = world.lab.host("internet").unwrap();
        let statement = host.block_on(|| async move { OriginalClient::new(api)?.get("/v2/server").await });
        statement.unwrap().unwrap().body["tls"]["spki_sha256"].as_str().unwrap().to_owned()
    };
    let before = attested();
    let old = std::time::SystemTime::now() - Duration::from_secs(91 * 86_400);
    let key = std::fs::File::options().write(true).open(world.server.state_dir().join("client-api/tls.key")).unwrap();
    key.set_modified(old).unwrap();
    tornado_e2e_harness::wait_for("a new key signed by the identity key", Duration::from_secs(20), || {
        Ok((attested() != before).then_some(()))
    })
    .unwrap();
    device.cli(&["usage"]).unwrap().success().unwrap();
    // After several heartbeats the session is still the same.
    std::thread::sleep(Duration::from_secs(10));
    let status = device.json(&["status"]).unwrap();
    assert_eq!(
        (status["state"].as_str(), status["control"].as_str()),
        (Some("connected"), Some("reachable")),
        "{status}"
    );
    assert_eq!(world.sessions().unwrap()[0]["state"], "online");
    assert_eq!(world.history().unwrap().len(), 1, "there must be exactly one past session");
    let seen = device.host().http_get(world.internet.http_v4(), "/").unwrap().seen_as().unwrap();
    assert_eq!(seen, IpAddr::from(SERVER.v4));
    let enrolled = second.cli_with_password(&["enroll", &invitation, "--username", "user2"], PASSWORD).unwrap();
    assert!(enrolled.ok(), "an invitation naming the old key must work: {}{}", enrolled.stdout, enrolled.stderr);
}
