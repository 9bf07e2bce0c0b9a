//! The original's interface and version 2 over real TLS, with scripted services.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::unwrap_in_result, reason = "a test may fail loudly")]

mod support;

use serde_json::json;
use support::fakes::{DEVICE, SESSION, USER};
use support::{config, start};
use tornado_contracts::session::SessionError;
use tornado_shared::model::PrivateKey;

/// A v1 envelope whose first byte selects the fake's response.
fn envelope(kind: u8) -> String {
    use data_encoding::BASE64;
    let key = BASE64.encode(&[&[kind][..], &[0; 31]].concat());
    json!({ "ephemeral_pubkey": key, "iv": BASE64.encode(&[0; 12]), "ciphertext": "AAAA" }).to_string()
}

fn key() -> String {
    json!({ "public_key": PrivateKey::random().public_key() }).to_string()
}

#[tokio::test]
async fn a_client_of_the_original_completes_its_whole_cycle() {
    let server = start(config()).await;
    assert_eq!(server.v1("GET", "/health", None, "").await.json(), json!({ "status": "ok" }));
    assert_eq!(server.v1("GET", "/auth/pubkey", None, "").await.json(), json!({ "pubkey": "AAAA" }));

    let login = server.v1("POST", "/auth/login", None, &envelope(0)).await;
    assert_eq!(login.status, 200, "{login:?}");
    let login = login.json();
    assert_eq!(login["status"], "ok");
    assert_eq!(login["user"], json!({ "id": USER, "username": "alice", "email": "", "is_active": true }));
    assert_eq!(login["tokens"]["access_token"], "access");
    assert_eq!(login["device_id"], json!(DEVICE));

    let connected = server.v1("POST", "/vpn/initiate", Some("good"), &key()).await.json();
    assert_eq!(connected["status"], "success");
    assert_eq!(connected["vpn"]["ip"], "10.8.0.5");
    assert_eq!(connected["vpn"]["endpoint"], "vpn.example.org:51820");
    assert_eq!(connected["tor"]["ip"], "10.9.0.5");
    assert_eq!(connected["tor"]["endpoint"], "vpn.example.org:51821");
    assert_eq!(connected["session"], json!({ "heartbeat_ttl": 90, "hard_ttl": 1_296_000 }));

    let beat = server.v1("POST", "/session/heartbeat", Some("good"), "").await;
    assert_eq!(beat.json(), json!({ "status": "reconnected" }));
    assert_eq!(server.v1("POST", "/vpn/verify/id", Some("good"), "").await.json(), json!(USER));
    let again = server.v1("POST", "/auth/reauth", None, r#"{"refresh_token":"good"}"#).await.json();
    assert_eq!((again["status"].as_str(), &again["tokens"]["device_id"]), (Some("ok"), &json!(DEVICE)));
    let out = server.v1("POST", "/auth/logout", None, r#"{"refresh_token":"good"}"#).await;
    assert_eq!(out.json(), json!({ "status": "logged_out" }));
}

#[tokio::test]
async fn failures_have_the_originals_texts_and_correct_statuses() {
    let server = start(config()).await;
    for (kind, status, detail) in [
        (1, 401, "invalid_credentials"),
        (2, 429, "too_many_attempts"),
        (3, 401, "user_inactive"),
        (4, 401, "max_devices_exceeded"),
        (9, 400, "invalid_encrypted_payload"),
    ] {
        let answer = server.v1("POST", "/auth/login", None, &envelope(kind)).await;
        assert_eq!((answer.status, answer.json()), (status, json!({ "detail": detail })));
        assert_eq!(answer.head.contains("retry-after: 33"), kind == 2);
    }
    let undecodable = r#"{"ephemeral_pubkey":"!","iv":"!","ciphertext":"!"}"#;
    let answer = server.v1("POST", "/auth/login", None, undecodable).await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "detail": "invalid_encrypted_payload" })));
    for (path, token, status, detail) in [
        ("/auth/reauth", "old", 401, "refresh_token_expired"),
        ("/auth/reauth", "spent", 401, "token_revoked_reuse_detected"),
        ("/auth/reauth", "x", 401, "invalid_refresh_token"),
        ("/auth/reauth", "", 401, "missing_refresh_token"),
        ("/auth/logout", "x", 401, "invalid_refresh_token"),
        ("/auth/logout", "away", 500, "session_service_unavailable"),
    ] {
        let answer = server.v1("POST", path, None, &json!({ "refresh_token": token }).to_string()).await;
        assert_eq!((answer.status, answer.json()), (status, json!({ "detail": detail })), "{path} {token}");
    }
}

#[tokio::test]
async fn bearer_failures_and_data_plane_failures_as_in_the_original() {
    let server = start(config()).await;
    for path in ["/vpn/initiate", "/session/heartbeat", "/vpn/verify/id"] {
        let answer = server.v1("POST", path, None, &key()).await;
        assert_eq!((answer.status, answer.json()), (401, json!({ "detail": "Not authenticated" })), "{path}");
        let answer = server.v1("POST", path, Some("old"), &key()).await;
        let detail = json!({ "detail": "Authentication failed: token_expired" });
        assert_eq!((answer.status, answer.json()), (401, detail), "{path}");
    }
    for (error, code) in [
        (SessionError::PoolExhausted, "pool_exhausted"),
        (SessionError::DataPlane("tor".into()), "data_plane_unavailable"),
        (SessionError::KeyInUse, "key_in_use"),
    ] {
        server.sessions.fail(error);
        let answer = server.v1("POST", "/vpn/initiate", Some("good"), &key()).await;
        let detail = json!({ "detail": format!("VPN Manager Error: {code}") });
        assert_eq!((answer.status, answer.json()), (502, detail));
    }
    server.sessions.fail(SessionError::SessionExpired);
    let answer = server.v1("POST", "/session/heartbeat", Some("good"), "").await;
    assert_eq!((answer.status, answer.json()), (400, json!({ "detail": "session_expired" })));
    server.sessions.away();
    let answer = server.v1("POST", "/session/heartbeat", Some("good"), "").await;
    assert_eq!((answer.status, answer.json()), (500, json!({ "detail": "session_service_unreachable" })));
}

#[tokio::test]
async fn our_own_clients_get_problems() {
    let server = start(config()).await;
    let answer = server.v2("POST", "/auth/login", None, &envelope(2)).await;
    assert!(answer.head.contains("content-type: application/problem+json"), "{answer:?}");
    assert!(answer.head.contains("retry-after: 33"));
    assert_eq!((answer.status, &answer.json()["code"]), (429, &json!("too_many_attempts")));

    server.sessions.away();
    let answer = server.v2("POST", "/vpn/initiate", Some("good"), &key()).await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("unavailable")));
    assert!(!answer.body.contains("/run/tornado"), "the response reveals a path of the server: {}", answer.body);

    let me = server.v2("GET", "/v2/me", Some("good"), "").await.json();
    assert_eq!((&me["user"]["username"], &me["session"]), (&json!("alice"), &json!(null)));
    let lanes = server.v2("GET", "/v2/lanes", Some("good"), "").await.json();
    assert_eq!((&lanes["lanes"][0]["state"], &lanes["lanes"][1]["state"]), (&json!("open"), &json!("closed")));
    assert_eq!(lanes["host"], "vpn.example.org", "the server's current address");
    let gone = server.v2("POST", "/v2/session/disconnect", Some("good"), "").await.json();
    assert_eq!(gone, json!({ "session_id": SESSION }));
    assert_eq!(server.v2("GET", "/v2/server", None, "").await.json()["pubkey"], "AAAA");
    let answer = server.v2("POST", "/v2/enroll", None, &envelope(0)).await;
    assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("validation_failed")));
}

#[tokio::test]
async fn malformed_bodies_and_unknown_routes_are_rejected() {
    let server = start(config()).await;
    for body in ["", "{", "[]", "{}", r#"{"public_key":7}"#, r#"{"public_key":"AAAA\nPostUp = x"}"#] {
        let answer = server.v1("POST", "/vpn/initiate", Some("good"), body).await;
        assert_eq!(answer.status, 422, "{body}");
        assert_eq!(answer.json()["detail"][0]["loc"], json!(["body"]));
        let answer = server.v2("POST", "/vpn/initiate", Some("good"), body).await;
        assert_eq!((answer.status, &answer.json()["code"]), (422, &json!("validation_failed")));
    }
    assert_eq!(server.v2("GET", "/nowhere", None, "").await.json()["code"], "not_found");
    assert_eq!(server.v2("PUT", "/auth/login", None, "").await.json()["code"], "method_not_allowed");
}

#[tokio::test]
async fn without_a_token_only_liveness_is_disclosed() {
    let server = start(config()).await;
    let health = server.v1("GET", "/health", None, "").await;
    assert_eq!((health.status, health.json()), (200, json!({ "status": "ok" })));
    for path in ["/ready", "/status", "/status/log", "/metrics", "/metrics-summary", "/v1/ready", "/v1/sessions"] {
        assert_eq!(server.v2("GET", path, None, "").await.json()["code"], "not_found", "{path}");
    }
    // Routes that return data about accounts, lanes or the machine require a token.
    for path in ["/v2/me", "/v2/me/usage", "/v2/me/sessions", "/v2/me/devices", "/v2/lanes", "/v2/tor", "/v2/seen"] {
        assert_eq!(server.v2("GET", path, None, "").await.json()["code"], "missing_token", "{path}");
    }
}

#[tokio::test]
async fn a_device_learns_from_which_address_it_is_seen() {
    let server = start(config()).await;
    let answer = server.v2("GET", "/v2/seen", Some("good"), "").await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "address": "127.0.0.1" })));
    assert_eq!(server.v2("GET", "/v2/seen", Some("forged"), "").await.status, 401);
}

#[tokio::test]
async fn a_panic_in_a_handler_fails_only_that_request() {
    let server = start(config()).await;
    let answer = server.v2("POST", "/auth/login", None, &envelope(5)).await;
    assert_eq!((answer.status, &answer.json()["code"]), (500, &json!("internal")));
    assert_eq!(server.v1("GET", "/health", None, "").await.status, 200);
}

#[tokio::test]
async fn every_response_has_a_request_id() {
    let server = start(config()).await;
    let ask = |id: &str| format!("GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: {id}\r\n\r\n");
    let answer = server.raw(&ask("abc-123")).await.unwrap();
    assert!(answer.head.contains("x-request-id: abc-123"));
    assert!(answer.head.contains("cache-control: no-store"));
    let answer = server.raw(&ask("<script>")).await.unwrap();
    assert!(answer.head.contains("x-request-id: ") && !answer.head.contains("script"));
}
