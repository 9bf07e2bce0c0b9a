//! The whole service in one process: lines that a subscriber writes are found over the socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::path::Path;
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::telemetry::logs::{LogQuery, Logs as _, LogsClient, Selection, Tail};
use tornado_contracts::telemetry::metrics::{LiveMetrics, Metrics as _, MetricsClient, Record};
use tornado_log::line::ProcessId;
use tornado_log::output::{FileLimits, LineLayer, LogFile};
use tornado_rpc::{Channel, NoInput};
use tornado_runtime::{Context, Roles, socket_path};
use tornado_telemetry::{Config, Error, Wiring, run};
use tracing_subscriber::layer::SubscriberExt as _;

struct World {
    dir: tempfile::TempDir,
    shutdown: CancellationToken,
    service: tokio::task::JoinHandle<Result<(), Error>>,
}

impl World {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["run", "state", "log", "log/session"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let shutdown = CancellationToken::new();
        let service = start(dir.path(), &shutdown);
        Self { dir, shutdown, service }
    }

    /// Root's channel, when the service responds.
    async fn channel(&self) -> Channel {
        let channel = Channel::new(socket_path(&self.dir.path().join("run"), ServiceName::Telemetry.as_str()));
        while LogsClient::new(channel.clone()).status(NoInput {}).await.is_err() {
            tokio::task::yield_now().await;
        }
        channel
    }

    async fn restart(&mut self) {
        self.shutdown.cancel();
        (&mut self.service).await.unwrap().unwrap();
        self.shutdown = CancellationToken::new();
        self.service = start(self.dir.path(), &self.shutdown);
    }

    /// Emits events as service `session`.
    fn log(&self, process: u64, work: impl FnOnce()) {
        let file = LogFile::new(&self.dir.path().join("log/session"), "session", FileLimits::default());
        let layer = LineLayer::new("session", ProcessId(process), tornado_runtime::clock::wall_clock, file);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    }
}

fn start(dir: &Path, shutdown: &CancellationToken) -> tokio::task::JoinHandle<Result<(), Error>> {
    let context = Context {
        service: ServiceName::Telemetry,
        run_dir: dir.join("run"),
        state_dir: dir.join("state"),
        roles: Roles::default(),
        shutdown: shutdown.clone(),
    };
    tokio::spawn(run(context, Config::default(), Wiring { log_dir: dir.join("log") }))
}

#[tokio::test]
async fn lines_of_a_service_are_found_by_their_request() {
    let mut world = World::start();
    world.log(1, || {
        let request = tracing::info_span!("request", request_id = "r-1");
        request.in_scope(|| tracing::warn!(lane = "tor", client = "192.0.2.7", "no free address"));
        tracing::info!("something else");
    });
    let logs = LogsClient::new(world.channel().await);
    let tail = Tail { text: "request:r-1".into(), after: Some(0) };
    let page = logs.tail(Acting::root(tail)).await.unwrap();
    assert_eq!((page.lines.len(), page.missed), (1, 0));
    let query = |text: &str| LogQuery {
        select: Selection { text: text.into(), ..Selection::default() },
        limit: 10,
        ..LogQuery::default()
    };
    let found = logs.query(Acting::root(query("request:r-1 \"free address\" field.lane:tor"))).await.unwrap();
    let line = &found.lines[0];
    assert_eq!((line.message.as_str(), line.service.as_str(), line.seq), ("no free address", "session", 1));
    assert_eq!(serde_json::to_value(&line.fields["client"]).unwrap(), "[address]");

    world.restart().await;
    world.log(2, || tracing::info!("after the restart"));
    let logs = LogsClient::new(world.channel().await);
    logs.tail(Acting::root(Tail { text: "restart".into(), after: Some(0) })).await.unwrap();
    assert_eq!(logs.query(Acting::root(query(""))).await.unwrap().lines.len(), 3);
    let status = logs.status(NoInput {}).await.unwrap();
    assert_eq!((status.stored, status.repeated, status.missing, status.corrupt), (1, 0, 0, 0));
}

#[tokio::test]
async fn metrics_of_host_and_services_are_live() {
    let world = World::start();
    let metrics = MetricsClient::new(world.channel().await);
    metrics.record(Record { values: [("restarts".to_owned(), 2.0)].into() }).await.unwrap();
    let mut after = 0;
    let samples = loop {
        let samples = metrics.live(Acting::root(LiveMetrics { after: Some(after) })).await.unwrap();
        after = samples.at;
        if samples.values.contains_key("master.restarts") && samples.values.contains_key("host.cpu_ratio") {
            break samples;
        }
    };
    assert!((0.0..=1.0).contains(&samples.values["host.cpu_ratio"]));
    assert!(metrics.names(Acting::root(NoInput {})).await.unwrap().contains(&"host.load1".to_owned()));
}
