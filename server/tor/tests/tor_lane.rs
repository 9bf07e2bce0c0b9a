//! The complete service with a real Tor in a private Tor network: when the lane opens and when it closes.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]
#![expect(clippy::print_stdout, reason = "the runner shows measurements")]

mod support;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::FakeWg;
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_contracts::tor::{
    CountryRefusal, HopRole, LaneReason, LaneState, SyncCountries, Tor as _, TorClient, TorControl, TorOrder,
    TorProcess, TorStatus,
};
use tornado_contracts::wg::{TorLane, TorPorts};
use tornado_e2e_harness::{Lab, LabOptions, SITE, TorNetwork, TorNetworkOptions, patient};
use tornado_e2e_support::Scripted;
use tornado_rpc::{Channel, NoInput};
use tornado_runtime::metrics::Metrics;
use tornado_runtime::{Context, Roles};
use tornado_shared::model::CountryCode;
use tornado_tor::{Config, Probe, Wiring, run_with};

const USER: &str = "debian-tor";
const PATIENCE: Duration = Duration::from_secs(90);
const OPEN: TorLane = TorLane::Open { trans_port: 9040, dns_port: 9053, socks_port: 9050 };
const PAGE: TorLane = TorLane::Maintenance { page_port: 9041 };

/// The service as a caller sees it, with the lane wg that it controls.
struct Client {
    tor: TorClient,
    wg: Arc<FakeWg>,
}

impl Client {
    async fn until(&self, what: &str, is_so: impl Fn(&TorStatus) -> bool) -> (TorStatus, Duration) {
        let begun = Instant::now();
        let mut last = None;
        while begun.elapsed() < patient(PATIENCE) {
            if let Ok(status) = self.tor.status(NoInput {}).await {
                if is_so(&status) {
                    println!("{what}: {:?}", begun.elapsed());
                    return (status, begun.elapsed());
                }
                last = Some(status);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let log = self.tor.log(tornado_contracts::tor::TorLogQuery { lines: Some(40) }).await;
        panic!("timed out waiting for '{what}': {last:#?} {log:#?}");
    }

    async fn until_open(&self, what: &str) -> (TorStatus, Duration) {
        self.until(what, |s| s.lane.applied == Some(OPEN) && self.wg.lane() == OPEN).await
    }

    async fn order(&self, order: TorOrder) {
        self.tor.control(TorControl { order }).await.unwrap();
    }
}

fn pid(status: &TorStatus) -> Pid {
    match status.process {
        TorProcess::Running { pid, .. } => Pid::from_raw(pid.cast_signed()),
        TorProcess::Stopped
        | TorProcess::Waiting { .. }
        | TorProcess::Stopping { .. }
        | TorProcess::BackingOff { .. } => panic!("Tor is not running: {status:#?}"),
    }
}

fn private_dir(path: &Path) {
    std::fs::create_dir(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).unwrap();
    let user = nix::unistd::User::from_name(USER).unwrap().unwrap();
    nix::unistd::chown(path, Some(user.uid), Some(user.gid)).unwrap();
}

#[test]
fn the_lane_is_open_exactly_while_tor_works() {
    let lab = Lab::up(LabOptions::with_devices(1)).unwrap();
    let network = TorNetwork::up(&lab, TorNetworkOptions::default()).unwrap();
    let dir = tempfile::Builder::new().prefix("tornado-tor-").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    private_dir(&dir.path().join("tor"));
    let listen = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    let wiring = Wiring { listen, user: Some(USER.into()) };
    let config = Config {
        extra_torrc: Some(network.client_torrc().to_owned()),
        max_countries: 1,
        country_linger: 1,
        probe: Probe { target: SITE.into(), interval_ms: 1_000, deadline_ms: 2_000 },
        ..Config::default()
    };
    let shutdown = CancellationToken::new();
    let context = Context {
        service: ServiceName::Tor,
        run_dir: dir.path().to_owned(),
        state_dir: dir.path().join("tor"),
        roles: Roles::default().with(0, ServiceName::Admin),
        metrics: Metrics::default(),
        shutdown: shutdown.clone(),
    };
    let wg = Arc::new(FakeWg::default());
    let client = Client { tor: TorClient::new(Channel::new(dir.path().join("tor.sock"))), wg: wg.clone() };
    lab.host("server")
        .unwrap()
        .block_on(|| async {
            let service = tokio::spawn(run_with(context, config, wiring, Arc::new(Scripted(wg))));
            it_opens_when_tor_is_ready(&client).await;
            health_exits_and_circuits_are_reported(&client).await;
            an_exit_country_has_its_own_tor(&client).await;
            a_cut_network_closes_it(&client, &network).await;
            the_operator_decides(&client).await;
            a_killed_tor_closes_it(&client).await;
            shutdown.cancel();
            service.await.unwrap().unwrap();
            assert_eq!(client.wg.lane(), TorLane::Closed);
        })
        .unwrap();
}

async fn it_opens_when_tor_is_ready(client: &Client) {
    let (status, _) = client.until_open("open from nothing").await;
    assert_eq!((status.bootstrap.percent, status.circuit_established), (100, true));
    assert_eq!((status.lane.state, status.lane.reason), (LaneState::Open, LaneReason::Healthy));
    assert!(status.probe.is_some_and(|probe| probe.ok));
    // Closed until then, without maintenance in between.
    assert_eq!(client.wg.history(), [TorLane::Closed, OPEN]);
}

/// The health check depends on nothing outside this machine and reports what it found.
async fn health_exits_and_circuits_are_reported(client: &Client) {
    let health = client.tor.health(NoInput {}).await.unwrap();
    let exit = health.exit.unwrap();
    assert!(health.ok && ["de", "nl"].contains(&exit.country.as_deref().unwrap()), "{exit:?}");
    let exits = client.tor.exits(NoInput {}).await.unwrap();
    let mut countries: Vec<_> = exits.countries.iter().map(|c| (c.country.as_str(), c.exits)).collect();
    countries.sort_unstable();
    assert_eq!(countries, [("de", 1), ("nl", 1)]);
    let circuits = client.tor.circuits(NoInput {}).await.unwrap().circuits;
    let whole = circuits.iter().find(|c| c.status == "BUILT" && c.path.len() == 3).unwrap();
    let roles: Vec<_> = whole.path.iter().map(|hop| hop.role).collect();
    assert_eq!(roles, [HopRole::Guard, HopRole::Middle, HopRole::Exit]);
    assert!(whole.path.iter().all(|hop| hop.address.is_some() && hop.flags.iter().any(|f| f == "Running")));
    client.tor.new_identity(NoInput {}).await.unwrap();
    let (status, _) = client.until("traffic is counted", |s| s.traffic.read > 0 && s.traffic.written > 0).await;
    assert_eq!(status.lane.state, LaneState::Open);
}

async fn an_exit_country_has_its_own_tor(client: &Client) {
    let code = |text: &str| text.parse::<CountryCode>().unwrap();
    let sync =
        |words: &str| SyncCountries { countries: words.split_whitespace().map(code).collect(), live: Vec::new() };
    let ports = TorPorts { trans_port: 9100, dns_port: 9101, socks_port: 9102 };
    let report = client.tor.sync_countries(sync("de fr nl")).await.unwrap();
    let refused = [(code("fr"), CountryRefusal::NoExit), (code("nl"), CountryRefusal::TooMany { max: 1 })];
    assert_eq!(report.refused, refused.into());
    client.until("the country open", |_| client.wg.exits() == [(code("de"), ports)].into()).await;
    let countries = client.tor.countries(NoInput {}).await.unwrap();
    assert!(countries.len() == 1 && countries[0].ready && countries[0].in_use, "{countries:#?}");
    // A repeated call changes nothing. If the lane closes, the country closes as well.
    assert_eq!(client.tor.sync_countries(sync("de")).await.unwrap().refused, [].into());
    client.order(TorOrder::Down).await;
    client.until("the country closed with the lane", |_| client.wg.exits().is_empty()).await;
    client.order(TorOrder::Up).await;
    client.until("the country open with the lane", |_| client.wg.exits().len() == 1).await;
    client.tor.sync_countries(sync("")).await.unwrap();
    client.until("the country closed", |_| client.wg.exits().is_empty()).await;
    assert_eq!(client.wg.lane(), OPEN);
    let gone = sync("nl");
    client.tor.sync_countries(gone).await.unwrap();
    client.until("another exit in its place", |_| client.wg.exits() == [(code("nl"), ports)].into()).await;
    client.tor.sync_countries(sync("")).await.unwrap();
}

async fn a_cut_network_closes_it(client: &Client, network: &TorNetwork) {
    network.pause_all().unwrap();
    let (status, took) = client.until("closed after a cut", |s| s.lane.applied == Some(PAGE)).await;
    assert!(took < patient(Duration::from_secs(8)), "{took:?}");
    assert_eq!(status.lane.state, LaneState::Maintenance);
    network.resume_all().unwrap();
    client.until_open("open after the cut").await;
}

async fn the_operator_decides(client: &Client) {
    client.order(TorOrder::Down).await;
    let (status, took) = client.until("closed by command", |s| s.lane.applied == Some(PAGE)).await;
    assert!(took < patient(Duration::from_secs(1)), "{took:?}");
    let before = pid(&status);
    kill(before, Signal::SIGKILL).unwrap();
    let (status, _) =
        client.until("back but down", |s| s.circuit_established && s.bootstrap.percent == 100 && s.restarts == 1).await;
    assert_ne!(pid(&status), before);
    assert_eq!((status.lane.reason, client.wg.lane()), (LaneReason::OperatorDown, PAGE));
    client.order(TorOrder::Up).await;
    client.until_open("open by order").await;
}

async fn a_killed_tor_closes_it(client: &Client) {
    let (status, _) = client.until_open("open").await;
    kill(pid(&status), Signal::SIGKILL).unwrap();
    let (_, took) = client.until("closed after kill -9", |s| s.lane.applied == Some(PAGE)).await;
    assert!(took < patient(Duration::from_secs(1)), "{took:?}");
    client.until_open("open after kill -9").await;
    client.order(TorOrder::Stop).await;
    let (status, took) = client.until("stopped", |s| s.process == TorProcess::Stopped).await;
    assert!(took < patient(Duration::from_secs(3)), "{took:?}");
    assert_eq!((status.lane.state, status.lane.reason), (LaneState::Maintenance, LaneReason::OperatorStopped));
    for _ in 0..10 {
        client.order(TorOrder::Start).await;
        client.until_open("open after a start").await;
        client.order(TorOrder::Stop).await;
        let (_, took) = client.until("stopped", |s| s.process == TorProcess::Stopped).await;
        assert!(took < patient(Duration::from_secs(2)), "a sandboxed Tor must receive the shutdown request: {took:?}");
    }
}
