//! The whole service in one process: lines that a subscriber writes are found over the socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]

use std::path::Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::telemetry::logs::{LogQuery, Logs as _, LogsClient, Selection, Tail};
use tornado_contracts::telemetry::metrics::{LiveMetrics, Metrics as _, MetricsClient};
use tornado_log::line::ProcessId;
use tornado_log::output::{FileLimits, LineLayer, LogFile};
use tornado_rpc::{Channel, NoInput};
use tornado_runtime::metrics::Metrics;
use tornado_runtime::{Context, Roles, socket_path};
use tornado_telemetry::{Config, Error, Otlp, Wiring, run};
use tracing_subscriber::layer::SubscriberExt as _;

struct World {
    dir: tempfile::TempDir,
    otlp: Otlp,
    shutdown: CancellationToken,
    service: tokio::task::JoinHandle<Result<(), Error>>,
}

impl World {
    fn start() -> Self {
        Self::start_with(Otlp::default())
    }

    fn start_with(otlp: Otlp) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for name in ["run", "state", "log", "log/session"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        let shutdown = CancellationToken::new();
        let service = start(dir.path(), otlp.clone(), &shutdown);
        Self { dir, otlp, shutdown, service }
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
        self.service = start(self.dir.path(), self.otlp.clone(), &self.shutdown);
    }

    /// Emits events as service `session`.
    fn log(&self, process: u64, work: impl FnOnce()) {
        let file = LogFile::new(&self.dir.path().join("log/session"), "session", FileLimits::default());
        let layer = LineLayer::new("session", ProcessId(process), tornado_runtime::clock::wall_clock, file);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    }
}

fn start(dir: &Path, otlp: Otlp, shutdown: &CancellationToken) -> tokio::task::JoinHandle<Result<(), Error>> {
    let context = Context {
        service: ServiceName::Telemetry,
        run_dir: dir.join("run"),
        state_dir: dir.join("state"),
        roles: Roles::default(),
        metrics: Metrics::default(),
        shutdown: shutdown.clone(),
    };
    let config = Config { otlp, ..Config::default() };
    tokio::spawn(run(context, config, Wiring { log_dir: dir.join("log") }))
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
    let mut after = 0;
    let samples = loop {
        let samples = metrics.live(Acting::root(LiveMetrics { after: Some(after) })).await.unwrap();
        after = samples.at;
        if samples.values.keys().any(|name| name.starts_with("tornado_rpc_duration_seconds_p99{service=telemetry,")) {
            break samples;
        }
    };
    assert!((0.0..=1.0).contains(&samples.values["tornado_host_cpu_ratio"]));
    assert!((1e6..1e9).contains(&samples.values["process_resident_memory_bytes{service=telemetry}"]));
    assert_eq!(samples.values["tornado_service_up{service=telemetry}"], 1.0);
    assert_eq!(samples.values["tornado_service_up{service=auth}"], 0.0);
    let names = metrics.names(Acting::root(NoInput {})).await.unwrap();
    assert!(names.contains(&"tornado_host_load1".to_owned()), "{names:?}");
    let text = metrics.scrape(NoInput {}).await.unwrap().text;
    assert!(
        text.contains("tornado_rpc_duration_seconds_count{service=\"telemetry\",method=\"Metrics.live\"} "),
        "{text}"
    );
}

/// Accepts OTLP requests and returns each with its path. The first one is answered with 503.
fn collect(listener: TcpListener) -> mpsc::UnboundedReceiver<(String, serde_json::Value)> {
    let (sender, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut status = "503 Service Unavailable";
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut bytes = Vec::new();
            let (head, length) = loop {
                stream.read_buf(&mut bytes).await.unwrap();
                let text = String::from_utf8_lossy(&bytes).to_lowercase();
                let Some(head) = text.find("\r\n\r\n") else { continue };
                let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
                break (head + 4, length.unwrap());
            };
            while bytes.len() < head + length {
                stream.read_buf(&mut bytes).await.unwrap();
            }
            let path = String::from_utf8_lossy(&bytes).split(' ').nth(1).unwrap().to_owned();
            let reply = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}");
            stream.write_all(reply.as_bytes()).await.unwrap();
            if status.starts_with("200") {
                let _ = sender.send((path, serde_json::from_slice(&bytes[head..]).unwrap()));
            }
            status = "200 OK";
        }
    });
    received
}

#[tokio::test]
async fn a_collector_that_was_overloaded_receives_everything() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Some(format!("http://{}", listener.local_addr().unwrap()));
    let world = World::start_with(Otlp { endpoint, traces: true, metrics: false, ..Otlp::default() });
    let mut received = collect(listener);
    world.log(1, || {
        let request = tracing::info_span!("request", request_id = "r-1");
        request.in_scope(|| {
            tracing::warn!("no free address");
            tracing::info!(target: tornado_rpc::CALLS, method = "Sessions.connect", status = 200, us = 9, "call");
        });
    });
    let (path, logs) = received.recv().await.unwrap();
    let records = &logs["resourceLogs"][0]["scopeLogs"][0]["logRecords"];
    assert_eq!((path.as_str(), records[0]["body"]["stringValue"].as_str()), ("/v1/logs", Some("no free address")));
    let (path, traces) = received.recv().await.unwrap();
    let span = &traces["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
    assert_eq!((path.as_str(), span["name"].as_str()), ("/v1/traces", Some("Sessions.connect")));
    assert_eq!(span["traceId"], records[0]["traceId"], "the line and the call are found together");
    let metrics = MetricsClient::new(world.channel().await);
    let sent = "tornado_otlp_items_total{service=\"telemetry\",signal=\"traces\",outcome=\"sent\"} 1";
    while !metrics.scrape(NoInput {}).await.unwrap().text.contains(sent) {
        tokio::task::yield_now().await;
    }
}
