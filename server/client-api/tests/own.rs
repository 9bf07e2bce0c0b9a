//! Changes by account owners.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::unwrap_in_result, reason = "a test may fail loudly")]

mod support;

use serde_json::json;
use support::{config, start};

#[tokio::test]
async fn owners_change_and_see_what_is_theirs() {
    let server = start(config()).await;
    let device = "00000000-0000-0000-0000-000000000008";
    let good = [
        ("PATCH", "/v2/me", r#"{"email":"a@example.org","device_name":"desk"}"#),
        ("PUT", "/v2/me/password", r#"{"current":"right","new":"a new password"}"#),
        ("DELETE", &format!("/v2/me/devices/{device}"), ""),
        ("DELETE", "/v2/me/totp", r#"{"password":"right"}"#),
    ];
    for (method, path, body) in good {
        let answer = server.v2(method, path, Some("good"), body).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "status": "ok" })), "{method} {path}");
        assert_eq!(server.v2(method, path, Some("forged"), body).await.status, 401, "{method} {path}");
        assert_eq!(server.v2(method, path, None, body).await.status, 401, "{method} {path}");
    }
    let list = server.v2("GET", "/v2/me/devices", Some("good"), "").await.json();
    assert_eq!((&list["devices"][0]["id"], &list["devices"][0]["name"]), (&json!(device), &json!("laptop")));
    let offer = server.v2("POST", "/v2/me/totp", Some("good"), r#"{"password":"right"}"#).await.json();
    assert_eq!(offer, json!({ "secret": "ABC", "url": "otpauth://totp/x" }));
    let codes = server.v2("PUT", "/v2/me/totp", Some("good"), r#"{"code":"123456"}"#).await.json();
    assert_eq!(codes, json!({ "codes": ["ONE"] }));
}

#[tokio::test]
async fn rejections_carry_status_and_retry_time() {
    let server = start(config()).await;
    let change = |current: &str| {
        let body = json!({ "current": current, "new": "a new password" }).to_string();
        let server = &server;
        async move { server.v2("PUT", "/v2/me/password", Some("good"), &body).await }
    };
    let wrong = change("wrong").await;
    assert_eq!((wrong.status, &wrong.json()["code"]), (401, &json!("invalid_credentials")));
    let many = change("many").await;
    assert_eq!((many.status, &many.json()["code"]), (429, &json!("too_many_attempts")));
    assert!(many.head.contains("retry-after: 900"), "{}", many.head);
    for id in ["00000000-0000-0000-0000-000000000009", "rubbish"] {
        let gone = server.v2("DELETE", &format!("/v2/me/devices/{id}"), Some("good"), "").await;
        assert_eq!((gone.status, &gone.json()["code"]), (404, &json!("not_found")), "{id}");
    }
    let extra = server.v2("PATCH", "/v2/me", Some("good"), r#"{"is_active":true}"#).await;
    assert_eq!(extra.status, 422);
    let code = server.v2("PUT", "/v2/me/totp", Some("good"), r#"{"code":"1"}"#).await;
    assert_eq!((code.status, &code.json()["code"]), (401, &json!("totp_invalid")));
}

#[tokio::test]
async fn owners_see_their_usage_and_their_sessions() {
    let server = start(config()).await;
    let usage = server.v2("GET", "/v2/me/usage", Some("good"), "").await.json();
    assert_eq!(usage["today"]["direct"], json!({ "rx_bytes": 1, "tx_bytes": 2 }));
    assert_eq!(usage["quota"], json!({ "bytes": 1000, "used": 850, "left": 150, "renews_at": 1_796_083_200 }));
    let (mut seen, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = server.v2("GET", &format!("/v2/me/sessions?{query}"), Some("good"), "").await;
        assert_eq!(page.status, 200, "{}", page.body);
        let page = page.json();
        let sessions = page["sessions"].as_array().unwrap();
        assert!(sessions.len() <= 2);
        seen.extend(sessions.iter().map(|session| session["started_at"].as_u64().unwrap()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("before={next}&limit=2");
    }
    assert_eq!(seen, [5, 4, 3, 2, 1], "each once; the last page is marked as the last");
    let page = server.v2("GET", "/v2/me/sessions", Some("good"), "").await.json();
    assert_eq!((page["sessions"].as_array().unwrap().len(), &page["next"]), (5, &json!(null)));
    assert_eq!(page["sessions"][0]["ended_at"], json!(null), "a live session");
    assert_eq!(
        (&page["sessions"][1]["reason"], &page["sessions"][1]["username"]),
        (&json!("disconnect"), &json!(null))
    );
    for query in ["limit=0", "limit=101", "limit=-1", "before=x", "page=2"] {
        let refused = server.v2("GET", &format!("/v2/me/sessions?{query}"), Some("good"), "").await;
        assert_eq!(refused.status, 422, "{query}: {}", refused.body);
    }
    for path in ["/v2/me/usage", "/v2/me/sessions"] {
        assert_eq!(server.v2("GET", path, Some("forged"), "").await.status, 401, "{path}");
        assert_eq!(server.v2("GET", path, None, "").await.status, 401, "{path}");
    }
}
