//! A client that speaks only the original's interface, with wireguard-go for WireGuard.

use serde_json::json;
use std::net::IpAddr;
use tornado_e2e_harness::SERVER;
use tornado_e2e_lanes::original::{Answer, OriginalClient};
use tornado_e2e_lanes::wireguard_go::{PeerConfig, WireGuardGo};
use tornado_e2e_lanes::world::{PASSWORD, World};
use tornado_shared::model::PrivateKey;

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.body["detail"].as_str()), (status, Some(code)), "{answer:?}");
}

#[test]
fn the_originals_interface_from_login_to_logout_with_wireguard_go() {
    let world = World::up(2, "").unwrap();
    // One of our devices creates the account; the original's client only logs in.
    world.enrolled(2).unwrap();
    let host = world.device_host(1).unwrap();
    let key = PrivateKey::random();
    let (api, public_key) = (world.api(), key.public_key());

    let (mut client, bundle) = host
        .block_on(|| async {
            let mut client = OriginalClient::new(api).unwrap();
            assert_eq!(client.get("/health").await.unwrap().ok().unwrap(), json!({ "status": "ok" }));
            refused(&client.login("user2", "wrong password").await.unwrap(), 401, "invalid_credentials");
            let login = client.login("user2", PASSWORD).await.unwrap().ok().unwrap();
            for field in ["status", "user", "tokens", "device_id"] {
                assert!(!login[field].is_null(), "{field} is missing: {login}");
            }
            assert_eq!(login["user"]["username"], "user2");
            let id = client.post("/vpn/verify/id", &json!({})).await.unwrap().ok().unwrap();
            assert_eq!(id, login["user"]["id"], "the ID must be a bare JSON string");
            let bad = client.post("/vpn/initiate", &json!({ "public_key": "not a key" })).await.unwrap();
            assert_eq!(bad.status, 422, "{bad:?}");
            let bundle =
                client.post("/vpn/initiate", &json!({ "public_key": public_key })).await.unwrap().ok().unwrap();
            (client, bundle)
        })
        .unwrap();
    assert_eq!(bundle["status"], "success");
    assert_eq!(bundle["vpn"]["endpoint"], format!("{}:51820", SERVER.v4));
    assert_eq!(bundle["tor"]["endpoint"], format!("{}:51821", SERVER.v4));
    assert!(bundle["tor"]["ip"].as_str().unwrap().starts_with("10.9."));
    assert_eq!(bundle["session"]["heartbeat_ttl"], 90);
    let left = bundle["session"]["hard_ttl"].as_u64().unwrap();
    assert!((1_296_000 - 60..=1_296_000).contains(&left), "what is left of 15 days: {left} s");

    let destinations = vec![world.internet.http_v4().ip(), world.internet.http_v6().ip()];
    let peer = PeerConfig::of_bundle(&bundle, key, destinations).unwrap();
    let tunnel = WireGuardGo::up(host, "wgo0", &peer).unwrap();
    let seen = |target| host.http_get(target, "/").unwrap().seen_as().unwrap();
    assert_eq!(seen(world.internet.http_v4()), IpAddr::from(SERVER.v4));
    assert_eq!(seen(world.internet.http_v6()), IpAddr::from(SERVER.v6));
    drop(tunnel);

    host.block_on(|| async {
        let beat = client.post("/session/heartbeat", &json!({})).await.unwrap().ok().unwrap();
        assert_eq!(beat, json!({ "status": "ok" }));
        let spent = client.refresh_token.clone();
        let again = client.reauth().await.unwrap().ok().unwrap();
        assert_eq!(again["status"], "ok");
        assert!(again["tokens"]["device_id"].is_string(), "reauth must return the device ID: {again}");
        let beat = client.post("/session/heartbeat", &json!({})).await.unwrap().ok().unwrap();
        assert_eq!(beat["status"], "ok");
        let gone = client.logout().await.unwrap().ok().unwrap();
        assert_eq!(gone, json!({ "status": "logged_out" }));
        refused(&client.post("/session/heartbeat", &json!({})).await.unwrap(), 400, "session_expired");
        client.refresh_token = spent;
        let reuse = client.reauth().await.unwrap();
        assert_eq!(reuse.status, 401, "{reuse:?}");
    })
    .unwrap();
    assert!(world.sessions().unwrap().is_empty());
}

#[test]
fn a_replayed_login_is_rejected_and_devices_are_reused() {
    let world = World::up(1, "").unwrap();
    let device = world.enrolled(1).unwrap();
    device.cli(&["logout"]).unwrap().success().unwrap();
    let host = world.device_host(1).unwrap();
    let api = world.api();
    host.block_on(|| async {
        let client = OriginalClient::new(api).unwrap();
        let envelope = client.envelope("user1", PASSWORD).await.unwrap();
        client.post("/auth/login", &envelope).await.unwrap().ok().unwrap();
        refused(&client.post("/auth/login", &envelope).await.unwrap(), 400, "invalid_encrypted_payload");
        // The original locked a user out after max_devices logins; here an idle device is reused.
        for _ in 0..6 {
            let mut client = OriginalClient::new(api).unwrap();
            client.login("user1", PASSWORD).await.unwrap().ok().unwrap();
        }
        let plain = client.post("/auth/login", &json!({ "username": "user1" })).await.unwrap();
        assert!((400..500).contains(&plain.status), "{plain:?}");
    })
    .unwrap();
}
