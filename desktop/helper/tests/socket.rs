//! Attacks on the helper's socket and on its store.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod common;

use common::{Machine, Server};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};
use tornado_helper_api::{Connect, HelperError, TunnelState};
use tornado_shared::model::Lane;

/// What curl says as another user: status and body.
fn as_user(uid: u32, machine: &Machine, route: &str) -> String {
    let out = Command::new("curl")
        .args(["-sS", "--max-time", "5", "-w", " %{http_code}", "--unix-socket"])
        .arg(machine.socket())
        .arg(format!("http://helper{route}"))
        .uid(uid)
        .gid(uid)
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap()
}

fn raw(machine: &Machine, bytes: &[u8]) -> (String, Duration) {
    let begun = Instant::now();
    let mut stream = UnixStream::connect(machine.socket()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(12))).unwrap();
    // A server that has seen enough may close before everything was written.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    (String::from_utf8_lossy(&answer).into_owned(), begun.elapsed())
}

#[tokio::test(flavor = "multi_thread")]
async fn defect_007_only_those_who_may_get_an_answer() {
    let machine = Machine::new().await;
    for route in ["/v1/status", "/v1/status/stream", "/v1/connect", "/nothing"] {
        let answer = as_user(65_534, &machine, route);
        assert!(answer.ends_with(" 403") && answer.contains("forbidden"), "{route}: {answer}");
        assert!(!answer.contains("disconnected"), "{answer}");
    }
    let second = tornado_helper_api::listen(&machine.socket());
    assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse, "a running helper is not pushed aside");
    assert!(as_user(12_345, &machine, "/v1/status").ends_with(" 200"));
    // Strangers who hold their connections open do not lock the owner out.
    let strangers: Vec<_> = (0..40)
        .map(|_| {
            let script = format!(
                "exec 3<>/dev/null; sleep 4 | curl -sN --max-time 4 -T - --unix-socket {} http://h/",
                machine.socket().display()
            );
            Command::new("sh")
                .args(["-c", &script])
                .uid(65_534)
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap()
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begun = Instant::now();
    machine.client.status().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2));
    for mut stranger in strangers {
        let _ = stranger.kill();
        let _ = stranger.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_oversized_and_slow_requests_get_a_clear_4xx() {
    let machine = Machine::new().await;
    let post = |body: &str| {
        format!(
            "POST /v1/connect HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for body in ["", "{", "[]", r#"{"lane":"wg0"}"#, r#"{"lane":"tor","up":"/bin/sh"}"#, "\u{0}"] {
        let (answer, _) = raw(&machine, post(body).as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("application/problem+json"), "{body}: {answer}");
    }
    let (answer, _) = raw(&machine, post(&format!("{{\"lane\":\"{}\"}}", "x".repeat(20_000))).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let (answer, _) = raw(&machine, b"\x16\x03\x01\x02\x00rubbish\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
    let huge = format!("GET /v1/status HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(100_000));
    let (answer, _) = raw(&machine, huge.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let (answer, _) = raw(&machine, b"GET /v2/anything HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let (answer, _) = raw(&machine, b"DELETE /v1/status HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    let (answer, took) = raw(&machine, b"POST /v1/connect HTTP/1.1\r\nhost: h\r\ncontent-length: 50\r\n\r\n{");
    assert!(answer.starts_with("HTTP/1.1 408") && took < Duration::from_secs(8), "{took:?} {answer}");
    let (_, took) = raw(&machine, b"GET /v1/sta");
    assert!(took < Duration::from_secs(8), "{took:?}");
    machine.client.status().await.unwrap();
}

/// A caller moves no files, commands or configurations: what is not in the contract is refused, not passed over.
#[tokio::test(flavor = "multi_thread")]
async fn defect_007_no_call_names_a_program_or_a_file() {
    let server = Server::start().await;
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
            let (answer, _) = raw(&machine, format!("{head}\r\n\r\n{body}").as_bytes());
            assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("malformed"), "{route} {more}: {answer}");
        }
    }
    let status = machine.client.status().await.unwrap();
    assert!(status.logged_in && status.state == TunnelState::Disconnected, "nothing was done: {status:?}");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_store_blocks_and_is_not_taken_for_empty() {
    let server = Server::start().await;
    let mut machine = Machine::enrolled(&server).await;
    let file = machine.state_file();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    let good = std::fs::read(&file).unwrap();
    let newer = String::from_utf8(good.clone()).unwrap().replacen("\"version\": 1", "\"version\": 2", 1);
    let mut cases: Vec<(Vec<u8>, u32)> = vec![
        (good[..good.len() / 2].to_vec(), 0o600),
        (Vec::new(), 0o600),
        (b"\xff\xfe not json".to_vec(), 0o600),
        (newer.into_bytes(), 0o600),
        (vec![b' '; 300 * 1024], 0o600),
    ];
    cases.push((good.clone(), 0o644));
    for (content, mode) in cases {
        machine.stop().await;
        std::fs::write(&file, &content).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        machine.start().await;
        let status = machine.client.status().await.unwrap();
        assert_eq!(status.state, TunnelState::Blocked, "{} bytes, mode {mode:o}", content.len());
        let reason = status.reason.unwrap();
        assert!(!reason.contains("access1") && !reason.contains("refresh1"), "{reason}");
        let refused = machine.client.connect(&Connect { lane: Lane::Direct }).await.unwrap_err();
        assert!(matches!(refused, HelperError::Blocked(_)), "{refused:?}");
        // Disconnecting does not open it.
        assert_eq!(machine.client.disconnect().await.unwrap().state, TunnelState::Blocked);
        assert_eq!(std::fs::read(&file).unwrap(), content, "nothing was overwritten");
    }
    // The way out is one that somebody chooses; what was there is kept aside.
    let status = machine.client.logout().await.unwrap();
    assert_eq!(status.state, TunnelState::Disconnected);
    assert!(!file.exists() && file.with_file_name("state.json.broken").exists());
    assert_eq!(machine.client.connect(&Connect { lane: Lane::Direct }).await.unwrap_err(), HelperError::NotEnrolled);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_tells_every_change() {
    let server = Server::start().await;
    let mut machine = Machine::enrolled(&server).await;
    let mut child = Command::new("curl")
        .args(["-sN", "--max-time", "3", "--unix-socket"])
        .arg(machine.socket())
        .arg("http://helper/v1/status/stream")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    machine.client.connect(&Connect { lane: Lane::Tor }).await.unwrap();
    // A helper that is told to end does not wait for those who watch it.
    let begun = Instant::now();
    machine.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let mut text = String::new();
    tokio::task::block_in_place(|| child.stdout.take().unwrap().read_to_string(&mut text).unwrap());
    let _ = child.wait();
    let states: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(states.first().unwrap()["state"], "disconnected");
    assert!(states.iter().any(|s| s["state"] == "connected" && s["lane"] == "tor"), "{text}");
    assert!(!text.contains("access1") && !text.contains("refresh1"));
}
