//! Slow, large, malformed and excessive requests: each gets a clear response and does not occupy resources.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::unwrap_in_result, reason = "a test may fail loudly")]

mod support;

use std::time::Duration;
use support::{Server, config, read_answer, start as begin};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tornado_client_api::Config;
use tornado_e2e_support::small_steps;

/// As in the default configuration.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

async fn start(config: Config) -> Server {
    small_steps(Duration::from_millis(1));
    begin(config).await
}

#[tokio::test(start_paused = true)]
async fn slow_headers_get_408() {
    let server = start(config()).await;
    let mut stream = server.tls().await;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost:").await.unwrap();
    let began = Instant::now();
    let answer = read_answer(&mut stream).await.unwrap();
    assert_eq!(answer.status, 408);
    assert!(answer.head.contains("application/problem+json"));
    assert!(began.elapsed() < HEADERS_WITHIN + Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn headers_that_trickle_get_408_too() {
    let server = start(config()).await;
    let (mut read, mut write) = tokio::io::split(server.tls().await);
    let trickle = tokio::spawn(async move {
        for byte in b"GET /health HTTP/1.1\r\nx-long: ".iter().chain(std::iter::repeat(&b'a')).take(5_000) {
            if write.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert_eq!(read_answer(&mut read).await.unwrap().status, 408);
    trickle.abort();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_without_a_response() {
    let server = start(config()).await;
    let mut stream = server.tls().await;
    assert!(read_answer(&mut stream).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn slow_bodies_get_408() {
    let server = start(config()).await;
    let text = "POST /auth/login HTTP/1.1\r\nhost: x\r\naccept: application/problem+json\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{";
    let answer = server.raw(text).await.unwrap();
    assert_eq!((answer.status, answer.json()["code"].as_str()), (408, Some("too_slow")));
}

#[tokio::test(start_paused = true)]
async fn large_bodies_get_413() {
    let server = start(config()).await;
    let body = "x".repeat(40_000);
    let answer = server.v2("POST", "/auth/login", None, &body).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (413, Some("too_large")));
    let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let text = format!(
        "POST /auth/login HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n{chunk}"
    );
    assert_eq!(server.raw(&text).await.unwrap().status, 413);
}

#[tokio::test(start_paused = true)]
async fn large_headers_get_431() {
    let server = start(config()).await;
    for size in [20_000, 500_000] {
        let text = format!("GET /health HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(size));
        assert_eq!(server.raw(&text).await.unwrap().status, 431, "{size}");
    }
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    assert_eq!(server.raw(&format!("GET /health HTTP/1.1\r\nhost: x\r\n{many}\r\n")).await.unwrap().status, 431);
}

#[tokio::test(start_paused = true)]
async fn malformed_requests_get_400() {
    let server = start(config()).await;
    for text in
        ["rubbish\r\n\r\n", "GET /health HTTP/9.9\r\n\r\n", "\0\0\0\0\0\0\0\0\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n"]
    {
        assert_eq!(server.raw(text).await.unwrap().status, 400, "{text:?}");
    }
    let smuggled = "POST /auth/login HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\n{}{}";
    assert_eq!(server.raw(smuggled).await.unwrap().status, 400);
}

#[tokio::test(start_paused = true)]
async fn plain_http_is_rejected_at_once() {
    let server = start(config()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let began = Instant::now();
    let answer = read_answer(&mut stream).await.unwrap();
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("TLS only"));
    assert!(began.elapsed() < Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_handshake_is_closed() {
    let server = start(config()).await;
    for first in [&b""[..], &[22, 3, 1, 0, 200, 1]] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(first).await.unwrap();
        let mut bytes = Vec::new();
        let within = HEADERS_WITHIN + Duration::from_secs(1);
        let read = tokio::time::timeout(within, stream.read_to_end(&mut bytes)).await;
        assert!(read.is_ok(), "the connection stayed open");
    }
}

#[tokio::test(start_paused = true)]
async fn one_address_cannot_take_all_connections() {
    let server = start(Config { connections_per_address: 3, ..config() }).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(server.tls().await);
    }
    let mut fourth = TcpStream::connect(server.address).await.unwrap();
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(2), fourth.read_to_end(&mut bytes)).await;
    assert!(read.is_ok() && bytes.is_empty(), "the fourth was not closed");
    drop(held);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(server.v1("GET", "/health", None, "").await.status, 200);
}

/// One device has connected before. Then silent connections arrive from more addresses than there are slots.
#[tokio::test(start_paused = true)]
async fn silent_strangers_do_not_lock_out_who_was_there_before() {
    let server = start(Config { connections: 40, connections_per_address: 5, ..config() }).await;
    let known = "127.0.1.1".parse().unwrap();
    assert_eq!(server.heartbeat_from(known).await, Some(200));
    let mut silent = Vec::new();
    for host in 1..=12u8 {
        for _ in 0..5 {
            silent.push(server.connect_from([127, 0, 2, host].into()).await);
        }
    }
    assert_eq!(server.heartbeat_from("127.0.3.1".parse().unwrap()).await, None, "an unknown address is rejected");
    assert_eq!(server.heartbeat_from(known).await, Some(200));
    // The silent connections are closed although a handshake may take much longer.
    let began = Instant::now();
    for mut stream in silent {
        let mut bytes = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes)).await;
        assert!(read.is_ok(), "the connection stayed open");
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(server.heartbeat_from("127.0.3.1".parse().unwrap()).await, Some(200));
}

/// A rejected token does not make an address known.
#[tokio::test(start_paused = true)]
async fn a_rejected_address_does_not_become_known() {
    let server = start(Config { connections: 4, connections_per_address: 4, ..config() }).await;
    let address = "127.0.1.1".parse().unwrap();
    assert_eq!(server.request_from(address, "POST", "/session/heartbeat", "bad").await, Some(401));
    assert_eq!(server.request_from(address, "GET", "/health", "good").await, Some(200));
    let mut held = Vec::new();
    for host in 1..=3u8 {
        held.push(server.connect_from([127, 0, 2, host].into()).await);
    }
    assert_eq!(server.heartbeat_from(address).await, None);
}

#[tokio::test(start_paused = true)]
async fn anonymous_requests_are_limited_and_devices_are_not() {
    let server = start(Config { anonymous_per_minute: 3, ..config() }).await;
    for _ in 0..3 {
        assert_eq!(server.v1("GET", "/auth/pubkey", None, "").await.status, 200);
    }
    let answer = server.v1("GET", "/auth/pubkey", None, "").await;
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("retry-after: "));
    assert_eq!(server.v1("POST", "/session/heartbeat", Some("good"), "").await.status, 200);
    assert_eq!(server.v1("GET", "/health", None, "").await.status, 200);
}
