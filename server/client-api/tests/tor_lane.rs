//! The tor lane in the device API: state and requests.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::unwrap_in_result, reason = "a test may fail loudly")]

mod support;

use serde_json::json;
use std::sync::atomic::Ordering;
use support::{Server, config, start};
use tornado_contracts::session::SessionError;
use tornado_contracts::wg::TorLane;

async fn states(server: &Server) -> [String; 2] {
    let lanes = server.v2("GET", "/v2/lanes", Some("good"), "").await.json();
    [0, 1].map(|n| lanes["lanes"][n]["state"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn lane_views_show_the_actual_state() {
    let server = start(config()).await;
    for (lane, word) in [
        (TorLane::Closed, "closed"),
        (TorLane::Maintenance { page_port: 80 }, "maintenance"),
        (TorLane::Open { trans_port: 9040, dns_port: 9053, socks_port: 9050 }, "open"),
    ] {
        *server.wg.tor_lane.lock().unwrap() = lane;
        assert_eq!(states(&server).await, ["open", word]);
    }
    server.wg.firewall_verified.store(false, Ordering::SeqCst);
    assert_eq!(states(&server).await, ["closed", "closed"], "a lane with an unverified firewall is closed");
    for (token, status) in [(None, 401), (Some("old"), 401), (Some("good"), 200)] {
        assert_eq!(server.v2("GET", "/v2/lanes", token, "").await.status, status, "{token:?}");
    }
}

#[tokio::test]
async fn a_device_gets_a_new_identity_for_its_session_only() {
    let server = start(config()).await;
    let ask = |token| server.v2("POST", "/v2/tor/new-identity", token, "");
    let answer = ask(Some("good")).await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "status": "ok" })));
    assert_eq!((ask(None).await.status, ask(Some("forged")).await.status), (401, 401));
    server.sessions.fail(SessionError::SessionExpired);
    let answer = ask(Some("good")).await;
    assert_eq!((answer.status, &answer.json()["code"]), (400, &json!("session_expired")));
    server.sessions.away();
    let answer = ask(Some("good")).await;
    assert_eq!((answer.status, &answer.json()["code"]), (503, &json!("unavailable")));
    assert_eq!(server.v2("GET", "/v2/tor/new-identity", Some("good"), "").await.status, 405);
}

#[tokio::test]
async fn a_device_chooses_its_exit_country() {
    let server = start(config()).await;
    let choose = |body| server.v2("PUT", "/v2/tor/exit", Some("good"), body);
    assert_eq!(server.v2("GET", "/v2/tor", Some("good"), "").await.json()["exit"], json!(null));
    assert_eq!(choose(r#"{"country":"DE"}"#).await.status, 200);
    let view = server.v2("GET", "/v2/tor", Some("good"), "").await.json();
    assert_eq!((&view["exit"], &view["countries"][0]["exits"]), (&json!("de"), &json!(3)));
    assert_eq!((&view["path"], &view["no_path"]), (&json!(null), &json!("nothing was sent yet")));
    let refused = choose(r#"{"country":"fr"}"#).await;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("no_exit")));
    for bad in ["", "{}", r#"{"country":"deu"}"#, r#"{"country":"d}"}"#, r#"{"country":1}"#] {
        let answer = choose(bad).await;
        assert!([400, 422].contains(&answer.status), "{bad}: {}", answer.status);
    }
    assert_eq!(choose(r#"{"country":null}"#).await.status, 200);
    assert_eq!(server.v2("GET", "/v2/tor", Some("good"), "").await.json()["exit"], json!(null));
    server.sessions.fail(SessionError::TooOften { retry_after: 7 });
    let answer = choose(r#"{"country":"de"}"#).await;
    assert_eq!((answer.status, answer.head.contains("retry-after: 7")), (429, true));
    assert_eq!(server.v2("PUT", "/v2/tor/exit", None, r#"{"country":"de"}"#).await.status, 401);
}
