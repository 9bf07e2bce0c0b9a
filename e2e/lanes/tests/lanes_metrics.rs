//! Metrics of a whole server, as Prometheus and an OpenTelemetry collector receive them, and the files in `installers`
//! that operators give to Prometheus and Grafana.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tornado_e2e_harness::{Host, Process, wait_for};
use tornado_e2e_lanes::world::World;

const CONSOLE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8000);
const PROMETHEUS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9090);
const COLLECTOR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4318);
const WITHIN: Duration = Duration::from_secs(60);

/// Metrics that appear with the first event of their kind, or depend on the kernel of the machine.
const OCCASIONAL: [&str; 9] = [
    "tornado_canary_age_seconds",
    "tornado_dns_queries_total",
    "tornado_flows",
    "tornado_flows_limit",
    "tornado_heartbeats_total",
    "tornado_refreshes_total",
    "tornado_rpc_failures_total",
    "tornado_session_ends_total",
    "tornado_sign_ins_total",
];

fn installers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../installers")
}

/// Runs `promtool` and returns its output, which it also prints on success.
fn promtool(words: &[&str], input: &str) -> String {
    let mut command = Command::new("promtool");
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {words:?}: {text}");
    text
}

#[test]
fn alert_rules_are_valid_and_pass_their_tests() {
    let dir = tempfile::tempdir().unwrap();
    let place = |from: PathBuf| {
        let to = dir.path().join(from.file_name().unwrap());
        std::fs::copy(from, &to).unwrap();
        to.display().to_string()
    };
    let rules = place(installers().join("prometheus/tornado-rules.yml"));
    let tests = place(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/prometheus/rules.test.yml"));
    promtool(&["check", "rules", &rules], "");
    promtool(&["test", "rules", &tests], "");
    let scrape = installers().join("prometheus/scrape.yml").display().to_string();
    promtool(&["check", "config", "--syntax-only", &scrape], "");
    // Each alert names a section of the runbook that exists.
    let operations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md");
    let operations = std::fs::read_to_string(operations).unwrap().to_lowercase();
    let text = std::fs::read_to_string(rules).unwrap();
    for section in text.lines().filter_map(|line| line.trim().strip_prefix("runbook: docs/operations.md, ")) {
        assert!(operations.contains(&format!("# {section}\n")), "docs/operations.md has no section '{section}'");
    }
}

/// All expressions of the dashboard, with a value for each variable.
fn dashboard() -> Vec<String> {
    let text = std::fs::read_to_string(installers().join("grafana/tornado.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&text).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let fill = |expr: &str| expr.replace("$__rate_interval", "1m").replace("$instance", ".*");
    targets.map(|target| fill(target["expr"].as_str().unwrap())).collect()
}

/// Names of metrics in PromQL or in the text of alert rules, without suffixes of histograms.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let metrics = words.filter(|word| word.starts_with("tornado_") || word.starts_with("process_"));
    metrics.map(|name| name.trim_end_matches("_bucket").to_owned()).collect()
}

/// The OpenMetrics text in the older format, which `promtool check metrics` reads.
fn older_format(text: &str) -> String {
    let mut counters = BTreeSet::new();
    let mut older = String::new();
    for line in text.lines().filter(|line| !line.starts_with("# UNIT") && *line != "# EOF") {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words.as_slice() {
            ["#", "TYPE", name, kind] => {
                let total = if *kind == "counter" { "_total" } else { "" };
                counters.extend((*kind == "counter").then(|| (*name).to_owned()));
                writeln!(older, "# TYPE {name}{total} {kind}").unwrap();
            }
            ["#", "HELP", name, help] => {
                let total = if counters.contains(*name) { "_total" } else { "" };
                writeln!(older, "# HELP {name}{total} {help}").unwrap();
            }
            _ => writeln!(older, "{line}").unwrap(),
        }
    }
    older
}

/// Starts Prometheus in the server's host, with our rules.
fn prometheus(host: &Host) -> Process {
    let directory = host.dir().join("prometheus");
    std::fs::create_dir_all(&directory).unwrap();
    let rules = installers().join("prometheus/tornado-rules.yml").canonicalize().unwrap();
    let config = directory.join("prometheus.yml");
    let text = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{}]\nscrape_configs:\n\
         - job_name: tornado\n  static_configs: [{{ targets: ['{CONSOLE}'] }}]\n",
        rules.display()
    );
    std::fs::write(&config, text).unwrap();
    let mut command = host.command("prometheus");
    command.arg(format!("--config.file={}", config.display()));
    command.arg(format!("--storage.tsdb.path={}", directory.join("data").display()));
    command.arg(format!("--web.listen-address={PROMETHEUS}"));
    host.spawn("prometheus", command).unwrap()
}

/// The result of a query of Prometheus's API.
fn ask(host: &Host, path: &str) -> Option<Value> {
    let reply = host.exec(&["curl", "--silent", "--globoff", &format!("http://{PROMETHEUS}{path}")]).ok()?;
    let reply: Value = serde_json::from_str(&reply.stdout).ok()?;
    (reply["status"] == "success").then(|| reply["data"].clone())
}

/// The value of the first series, if there is one.
fn value(host: &Host, query: &str) -> Option<f64> {
    let data = ask(host, &format!("/api/v1/query?query={query}"))?;
    data["result"][0]["value"][1].as_str()?.parse().ok()
}

/// An OpenTelemetry collector that keeps what it receives. It is overloaded at its first request.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Value)>>>);

impl Collector {
    fn start(host: &Host) -> Self {
        let listener = host.enter(|| TcpListener::bind(COLLECTOR).unwrap()).unwrap();
        let collector = Self::default();
        let kept = collector.clone();
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let kept = kept.clone();
                std::thread::spawn(move || kept.serve(&stream.unwrap(), number == 0));
            }
        });
        collector
    }

    /// Serves the requests of one connection.
    fn serve(&self, mut stream: &TcpStream, mut is_overloaded: bool) {
        let (mut received, mut buffer) = (Vec::new(), [0; 65_536]);
        while let Ok(length @ 1..) = stream.read(&mut buffer) {
            received.extend_from_slice(&buffer[..length]);
            while let Some((path, body, end)) = request(&received) {
                let status = if is_overloaded { "503 Service Unavailable" } else { "200 OK" };
                if !std::mem::take(&mut is_overloaded) {
                    self.0.lock().push((path, body));
                }
                received.drain(..end);
                let reply =
                    format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{{}}");
                if stream.write_all(reply.as_bytes()).is_err() {
                    return;
                }
            }
        }
    }

    /// Values of all objects that were sent to a path and have this key, at any depth.
    fn all(&self, path: &str, key: &str) -> Vec<Value> {
        fn collect(value: &Value, key: &str, found: &mut Vec<Value>) {
            match value {
                Value::Object(map) => map.iter().for_each(|(name, value)| {
                    if name == key {
                        found.push(value.clone());
                    }
                    collect(value, key, found);
                }),
                Value::Array(values) => values.iter().for_each(|value| collect(value, key, found)),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        let mut found = Vec::new();
        self.0.lock().iter().filter(|(to, _)| to == path).for_each(|(_, body)| collect(body, key, &mut found));
        found
    }
}

/// Path, body and length of the first complete request.
fn request(bytes: &[u8]) -> Option<(String, Value, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).ok()?.to_lowercase();
    let length: usize = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())?;
    let body = bytes.get(head..head + length)?;
    let path = text.split(' ').nth(1)?.to_owned();
    Some((path, serde_json::from_slice(body).ok()?, head + length))
}

#[test]
fn prometheus_and_a_collector_receive_the_metrics() {
    let otlp = format!("[telemetry.otlp]\nendpoint = \"http://{COLLECTOR}\"\ntraces = true\n");
    let mut world = World::up(1, &otlp).unwrap();
    let host = &world.lab.host("server").unwrap().clone();
    let collector = Collector::start(host);
    let mut prometheus = prometheus(host);
    let device = world.enrolled(1).unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();

    // A real scrape: Prometheus parses the text more strictly than any test would.
    let online = "sum(tornado_sessions{state=%22online%22})";
    wait_for("a session in Prometheus", WITHIN, || {
        prometheus.must_run()?;
        Ok((value(host, online) == Some(1.0)).then_some(()))
    })
    .unwrap();
    assert_eq!(value(host, "up"), Some(1.0));
    for query in [
        "tornado_service_ready{service=%22auth%22}",
        "tornado_service_up{service=%22master%22}",
        "tornado_peers",
        "tornado_lane_up{lane=%22direct%22}",
        "tornado_connects_total{outcome=%22ok%22}",
        "tornado_logins_total{outcome=%22ok%22}",
        "tornado_database_up{data=%22identity%22}",
        "tornado_http_responses_total{route=%22/vpn/initiate%22,status=%22200%22}",
    ] {
        assert!(value(host, query).is_some_and(|value| value >= 1.0), "{query}: {:?}", value(host, query));
    }
    let rules = ask(host, "/api/v1/rules").unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap().clone();
    assert!(rules.len() > 15 && rules.iter().all(|rule| rule["health"] == "ok"), "{rules:?}");

    wait_for("logs, metrics and traces in the collector", WITHIN, || {
        let has = |path: &str, key: &str, wanted: &str| collector.all(path, key).iter().any(|value| value == wanted);
        let complete = has("/v1/metrics", "name", "tornado_sessions")
            && has("/v1/logs", "stringValue", "auth")
            && has("/v1/traces", "name", "Sessions.connect")
            && has("/v1/traces", "name", "POST /vpn/initiate");
        Ok(complete.then_some(()))
    })
    .unwrap();

    // Every name in the dashboard and the rules is one that the server publishes.
    let text = String::from_utf8(host.http_get(CONSOLE, "/metrics").unwrap().body).unwrap();
    promtool(&["check", "metrics"], &older_format(&text));
    let published: BTreeSet<String> = text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(|line| names(line.split(['{', ' ']).next().unwrap()))
        .collect();
    let exprs = dashboard();
    let rules = std::fs::read_to_string(installers().join("prometheus/tornado-rules.yml")).unwrap();
    let used = exprs.iter().flat_map(|expr| names(expr)).chain(names(&rules));
    let unknown: BTreeSet<String> = used
        .filter(|name| {
            !published.contains(name) && !OCCASIONAL.contains(&name.as_str()) && !name.starts_with("tornado_tor_probe_")
        })
        .collect();
    assert!(unknown.is_empty(), "not published: {unknown:?}");
    let recordings: Vec<Value> =
        exprs.iter().enumerate().map(|(n, expr)| json!({ "record": format!("panel:{n}"), "expr": expr })).collect();
    let file = host.dir().join("panels.yml");
    std::fs::write(&file, json!({ "groups": [{ "name": "panels", "rules": recordings }] }).to_string()).unwrap();
    promtool(&["check", "rules", &file.display().to_string()], "");

    // No series names a user, a device or an address of one.
    for secret in ["user1", "198.51.100.", "lab\""] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }

    let trace_of = |name: &str| {
        let spans: Vec<Value> = collector
            .all("/v1/traces", "spans")
            .into_iter()
            .flat_map(|spans| spans.as_array().cloned().unwrap_or_default())
            .collect();
        spans
            .into_iter()
            .filter(|span| span["name"] == name)
            .map(|span| span["traceId"].to_string())
            .collect::<BTreeSet<_>>()
    };
    let (edge, inner) = (trace_of("POST /vpn/initiate"), trace_of("Sessions.connect"));
    assert!(!edge.is_disjoint(&inner), "the request and the call that it caused are one trace: {edge:?} {inner:?}");

    // The history has the same names, over a restart of the service.
    let range = ["metrics", "tornado_sessions", "tornado_peers", "--range", "10m"];
    let before = world.server.kill_service("telemetry").unwrap();
    world.server.wait_restarted("telemetry", before, WITHIN).unwrap();
    let series = world.server.json(&range).unwrap();
    let peers = series.as_array().unwrap().iter().find(|one| one["name"] == "tornado_peers{service=wg}").unwrap();
    assert!(peers["points"].as_array().unwrap().len() > 5, "{series}");
}
