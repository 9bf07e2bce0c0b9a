//! The complete service in this process, with a real Tor without a network.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

mod support;

use futures::StreamExt as _;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::FakeWg;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_contracts::tor::{
    LaneReason, LaneState, Tor as _, TorClient, TorControl, TorDesired, TorError, TorEvent, TorLogQuery, TorOrder,
    TorProcess, TorStatus,
};
use tornado_contracts::wg::TorLane;
use tornado_e2e_harness::{patient, wait_for};
use tornado_e2e_support::Scripted;
use tornado_rpc::NoInput;
use tornado_runtime::metrics::Metrics;
use tornado_runtime::{Context, Roles};
use tornado_tor::{Config, Error, Wiring, run_with};

/// A service with its own ports and directory.
struct World {
    dir: TempDir,
    config: Config,
    wiring: Wiring,
    wg: Arc<FakeWg>,
    life: Option<(CancellationToken, JoinHandle<Result<(), Error>>)>,
}

impl World {
    fn new(port: u16) -> Self {
        let dir = tempfile::Builder::new().prefix("tornado-tor-").tempdir_in("/tmp").unwrap();
        let extra = dir.path().join("extra");
        std::fs::write(&extra, "DisableNetwork 1\n").unwrap();
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let state = dir.path().join("tor");
        std::fs::create_dir(&state).unwrap();
        std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
        let user = user();
        if let Some(user) = &user {
            let user = nix::unistd::User::from_name(user).unwrap().unwrap();
            nix::unistd::chown(&state, Some(user.uid), Some(user.gid)).unwrap();
        }
        let config = Config {
            trans_port: port,
            dns_port: port,
            socks_port: port + 1,
            page_port: port + 2,
            extra_torrc: Some(extra),
            ..Config::default()
        };
        let wiring = Wiring { listen: vec![loopback().into()], user };
        Self { dir, config, wiring, wg: Arc::default(), life: None }
    }

    fn start(&mut self) {
        let shutdown = CancellationToken::new();
        let context = Context {
            service: ServiceName::Tor,
            run_dir: self.dir.path().to_owned(),
            state_dir: self.dir.path().join("tor"),
            roles: Roles::default().with(nix::unistd::geteuid().as_raw(), ServiceName::Admin),
            metrics: Metrics::default(),
            shutdown: shutdown.clone(),
        };
        let service = tokio::spawn(run_with(
            context,
            self.config.clone(),
            self.wiring.clone(),
            Arc::new(Scripted(self.wg.clone())),
        ));
        self.life = Some((shutdown, service));
    }

    async fn stop(&mut self) {
        let (shutdown, service) = self.life.take().unwrap();
        shutdown.cancel();
        tokio::time::timeout(patient(Duration::from_secs(20)), service).await.unwrap().unwrap().unwrap();
    }

    fn client(&self) -> TorClient {
        TorClient::new(tornado_rpc::Channel::new(self.dir.path().join("tor.sock")))
    }

    async fn until(&self, what: &str, is_so: impl Fn(&TorStatus) -> bool) -> TorStatus {
        let begun = Instant::now();
        let mut last = None;
        while begun.elapsed() < patient(Duration::from_secs(20)) {
            if let Ok(status) = self.client().status(NoInput {}).await {
                if is_so(&status) {
                    return status;
                }
                last = Some(status);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("timed out waiting for '{what}': {last:#?}");
    }

    async fn order(&self, order: TorOrder) -> TorStatus {
        self.client().control(TorControl { order }).await.unwrap()
    }

    fn desired_file(&self) -> PathBuf {
        self.dir.path().join("tor/wanted.json")
    }
}

/// A loopback address that only this process uses, because parallel runs on this machine use the same ports.
fn loopback() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 1 + (high & 0x7f), middle, low)
}

/// Tor does not run as root, but tests often do.
fn user() -> Option<String> {
    nix::unistd::geteuid().is_root().then(|| "debian-tor".to_owned())
}

fn pid(status: &TorStatus) -> Option<i32> {
    match status.process {
        TorProcess::Running { pid, .. } => i32::try_from(pid).ok(),
        TorProcess::Stopped
        | TorProcess::Waiting { .. }
        | TorProcess::Stopping { .. }
        | TorProcess::BackingOff { .. } => None,
    }
}

fn kill(pid: i32, signal: nix::sys::signal::Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

fn exists(pid: i32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Pids of the Tor processes of this state directory.
fn tors(dir: &Path) -> Vec<i32> {
    let torrc = dir.join("tor/torrc").display().to_string();
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|b| *b == 0).any(|word| word == torrc.as_bytes())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_tor_runs_as_its_user_and_a_stopped_one_is_no_error() {
    let mut world = World::new(28_100);
    world.start();
    let up = world.until("attached", |s| s.controlled && s.version.is_some()).await;
    let process = pid(&up).unwrap();
    assert!(up.version.as_deref().is_some_and(|v| v.starts_with("0.4.")), "{up:?}");
    assert_eq!((up.lane.state, up.lane.reason), (LaneState::Closed, LaneReason::Bootstrapping));
    assert_eq!(world.wg.lane(), TorLane::Closed);
    let uid = std::fs::metadata(format!("/proc/{process}")).map(|m| std::os::unix::fs::MetadataExt::uid(&m)).unwrap();
    assert_ne!(uid, 0, "Tor runs as root");
    let data = std::fs::metadata(world.dir.path().join("tor/data")).unwrap();
    assert_eq!(data.permissions().mode() & 0o777, 0o700);

    // Concurrent orders result in one process.
    let client = world.client();
    let orders = (0..20).map(|_| client.control(TorControl { order: TorOrder::Start }));
    for order in futures::future::join_all(orders).await {
        order.unwrap();
    }
    let again = world.until("attached", |s| s.controlled).await;
    assert_eq!(pid(&again), Some(process));
    assert_eq!(tors(world.dir.path()), [process]);

    // A stopped Tor is a regular response of every method.
    world.order(TorOrder::Stop).await;
    let stopped = world.until("stopped", |s| s.process == TorProcess::Stopped).await;
    assert_eq!((stopped.lane.reason, stopped.controlled), (LaneReason::OperatorStopped, false));
    assert!(!exists(process));
    assert!(client.circuits(NoInput {}).await.unwrap().unavailable.is_some());
    assert!(client.exits(NoInput {}).await.unwrap().unavailable.is_some());
    assert!(!client.health(NoInput {}).await.unwrap().ok);
    assert!(matches!(client.new_identity(NoInput {}).await, Err(TorError::NotRunning(_))));
    let log = client.log(TorLogQuery { lines: Some(5) }).await.unwrap().lines;
    assert!(log.len() <= 5 && !log.is_empty());

    world.order(TorOrder::Start).await;
    let begun = world.until("attached again", |s| s.controlled).await;
    assert_ne!(pid(&begun), Some(process));
    world.stop().await;
    assert!(tors(world.dir.path()).is_empty());
    assert_eq!(world.wg.lane(), TorLane::Closed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_or_hung_tor_comes_back_with_its_events() {
    let mut world = World::new(28_200);
    world.start();
    let first = pid(&world.until("attached", |s| s.controlled).await).unwrap();
    let mut events = world.client().events().await.unwrap();
    assert!(matches!(events.next().await, Some(TorEvent::Status(_))));
    kill(first, nix::sys::signal::Signal::SIGKILL);
    let second = world.until("a new Tor attached", |s| s.controlled && pid(s).is_some_and(|p| p != first)).await;
    assert_eq!(second.restarts, 1);
    assert!(second.last_error.is_some_and(|e| e.contains("signal: 9")));
    // The same stream reports the new process.
    let seen = async {
        loop {
            match events.next().await.unwrap() {
                TorEvent::Status(status) if status.controlled && status.restarts == 1 => return,
                TorEvent::Status(_)
                | TorEvent::Bootstrap(_)
                | TorEvent::Circuit(_)
                | TorEvent::Streams { .. }
                | TorEvent::Bandwidth(_)
                | TorEvent::Liveness { .. }
                | TorEvent::Probe(_)
                | TorEvent::Lost { .. } => {}
            }
        }
    };
    tokio::time::timeout(patient(Duration::from_secs(20)), seen).await.unwrap();

    // A process that hangs is noticed within seconds.
    let hung = pid(&world.until("attached", |s| s.controlled).await).unwrap();
    let begun = Instant::now();
    kill(hung, nix::sys::signal::Signal::SIGSTOP);
    world.until("control down", |s| s.lane.reason == LaneReason::ControlDown).await;
    assert!(begun.elapsed() < patient(Duration::from_secs(6)), "{:?}", begun.elapsed());
    kill(hung, nix::sys::signal::Signal::SIGCONT);
    world.until("attached", |s| s.controlled).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_desired_state_survives_and_is_reported_separately() {
    let mut world = World::new(28_300);
    world.start();
    world.until("attached", |s| s.controlled).await;
    let down = world.order(TorOrder::Down).await;
    assert_eq!(down.desired, Some(TorDesired { process: true, lane: false }));
    let shut = world.until("down", |s| s.lane.applied == Some(TorLane::Maintenance { page_port: 28_302 })).await;
    assert!(pid(&shut).is_some(), "down leaves Tor running");
    // After a restart of `wg` the lane is set again.
    world.wg.restart();
    world.until("the lane set again", |_| world.wg.lane() == TorLane::Maintenance { page_port: 28_302 }).await;
    world.stop().await;
    assert_eq!(world.wg.lane(), TorLane::Closed);

    world.start();
    let back = world.until("attached", |s| s.controlled).await;
    assert_eq!((back.desired, back.lane.reason), (down.desired, LaneReason::OperatorDown));
    world.stop().await;

    // An unreadable desired state opens and starts nothing.
    std::fs::write(world.desired_file(), "{").unwrap();
    world.start();
    let unknown = world.until("answering", |_| true).await;
    assert_eq!((unknown.desired, unknown.lane.reason), (None, LaneReason::DesiredUnreadable));
    assert_eq!((unknown.lane.state, unknown.process), (LaneState::Closed, TorProcess::Stopped));
    let up = world.order(TorOrder::Up).await;
    assert_eq!(up.desired, Some(TorDesired { process: true, lane: true }));
    world.until("attached", |s| s.controlled).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_runs_on_a_machine_without_tor() {
    let mut world = World::new(28_400);
    world.config.binary = "/nonexistent/tor".into();
    world.start();
    let status = world.until("waiting", |s| matches!(s.process, TorProcess::Waiting { .. })).await;
    assert!(status.last_error.as_deref().is_some_and(|e| e.contains("not installed")), "{status:?}");
    assert_eq!((status.lane.state, status.lane.reason), (LaneState::Closed, LaneReason::ProcessDown));
    let ready = tokio::process::Command::new("curl")
        .args(["-sS", "--unix-socket"])
        .arg(world.dir.path().join("tor.sock"))
        .arg("http://s/v1/ready")
        .output()
        .await
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&ready.stdout), r#"{"ready":true}"#);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_own_tor_process_is_killed() {
    let (mut one, mut other) = (World::new(28_500), World::new(28_510));
    one.start();
    other.start();
    let stays = pid(&other.until("attached", |s| s.controlled).await).unwrap();
    one.until("attached", |s| s.controlled).await;
    one.stop().await;

    // A Tor that outlived its service is killed by the next run of that service, and no other Tor is.
    let torrc = one.dir.path().join("tor/torrc");
    let mut command = std::process::Command::new("/usr/sbin/tor");
    command.arg("-f").arg(&torrc).arg("--defaults-torrc").arg(one.dir.path().join("tor/torrc-defaults"));
    let text = std::fs::read_to_string(&torrc).unwrap();
    let own = format!("__OwningControllerProcess {}", std::process::id());
    assert!(text.contains(&own));
    let user = nix::unistd::User::from_name("debian-tor").unwrap().unwrap();
    std::os::unix::process::CommandExt::uid(&mut command, user.uid.as_raw());
    std::os::unix::process::CommandExt::gid(&mut command, user.gid.as_raw());
    let mut leftover = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(leftover.try_wait().unwrap(), None);
    // A zombie disappears only when it is reaped, which is up to this process.
    let reaper = std::thread::spawn(move || leftover.wait().unwrap());
    one.start();
    one.until("attached", |s| s.controlled).await;
    assert!(!reaper.join().unwrap().success());
    assert!(exists(stays));
    assert_eq!(pid(&other.until("attached", |s| s.controlled).await), Some(stays));
    one.stop().await;
    other.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_accepts_the_maintenance_page() {
    let mut world = World::new(28_600);
    world.start();
    world.until("answering", |_| true).await;
    let page = (loopback(), 28_602);
    wait_for("the page's listener", Duration::from_secs(20), || Ok(std::net::TcpStream::connect(page).ok())).unwrap();
    for (arguments, wanted) in [
        (&["-sS", "-i"][..], "in maintenance"),
        (&["-sS", "-I"], "Retry-After: 30"),
        (&["-sS", "-i", "-X", "POST", "-d", "a=b"], "503 Service Unavailable"),
    ] {
        let output =
            tokio::process::Command::new("curl").args(arguments).arg(format!("http://{}:28602/x", loopback())).output();
        let output = tokio::time::timeout(patient(Duration::from_secs(20)), output).await.unwrap().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.starts_with("HTTP/1.1 503 ") && text.contains(wanted), "{arguments:?}: {text}");
    }
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_closes_the_lane_but_does_not_open_it() {
    let mut world = World::new(28_700);
    world.start();
    world.until("attached", |s| s.controlled).await;
    // A directory in the place of the temporary file makes every write fail.
    std::fs::create_dir(tornado_runtime::files::unfinished(&world.desired_file())).unwrap();
    let status = world.order(TorOrder::Down).await;
    assert_eq!(status.lane.reason, LaneReason::OperatorDown);
    let client = world.client();
    assert!(matches!(client.control(TorControl { order: TorOrder::Up }).await, Err(TorError::NotSaved(_))));
    world.until("still down", |s| s.lane.reason == LaneReason::OperatorDown).await;
    world.stop().await;
    world.start();
    let status = world.until("back", |s| s.controlled).await;
    assert_eq!(status.desired, Some(TorDesired { process: true, lane: false }), "the order was lost with the service");
    // If the former state cannot be overwritten either, the lane closes all the same, and the call reports it.
    std::fs::remove_file(world.desired_file()).unwrap();
    std::fs::create_dir(world.desired_file()).unwrap();
    assert!(matches!(world.client().control(TorControl { order: TorOrder::Stop }).await, Err(TorError::NotSaved(_))));
    world.until("stopped", |s| s.process == TorProcess::Stopped).await;
    world.stop().await;
    world.start();
    world.until("closed", |s| s.lane.reason == LaneReason::DesiredUnreadable).await;
    assert_eq!(world.wg.lane(), TorLane::Closed);
    world.stop().await;
}
