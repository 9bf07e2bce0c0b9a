//! A real contract over a real Unix socket: callers, limits, faults and disconnects.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_contracts::wg::{
    Backend, CanaryStatus, KnownStatus, PeerLane, PeerSpec, PeerStatus, RemovePeer, Removed, SetGroups, SetTorLane,
    SyncPeers, SyncReport, TorExits, TorLane, TorLaneReason, Wg, WgClient, WgError, WgStatus, router,
};
use tornado_rpc::{Access, Channel, Done, Fault, Known, Limits, NoInput, RequestId, SocketServer, UserId, listen};
use tornado_shared::model::{Lane, LanePools, PrivateKey, Slot};
use tornado_shared::problem::Problem;

/// A service with observable effects.
#[derive(Default)]
struct Probe {
    finished: AtomicUsize,
    slow: AtomicBool,
    request: parking_lot::Mutex<Option<RequestId>>,
}

#[async_trait::async_trait]
impl Wg for Probe {
    async fn put_peer(&self, peer: PeerSpec) -> Result<Done, WgError> {
        let pause = if self.slow.load(Ordering::SeqCst) { 10_800 } else { 200 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
        self.finished.fetch_add(1, Ordering::SeqCst);
        if peer.direct.preshared_key.is_some() {
            return Err(WgError::LaneFailed { lane: Lane::Tor, detail: "gone".into() });
        }
        Ok(Done {})
    }
    async fn remove_peer(&self, _: RemovePeer) -> Result<Removed, WgError> {
        panic!("a handler that panics");
    }
    async fn sync_peers(&self, input: SyncPeers) -> Result<SyncReport, WgError> {
        Ok(SyncReport { put: input.peers.len(), ..SyncReport::default() })
    }
    async fn set_groups(&self, _: SetGroups) -> Result<Done, WgError> {
        *self.request.lock() = RequestId::current();
        Ok(Done {})
    }
    async fn peers(&self, _: NoInput) -> Result<Vec<PeerStatus>, WgError> {
        Err(WgError::NotSynced)
    }
    async fn set_tor_lane(&self, _: SetTorLane) -> Result<Done, WgError> {
        Ok(Done {})
    }
    async fn next_status(&self, _: KnownStatus) -> Result<WgStatus, WgError> {
        self.status(NoInput {}).await
    }
    async fn status(&self, _: NoInput) -> Result<WgStatus, WgError> {
        Ok(WgStatus {
            boot_id: uuid::Uuid::nil(),
            revision: 0,
            synced: true,
            backend: Backend::Userspace,
            lanes: Vec::new(),
            peers: 0,
            firewall_verified: true,
            tor_lane: TorLane::Closed,
            tor_exits: TorExits::new(),
            tor_lane_reason: TorLaneReason::Start,
            canary: CanaryStatus::default(),
            over_flow_limit: Vec::new(),
        })
    }
}

/// Grants access to root only.
struct RootOnly;

impl Access for RootOnly {
    type Role = ServiceName;
    fn known(&self, _: UserId) -> Known<ServiceName> {
        Known::Roles(Vec::new())
    }
    fn refusal(&self) -> Problem {
        Problem::new(403, "forbidden", "this socket is for the server's own processes")
    }
}

struct Fixture {
    _dir: tempfile::TempDir,
    socket: PathBuf,
    probe: Arc<Probe>,
    stop: CancellationToken,
}

impl Fixture {
    fn start() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let socket = dir.path().join("wg.sock");
        let probe = Arc::new(Probe::default());
        let listener = listen(&socket).unwrap();
        let server = SocketServer::new(listener, RootOnly, router(probe.clone())).unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(server.with_limits(limits).serve(stop.clone()));
        Self { _dir: dir, socket, probe, stop }
    }

    fn client(&self) -> WgClient {
        WgClient::new(Channel::new(&self.socket))
    }

    async fn raw(&self, request: Vec<u8>) -> String {
        let mut stream = UnixStream::connect(&self.socket).await.unwrap();
        let _ = stream.write_all(&request).await;
        let mut answer = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(12), stream.read_to_end(&mut answer)).await;
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn peer() -> PeerSpec {
    let pools = LanePools::default();
    let lane = |lane: Lane| PeerLane { addresses: pools.of(lane).addresses(Slot(7)).unwrap(), preshared_key: None };
    let (direct, tor) = (lane(Lane::Direct), lane(Lane::Tor));
    PeerSpec {
        public_key: PrivateKey::random().public_key(),
        direct,
        tor,
        isolation: 7_u32.try_into().unwrap(),
        exit: None,
        account: None,
    }
}

#[tokio::test(start_paused = true)]
async fn calls_and_errors_keep_their_types() {
    let fixture = Fixture::start();
    let client = fixture.client();
    assert_eq!(client.put_peer(peer()).await, Ok(Done {}));
    let mut failing = peer();
    failing.direct.preshared_key = Some(tornado_shared::model::PresharedKey::from_bytes([1; 32]));
    let error = WgError::LaneFailed { lane: Lane::Tor, detail: "gone".into() };
    assert_eq!(client.put_peer(failing).await, Err(error));
    assert_eq!(client.peers(NoInput {}).await, Err(WgError::NotSynced));
    assert!(client.status(NoInput {}).await.unwrap().synced);
}

#[tokio::test]
async fn a_call_carries_the_id_of_its_request() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let id = RequestId::random();
    id.clone().scope(client.set_groups(SetGroups::default())).await.unwrap();
    assert_eq!(fixture.probe.request.lock().take(), Some(id));
    client.set_groups(SetGroups::default()).await.unwrap();
    assert_eq!(fixture.probe.request.lock().take(), None, "a call outside of requests has no id");
    let request = b"GET /v1/peers HTTP/1.1\r\nhost: s\r\nx-request-id: r-1\r\nconnection: close\r\n\r\n";
    let reply = fixture.raw(request.to_vec()).await;
    assert!(reply.contains(r#""request_id":"r-1""#), "an error body has the id: {reply}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_messages_arrive_complete() {
    let fixture = Fixture::start();
    let peers: Vec<_> = (0..2_000).map(|_| peer()).collect();
    let report = fixture.client().sync_peers(SyncPeers { peers }).await.unwrap();
    assert_eq!(report.put, 2_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_ends_one_call_only() {
    let fixture = Fixture::start();
    let client = fixture.client();
    let gone = client.remove_peer(RemovePeer { public_key: peer().public_key }).await;
    assert!(matches!(gone, Err(WgError::Fault(Fault::Internal(_)))), "{gone:?}");
    assert!(client.status(NoInput {}).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_dead_service_is_unavailable_at_once() {
    let client = WgClient::new(Channel::new("/nonexistent/wg.sock"));
    let started = Instant::now();
    let result = client.status(NoInput {}).await;
    assert!(matches!(result, Err(WgError::Fault(Fault::Unavailable(_)))), "{result:?}");
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_mutation_ends_even_when_the_caller_hangs_up() {
    let fixture = Fixture::start();
    let body = serde_json::to_vec(&peer()).unwrap();
    let head = format!("PUT /v1/peers HTTP/1.1\r\nhost: s\r\ncontent-length: {}\r\n\r\n", body.len());
    {
        let mut stream = UnixStream::connect(&fixture.socket).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(fixture.probe.finished.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn malformed_oversized_and_unknown_requests_get_a_clear_4xx() {
    let fixture = Fixture::start();
    let cases: [(&str, &[u8], &str); 5] = [
        (
            "not JSON",
            b"PUT /v1/peers HTTP/1.1\r\nhost: s\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc",
            " 400 ",
        ),
        (
            "unknown field",
            b"PUT /v1/peers HTTP/1.1\r\nhost: s\r\nconnection: close\r\ncontent-length: 7\r\n\r\n{\"a\":1}",
            " 400 ",
        ),
        ("unknown path", b"GET /v1/nothing HTTP/1.1\r\nhost: s\r\nconnection: close\r\n\r\n", " 404 "),
        ("wrong method", b"PATCH /v1/peers HTTP/1.1\r\nhost: s\r\nconnection: close\r\n\r\n", " 404 "),
        ("not HTTP", b"\x00\x01\x02 hello\r\n\r\n", " 400 "),
    ];
    for (name, request, expected) in cases {
        let answer = fixture.raw(request.to_vec()).await;
        let line = answer.lines().next().unwrap_or_default().to_owned();
        assert!(line.contains(expected.trim_end()), "{name}: {answer}");
    }
    let mut oversized =
        b"PUT /v1/peers HTTP/1.1\r\nhost: s\r\nconnection: close\r\ncontent-length: 100000\r\n\r\n".to_vec();
    oversized.extend(vec![b'x'; 100_000]);
    let answer = fixture.raw(oversized).await;
    assert!(answer.contains(" 413 ") && answer.contains("too_large"), "{answer}");
    assert_eq!(fixture.probe.finished.load(Ordering::SeqCst), 0, "no request took effect");
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_refused_and_holds_nothing() {
    let fixture = Fixture::start();
    let started = Instant::now();
    let slow = b"PUT /v1/peers HTTP/1.1\r\nhost: s\r\nconnection: close\r\ncontent-length: 500\r\n\r\n{".to_vec();
    let answer = fixture.raw(slow).await;
    assert!(answer.contains(" 408 ") && answer.contains("too_slow"), "{answer}");
    assert!(started.elapsed() < Duration::from_secs(9));
}

/// The kernel reports another uid, and the access policy rejects it.
#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_gets_403_on_every_path() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: needs root to become another uid");
        return;
    }
    let fixture = Fixture::start();
    for (method, path) in [("PUT", "/v1/peers"), ("GET", "/v1/status"), ("GET", "/v1/ready"), ("GET", "/v1/nothing")] {
        let (socket, method) = (fixture.socket.clone(), method);
        let output = tokio::task::spawn_blocking(move || {
            let mut command = std::process::Command::new("curl");
            command.args(["--silent", "--include", "--max-time", "5", "--data", "{}", "--request", method]);
            command.arg("--unix-socket").arg(socket).arg(format!("http://s{path}"));
            std::os::unix::process::CommandExt::uid(&mut command, 65_534);
            command.output().unwrap()
        })
        .await
        .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            text.starts_with("HTTP/1.1 403"),
            "{method} {path}: {text} {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    fixture.stop.cancel();
}

/// Idle connections from other users do not occupy slots for the server's own processes.
#[tokio::test(flavor = "multi_thread")]
async fn idle_unknown_users_occupy_no_slot() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: needs root to become another uid");
        return;
    }
    let fixture = Fixture::with(Limits { connections: 4, ..Limits::default() });
    let mut strangers: Vec<_> = (0..40)
        .map(|_| {
            let mut command = std::process::Command::new("curl");
            // Waits for input that never arrives and sends nothing.
            command.args(["--silent", "--max-time", "20", "telnet://s/", "--unix-socket"]).arg(&fixture.socket);
            command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null());
            std::os::unix::process::CommandExt::uid(&mut command, 65_534);
            command.spawn().unwrap()
        })
        .collect();
    // Each connection appears under the socket's path, as does the listening socket. Some are rejected before the last
    // one connects, so the loop waits for more connections than slots, not for all 40.
    let path = fixture.socket.display().to_string();
    let connected =
        || std::fs::read_to_string("/proc/net/unix").unwrap().lines().filter(|l| l.ends_with(&path)).count();
    while connected() < 8 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let answer = tokio::time::timeout(Duration::from_secs(15), fixture.client().status(NoInput {})).await;
    assert!(answer.expect("the call waits for a slot").unwrap().synced);
    for stranger in &mut strangers {
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}

/// A caller that keeps sending and never reads is disconnected, and its slot becomes available.
#[tokio::test(start_paused = true)]
async fn a_caller_that_does_not_read_is_cut_off() {
    let write_stall = Duration::from_millis(300);
    let fixture = Fixture::with(Limits { connections: 1, write_stall, ..Limits::default() });
    let mut stream = UnixStream::connect(&fixture.socket).await.unwrap();
    let started = Instant::now();
    while stream.write_all(&b"GET /v1/nothing HTTP/1.1\r\nhost: s\r\n\r\n".repeat(100)).await.is_ok() {}
    assert!(started.elapsed() < write_stall * 10, "{:?}", started.elapsed());
    assert!(fixture.client().status(NoInput {}).await.unwrap().synced);
}

/// `put_peer` has a deadline of 10 s: a slower change gets a timely error response and still completes.
#[tokio::test(start_paused = true)]
async fn a_change_ends_even_when_its_deadline_passes() {
    let fixture = Fixture::start();
    fixture.probe.slow.store(true, Ordering::SeqCst);
    let answer = fixture.client().put_peer(peer()).await;
    assert!(matches!(answer, Err(WgError::Fault(Fault::Unavailable(_)))), "{answer:?}");
    assert_eq!(fixture.probe.finished.load(Ordering::SeqCst), 0);
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(fixture.probe.finished.load(Ordering::SeqCst), 1);
}

/// After a restart all services call at once; callers beyond the slots wait.
#[tokio::test(start_paused = true)]
async fn more_callers_than_slots_wait_for_their_turn() {
    let fixture = Fixture::with(Limits { connections: 4, ..Limits::default() });
    let calls: Vec<_> = (0..40)
        .map(|_| {
            // Each call uses a separate channel and therefore a separate connection.
            let client = fixture.client();
            tokio::spawn(async move { client.put_peer(peer()).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), Ok(Done {}));
    }
}
