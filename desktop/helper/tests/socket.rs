//! Attacks on the helper's socket and on its store.
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail loudly")]

mod common;

use common::{Machine, Server};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::timeout;
use tornado_helper_api::{Connect, Helper as _, HelperError, NoInput, TunnelState};
use tornado_shared::model::Lane;

/// Runs curl as another user. Returns body and status code.
fn as_user(uid: u32, machine: &Machine, route: &str) -> String {
    let out = Command::new("curl")
        .args(["-sS", "--max-time", "60", "-w", " %{http_code}", "--unix-socket"])
        .arg(machine.socket())
        .arg(format!("http://helper{route}"))
        .uid(uid)
        .gid(uid)
        .output()
        .unwrap();
    String::from_utf8(out.stdout).unwrap()
}

/// More than the helper serves at once.
const STRANGERS: usize = 80;

/// curl has a pair of sockets for itself; a third is its connection (`/proc/PID/fd`, proc(5)).
fn has_connected(curl: &Child) -> bool {
    let Ok(open) = std::fs::read_dir(format!("/proc/{}/fd", curl.id())) else { return false };
    let targets = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count() > 2
}

/// Longer than any machine needs. A test waits this long only if there is a bug.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn only_allowed_users_get_a_response() {
    let machine = Machine::new().await;
    for route in ["/v1/status", "/v1/status/stream", "/v1/connect", "/nothing"] {
        let answer = as_user(65_534, &machine, route);
        assert!(answer.ends_with(" 403") && answer.contains("forbidden"), "{route}: {answer}");
        assert!(!answer.contains("disconnected"), "{answer}");
    }
    let second = tornado_rpc::listen_alone(&machine.socket());
    assert_eq!(
        second.unwrap_err().into_source().kind(),
        std::io::ErrorKind::AddrInUse,
        "the socket of a running helper is not replaced"
    );
    assert!(as_user(12_345, &machine, "/v1/status").ends_with(" 200"));
    // More strangers than there are places for callers connect and send nothing. A running curl may already be
    // disconnected: it waits for its standard input even after the helper has closed the connection.
    let mut strangers = Vec::new();
    for number in 1..=STRANGERS {
        let mut command = Command::new("curl");
        command.args(["-sN", "telnet://h/", "--unix-socket"]).arg(machine.socket()).uid(65_534).gid(65_534);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        strangers.push(command.spawn().unwrap());
        if number % 8 == 0 {
            timeout(PATIENCE, machine.client.status(NoInput {})).await.unwrap().unwrap();
        }
    }
    let all_connected = async {
        while !strangers.iter_mut().all(|stranger| stranger.try_wait().unwrap().is_some() || has_connected(stranger)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, all_connected).await.unwrap();
    timeout(PATIENCE, machine.client.status(NoInput {})).await.unwrap().unwrap();
    for stranger in &mut strangers {
        let _ = stranger.kill();
        let _ = stranger.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_store_blocks_traffic() {
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
        let status = machine.client.status(NoInput {}).await.unwrap();
        assert_eq!(status.state, TunnelState::Blocked, "{} bytes, mode {mode:o}", content.len());
        let reason = status.reason.unwrap();
        assert!(!reason.contains("access1") && !reason.contains("refresh1"), "{reason}");
        let refused = machine.client.connect(Connect { lane: Lane::Direct }).await.unwrap_err();
        assert!(matches!(refused, HelperError::Blocked(_)), "{refused:?}");
        // A disconnect does not lift the block.
        assert_eq!(machine.client.disconnect(NoInput {}).await.unwrap().state, TunnelState::Blocked);
        assert_eq!(std::fs::read(&file).unwrap(), content, "the file is unchanged");
    }
    // Only an explicit logout lifts it, and the file is kept under another name.
    let status = machine.client.logout(NoInput {}).await.unwrap();
    assert_eq!(status.state, TunnelState::Disconnected);
    assert!(!file.exists() && file.with_file_name("state.json.broken").exists());
    assert_eq!(machine.client.connect(Connect { lane: Lane::Direct }).await.unwrap_err(), HelperError::NotEnrolled);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_yields_every_change() {
    let server = Server::start().await;
    let mut machine = Machine::enrolled(&server).await;
    let mut child = Command::new("curl")
        .args(["-sN", "--unix-socket"])
        .arg(machine.socket())
        .arg("http://helper/v1/status/stream")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    tokio::task::block_in_place(|| lines.read_line(&mut text).unwrap());
    machine.client.connect(Connect { lane: Lane::Tor }).await.unwrap();
    // A stopping helper does not wait for clients of the status stream, which never ends by itself.
    timeout(PATIENCE, machine.stop()).await.unwrap();
    tokio::task::block_in_place(|| lines.read_to_string(&mut text).unwrap());
    let _ = child.wait();
    let states: Vec<serde_json::Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(states.first().unwrap()["state"], "disconnected");
    assert!(states.iter().any(|s| s["state"] == "connected" && s["lane"] == "tor"), "{text}");
    assert!(!text.contains("access1") && !text.contains("refresh1"));
}
