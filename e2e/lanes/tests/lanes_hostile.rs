//! Bad input and unauthorised callers against the running server: clear errors, and no resources kept.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};
use tornado_e2e_harness::{DeviceProc, Programs, wait_for};
use tornado_e2e_lanes::original::OriginalClient;
use tornado_e2e_lanes::world::World;

const SOCKETS: [&str; 5] = ["auth", "session", "wg", "tor", "master"];

/// Counts the open file descriptors of a service.
fn descriptors(world: &World, service: &str) -> usize {
    let pid = world.server.pid_of(service).unwrap();
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

#[test]
fn the_device_api_refuses_and_holds_nothing() {
    let world = World::up(1, "").unwrap();
    let host = world.device_host(1).unwrap();
    let api = world.api();
    let before = descriptors(&world, "client-api");

    host.block_on(|| async {
        let client = OriginalClient::new(api).unwrap();
        for (path, body) in [
            ("/auth/login", json!({})),
            ("/auth/login", json!([1, 2, 3])),
            ("/auth/login", json!({ "ephemeral_pubkey": "!", "iv": "!", "ciphertext": "!" })),
            ("/auth/reauth", json!({ "refresh_token": 5 })),
            ("/auth/reauth", json!({ "refresh_token": "x".repeat(5_000) })),
            ("/auth/logout", json!({ "refresh_token": "" })),
            ("/vpn/initiate", json!({ "public_key": "" })),
            ("/session/heartbeat", json!({})),
            ("/v2/enroll", json!({ "version": 2 })),
            ("/nowhere", json!({})),
        ] {
            let answer = client.post(path, &body).await.unwrap();
            assert!((400..500).contains(&answer.status), "{path} {body}: {answer:?}");
            assert!(!answer.body["detail"].is_null(), "{path}: the error needs a reason: {answer:?}");
        }
        let huge = client.post("/auth/login", &json!({ "ciphertext": "A".repeat(200_000) })).await.unwrap();
        assert_eq!(huge.status, 413, "{huge:?}");
    })
    .unwrap();

    // Connections that send nothing, send plain HTTP, or stop in the middle.
    let (silent, plain) = host
        .enter(|| {
            let silent: Vec<_> = (0..50).filter_map(|_| TcpStream::connect(api).ok()).collect();
            let mut plain = TcpStream::connect(api).unwrap();
            plain.set_read_timeout(Some(Duration::from_secs(15))).unwrap();
            plain.write_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
            let started = Instant::now();
            let mut answer = Vec::new();
            let _ = plain.read_to_end(&mut answer);
            (silent, started.elapsed())
        })
        .unwrap();
    assert!(plain < Duration::from_secs(11), "a plain HTTP connection stayed open for {plain:?}");
    let others =
        host.block_on(|| async { OriginalClient::new(api).unwrap().get("/health").await.unwrap().status }).unwrap();
    assert_eq!(others, 200, "silent connections must not block others");
    wait_for("the end of 50 silent connections", Duration::from_secs(20), || {
        Ok((descriptors(&world, "client-api") <= before + 10).then_some(()))
    })
    .unwrap();
    drop(silent);
}

#[test]
fn every_socket_of_the_mesh_refuses_bad_input_and_strangers() {
    let world = World::up(1, "").unwrap();
    for service in SOCKETS {
        let path = world.server.run_dir().join(format!("{service}.sock"));
        let exchange = |request: &[u8]| {
            let mut stream = UnixStream::connect(&path).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(12))).unwrap();
            let _ = stream.write_all(request);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            String::from_utf8_lossy(&answer).into_owned()
        };
        let post = |path: &str, length: usize, body: &[u8]| {
            let head =
                format!("POST {path} HTTP/1.1\r\nhost: s\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
            [head.as_bytes(), body].concat()
        };
        let known = match service {
            "auth" => "/v1/login",
            "session" => "/v1/connect",
            "wg" | "tor" => "/v1/none",
            _ => "/v1/control",
        };
        let malformed = exchange(&post(known, 3, b"{{{"));
        assert!(malformed.starts_with("HTTP/1.1 4"), "{service}: {malformed}");
        let rubbish = exchange(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03rubbish\r\n\r\n");
        assert!(rubbish.starts_with("HTTP/1.1 4"), "{service}: {rubbish}");
        let headers =
            exchange(format!("GET /v1/ready HTTP/1.1\r\nhost: s\r\nx: {}\r\n\r\n", "y".repeat(100_000)).as_bytes());
        assert!(headers.starts_with("HTTP/1.1 431"), "{service}: {headers}");
        if known != "/v1/none" {
            let large = exchange(&post(known, 200_000, &vec![b' '; 200_000]));
            assert!(large.starts_with("HTTP/1.1 413"), "{service}: {large}");
            let slow = exchange(&post(known, 100, b"{"));
            assert!(slow.starts_with("HTTP/1.1 408"), "{service}: {slow}");
        }
        for user in [65_534, 12_345] {
            let status = curl_as(user, &path, "/v1/status");
            assert_eq!(status, "403", "{service} answered uid {user}");
        }
    }
    // A service's own uid can use what it needs and nothing else.
    let api = nix::unistd::User::from_name("tornado-api").unwrap().unwrap().uid.as_raw();
    let run = world.server.run_dir();
    assert_eq!(curl_as(api, &run.join("auth.sock"), "/v1/server"), "200");
    assert_eq!(curl_as(api, &run.join("wg.sock"), "/v1/peers"), "403");
    assert_eq!(curl_as(api, &run.join("master.sock"), "/v1/status"), "403");
    assert_eq!(curl_as(api, &run.join("session.sock"), "/v1/sessions"), "403");
    assert_eq!(curl_as(api, &run.join("telemetry.sock"), "/v1/logs/status"), "403");
}

fn curl_as(uid: u32, socket: &std::path::Path, path: &str) -> String {
    let mut command = std::process::Command::new("curl");
    command.args([
        "--silent",
        "--max-time",
        "5",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        "--unix-socket",
    ]);
    command.arg(socket).arg(format!("http://s{path}"));
    std::os::unix::process::CommandExt::uid(&mut command, uid);
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}

#[test]
fn services_have_no_rights_that_they_do_not_need() {
    let world = World::up(1, "").unwrap();
    for (service, user, capabilities) in [
        ("auth", "tornado-auth", 0u64),
        ("session", "tornado-session", 0),
        ("wg", "tornado-wg", 1 << 12),
        ("tor", "tornado-tor", 0),
        ("dns", "tornado-dns", 1 << 10),
        ("client-api", "tornado-api", 0),
        ("admin", "tornado-admin", 0),
        ("telemetry", "tornado-telemetry", 0),
    ] {
        let pid = world.server.pid_of(service).unwrap();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|l| l.starts_with(name)).unwrap_or_default();
            line.split_once(':').unwrap_or_default().1.trim().to_owned()
        };
        let uid = nix::unistd::User::from_name(user).unwrap().unwrap().uid.to_string();
        assert_eq!(field("Uid").split_whitespace().collect::<Vec<_>>(), vec![uid.as_str(); 4], "{service}");
        assert_eq!(field("Groups"), "", "{service} has supplementary groups");
        assert_eq!(field("NoNewPrivs"), "1", "{service}");
        for set in ["CapEff", "CapPrm", "CapInh", "CapAmb", "CapBnd"] {
            assert_eq!(u64::from_str_radix(&field(set), 16).unwrap(), capabilities, "{service} {set}");
        }
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        assert!(
            environment.len() < 500,
            "{service} inherited environment variables: {}",
            String::from_utf8_lossy(&environment)
        );
    }
    let state = world.server.state_dir();
    for file in walk(&state) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{} is accessible to others: {mode:o}", file.display());
    }
}

/// The files below the services' own directories.
fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[test]
fn the_helpers_socket_refuses_strangers_and_rubbish() {
    let world = World::up(1, "").unwrap();
    let device = DeviceProc::start(world.device_host(1).unwrap(), Programs::beside()).unwrap();
    let mut stream = UnixStream::connect(device.socket()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(12))).unwrap();
    stream.write_all(b"\x00\x00\x00\x00rubbish\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    let code = curl_as(65_534, &device.socket(), "/v1/status");
    assert!(code == "403" || code == "000", "another user got {code}");
    assert!(device.cli(&["status"]).unwrap().ok(), "the helper must still serve its owner");
    let nowhere: SocketAddr = "203.0.113.99:4605".parse().unwrap();
    let refused =
        device.cli_with_password(&["login", "--server", &nowhere.to_string(), "--username", "abc"], "x").unwrap();
    assert!(!refused.ok(), "a server that was never pinned must not be trusted");
}
