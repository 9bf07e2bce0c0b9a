//! Invalid requests on the helper's socket. These tests are separate from those that start programs: between fork and
//! exec, a child holds inherited connections open, in real time.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod common;

use common::{Machine, Server};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};
use tornado_helper_api::{Helper as _, NoInput, TunnelState};

/// Longer than any timeout of the helper.
const PATIENCE: Duration = Duration::from_secs(60);

async fn raw(machine: &Machine, bytes: &[u8]) -> (String, Duration) {
    let begun = Instant::now();
    let mut stream = UnixStream::connect(machine.socket()).await.unwrap();
    // The server may close the connection before everything was written.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    // The result does not matter; only a connection that stays open is a failure.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    (String::from_utf8_lossy(&answer).into_owned(), begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn malformed_oversized_and_slow_requests_get_a_clear_4xx() {
    tornado_e2e_support::small_steps(common::STEP);
    let machine = Machine::new().await;
    let post = |body: &str| {
        format!(
            "POST /v1/connect HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for body in ["", "{", "[]", r#"{"lane":"wg0"}"#, r#"{"lane":"tor","up":"/bin/sh"}"#, "\u{0}"] {
        let (answer, _) = raw(&machine, post(body).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("application/problem+json"), "{body}: {answer}");
    }
    let (answer, _) = raw(&machine, post(&format!("{{\"lane\":\"{}\"}}", "x".repeat(20_000))).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let (answer, _) = raw(&machine, b"\x16\x03\x01\x02\x00rubbish\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let huge = format!("GET /v1/status HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let (answer, _) = raw(&machine, huge.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let (answer, _) = raw(&machine, b"GET /v2/anything HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let (answer, _) = raw(&machine, b"DELETE /v1/status HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let (answer, took) = raw(&machine, b"POST /v1/connect HTTP/1.1\r\nhost: h\r\ncontent-length: 50\r\n\r\n{").await;
    assert!(answer.starts_with("HTTP/1.1 408") && took < Duration::from_secs(8), "{took:?} {answer}");
    let (_, took) = raw(&machine, b"GET /v1/sta").await;
    assert!(took < Duration::from_secs(8), "{took:?}");
    machine.client.status(NoInput {}).await.unwrap();
}

/// Callers cannot pass files, commands or configurations: unknown fields are rejected, not ignored.
#[tokio::test(start_paused = true)]
async fn no_call_carries_a_program_or_a_file() {
    let server = Server::start_paused().await;
    let mut machine = Machine::enrolled(&server).await;
    let device = uuid::Uuid::nil();
    for (verb, route, good) in [
        ("POST", "/v1/enroll", r#""link":"tornado://x","password":"p","device_name":"d""#.to_owned()),
        ("POST", "/v1/login", r#""password":"a long password""#.into()),
        ("POST", "/v1/connect", r#""lane":"direct""#.into()),
        ("POST", "/v1/lane", r#""lane":"tor""#.into()),
        ("POST", "/v1/export", r#""lane":"direct","device_name":"d","password":"p""#.into()),
        ("POST", "/v1/sessions", r#""limit":5"#.into()),
        ("DELETE", "/v1/devices", format!(r#""device_id":"{device}""#)),
        ("POST", "/v1/disconnect", String::new()),
        ("POST", "/v1/logout", String::new()),
        ("POST", "/v1/new-identity", String::new()),
    ] {
        for more in [r#""config":"/tmp/x.conf""#, r#""PostUp":"touch /tmp/x""#, r#""program":"/bin/sh""#] {
            let comma = if good.is_empty() { "" } else { "," };
            let body = format!("{{{good}{comma}{more}}}");
            let length = body.len();
            let head = format!("{verb} {route} HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {length}");
            let (answer, _) = raw(&machine, format!("{head}\r\n\r\n{body}").as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("malformed"), "{route} {more}: {answer}");
        }
    }
    let status = machine.client.status(NoInput {}).await.unwrap();
    assert!(status.logged_in && status.state == TunnelState::Disconnected, "the requests had no effect: {status:?}");
    machine.stop().await;
}
