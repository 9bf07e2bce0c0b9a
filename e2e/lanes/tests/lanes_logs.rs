//! Log lines of a real server: found by their request, stored once each, and lost by no service that cannot write them.

#![expect(clippy::unwrap_used, reason = "a test panics when its setup fails")]

use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tornado_e2e_harness::{ServerOptions, wait_for};
use tornado_e2e_lanes::world::World;

const WITHIN: Duration = Duration::from_secs(30);

/// Runs `tornadod logs WORDS`, which must succeed, and parses one JSON object per line.
fn logs(world: &World, words: &[&str]) -> Vec<Value> {
    let output = world.server.cli(&[&["logs"], words].concat()).unwrap().success().unwrap();
    output.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn services(lines: &[Value]) -> BTreeSet<String> {
    lines.iter().map(|line| line["service"].as_str().unwrap().to_owned()).collect()
}

fn curl(world: &World, words: &[&str]) -> String {
    let own = ["curl", "--silent", "--insecure", "--max-time", "60"];
    world.device_host(1).unwrap().exec(&[&own, words].concat()).unwrap().stdout
}

fn found_by_request(world: &World) {
    let url = format!("https://{}/auth/reauth", world.api());
    let words = ["--include", "--header", "X-Request-Id: night-1", "--header", "Accept: application/problem+json"];
    let body = ["--json", r#"{"refresh_token":"eyJhbGciOiJFZERTQSJ9.e30.AAAA"}"#, &url];
    let reply = curl(world, &[&words[..], &body].concat());
    let lower = reply.to_lowercase();
    assert!(lower.contains("x-request-id: night-1") && lower.contains(r#""request_id":"night-1""#), "{reply}");
    let made = curl(world, &["--include", &format!("https://{}/health", world.api())]).to_lowercase();
    assert!(made.contains("x-request-id: ") && !made.contains("night-1"), "{made}");

    let lines = wait_for("the lines of the request", WITHIN, || {
        let lines = logs(world, &["query", "--request", "night-1", "--json"]);
        Ok((services(&lines).len() >= 2).then_some(lines))
    });
    let lines = lines.unwrap();
    assert!(services(&lines).contains("client-api") && services(&lines).contains("auth"), "{lines:?}");
    assert!(!format!("{lines:?}").contains("eyJ"), "a token is in the log: {lines:?}");
    assert!(lines.iter().all(|line| line["request_id"] == "night-1"));

    let text = world.server.cli(&["logs", "count", "request:night-1 level:info OR request:night-1"]).unwrap();
    assert_eq!(text.success().unwrap().stdout.trim(), lines.len().to_string());
    let bad = world.server.cli(&["logs", "query", "(unclosed"]).unwrap();
    assert_eq!(bad.status.code(), Some(4), "{bad:?}");
    assert!(bad.stderr.contains("cannot parse the query"), "{bad:?}");
}

fn saved_deleted_and_counted(world: &World) {
    let cli = |words: &[&str]| world.server.cli(&[&["logs"], words].concat()).unwrap().success().unwrap().stdout;
    cli(&["save", "night", "request:night-1", "--description", "the night of the first"]);
    assert!(cli(&["saved"]).contains("the night of the first"));
    let lines = logs(world, &["run", "night", "--json"]);
    assert!(lines.len() >= 2);
    cli(&["forget", "night"]);
    assert!(!cli(&["saved"]).contains("night"));
    assert!(cli(&["top", "--by", "service"]).contains("client-api"));
    assert!(cli(&["aggregate", "--step", "1m"]).contains("client-api"));
    assert!(cli(&["histogram", "--step", "1d"]).contains("INFO"));
    let csv = cli(&["export", "request:night-1", "--format", "csv"]);
    assert_eq!(csv.lines().count(), lines.len() + 1, "{csv}");

    let count = lines.len();
    assert_eq!(cli(&["delete", "request:night-1", "--dry-run"]).trim(), format!("{count} lines would be deleted"));
    assert_eq!(cli(&["delete", "request:night-1"]).trim(), format!("{count} lines were deleted"));
    assert_eq!(cli(&["count", "request:night-1"]).trim(), "0");
    let trail = world.server.json(&["audit", "list"]).unwrap();
    let row = trail.as_array().unwrap().iter().find(|row| row["action"] == "logs.deleted").unwrap();
    assert_eq!((&row["details"]["lines"], &row["details"]["by"]), (&count.to_string().into(), &"root".into()), "{row}");
    let refused = world.server.cli(&["logs", "delete"]).unwrap();
    assert_eq!(refused.status.code(), Some(4), "a deletion of everything must be refused: {refused:?}");
}

/// The sequence numbers of the lines in the log files of a service, of the process that wrote the latest one.
fn written(directory: &Path, service: &str) -> (String, Vec<u64>) {
    let mut lines: Vec<(String, u64)> = Vec::new();
    for name in std::fs::read_dir(directory.join(service)).unwrap().map(|entry| entry.unwrap().path()) {
        let text = std::fs::read_to_string(&name).unwrap();
        lines.extend(text.lines().map(|line| place(&serde_json::from_str(line).unwrap())));
    }
    let process = lines.iter().max_by_key(|(_, seq)| *seq).unwrap().0.clone();
    let mut numbers: Vec<u64> = lines.into_iter().filter(|(of, _)| *of == process).map(|(_, seq)| seq).collect();
    numbers.sort_unstable();
    (process, numbers)
}

fn place(line: &Value) -> (String, u64) {
    (line["process"].as_str().unwrap().to_owned(), line["seq"].as_u64().unwrap())
}

fn each_line_once(world: &World) {
    let files = world.server.log_dir();
    let rotated = files.join("client-api/client-api.log.2");
    for _ in 0..3 {
        world.server.kill_if_running("telemetry").unwrap();
        curl(world, &["--output", "/dev/null", &format!("https://{}/health?[1-3500]", world.api())]);
    }
    assert!(rotated.exists(), "the log files were not rotated");
    let (process, expected) = written(&files, "client-api");
    assert_eq!(expected, (1..=*expected.last().unwrap()).collect::<Vec<_>>(), "a line is missing in the files");
    let stored = wait_for("all lines to be stored", WITHIN, || {
        let query = format!("service:client-api process:{process}");
        let Ok(output) = world.server.cli(&["logs", "export", &query])?.success() else { return Ok(None) };
        let lines = output.stdout.lines().map(|line| place(&serde_json::from_str(line).unwrap()).1);
        let mut stored: Vec<u64> = lines.collect();
        stored.sort_unstable();
        Ok((stored.last() >= expected.last()).then_some(stored))
    });
    let stored = stored.unwrap();
    assert_eq!(stored, (1..=*stored.last().unwrap()).collect::<Vec<_>>(), "each line must be stored once");
    let status = world.server.json(&["logs", "status"]).unwrap();
    assert_eq!((&status["missing"], &status["corrupt"]), (&0.into(), &0.into()), "{status}");
}

/// A counter of the log output of service `session`, as Prometheus reads it.
fn counted(world: &World, series: &str) -> u64 {
    let text = world.server.cli(&["metrics", "--openmetrics"]).unwrap().success().unwrap().stdout;
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse::<f64>().ok());
    value.map_or(0, |value| value as u64)
}

const LOST: &str = "tornado_log_output_lines_total{service=\"session\",outcome=\"lost\"}";
const REPLACED: &str = "tornado_log_files_replaced_total{service=\"session\"}";

/// Waits until a counter of `session` is at least `least`, while it serves.
fn until_counted(world: &World, series: &str, least: u64) {
    let counted = wait_for(series, WITHIN, || {
        assert!(world.sessions().unwrap().is_empty());
        Ok((counted(world, series) >= least).then_some(()))
    });
    counted.unwrap();
}

/// The report of `session` about lines that it could not write; the one after those in `before`.
fn reported(world: &World, before: usize) -> u64 {
    let query = "service:session \"could not be written to the log file\"";
    let report = wait_for("the report about lost lines", WITHIN, || {
        assert!(world.sessions().unwrap().is_empty());
        let reports = logs(world, &["query", query, "--json"]);
        Ok((reports.len() > before).then(|| reports.iter().filter_map(|one| one["fields"]["lines"].as_u64()).sum()))
    });
    report.unwrap()
}

fn serves_without_a_log_file(world: &World) {
    let directory = world.server.log_dir().join("session");
    let away = directory.with_file_name("away");
    let mut log = world.server.log_from_now().unwrap();
    std::fs::rename(&directory, &away).unwrap();
    until_counted(world, LOST, 3);
    let told = wait_for("a report about the log file", WITHIN, || {
        Ok(log.more()?.contains("cannot write the log file").then_some(()))
    });
    told.unwrap();
    std::fs::rename(&away, &directory).unwrap();
    assert!(reported(world, 0) >= 3);
    assert!(world.server.json(&["logs", "status"]).unwrap()["missing"].as_u64().unwrap() >= 3);
}

fn serves_when_its_log_file_is_removed(world: &World) {
    let file = world.server.log_dir().join("session/session.log");
    let before = counted(world, REPLACED);
    std::fs::remove_file(&file).unwrap();
    until_counted(world, REPLACED, before + 1);
    assert!(!std::fs::read_to_string(&file).unwrap().is_empty(), "the file is written again");
}

/// Runs a shell script that sees the files as service `session` does.
fn beside_session(world: &World, script: &str) {
    let target = format!("--target={}", world.server.pid_of("session").unwrap());
    let output = Command::new("nsenter").args([&target, "--mount", "sh", "-c", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
}

/// A small file system over the directory, which another program fills.
fn serves_when_the_disk_of_its_log_is_full(world: &World) {
    let directory = world.server.log_dir().join("session");
    let found = std::fs::metadata(&directory).unwrap();
    let (uid, gid, path) = (found.uid(), found.gid(), directory.display());
    let mount = format!("mount -t tmpfs -o size=256k,mode=2750,uid={uid},gid={gid} none {path}");
    beside_session(world, &format!("{mount} && (cat /dev/zero >{path}/ballast || true)"));
    let before = counted(world, LOST);
    until_counted(world, LOST, before + 3);
    beside_session(world, &format!("rm {path}/ballast"));
    assert!(reported(world, 1) >= 6, "both reports");
    let lost = counted(world, LOST);
    assert!(world.sessions().unwrap().is_empty());
    assert_eq!(counted(world, LOST), lost, "there is room again");
    beside_session(world, &format!("umount --lazy {path}"));
}

fn helper_has_a_file(world: &World) {
    let device = world.enrolled(1).unwrap();
    device.cli(&["connect"]).unwrap().success().unwrap();
    let path = device.log_dir().join("helper.log");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o640);
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!lines.is_empty() && services(&lines) == BTreeSet::from(["helper".to_owned()]), "{text}");
    assert!(!text.contains(&world.api().ip().to_string()), "an address is in the log: {text}");
}

#[test]
fn log_lines_of_a_server() {
    let options =
        ServerOptions { log: "info,tornado_client_api=debug,tornado_rpc=debug".into(), ..ServerOptions::default() };
    let mut world = World::up_with(1, options).unwrap();
    found_by_request(&world);
    saved_deleted_and_counted(&world);
    // Smaller files, which take effect with the next start.
    let path = world.server.config_path();
    let text = std::fs::read_to_string(&path).unwrap().replace("[log]\n", "[log]\nfile_mib = 1\n");
    std::fs::write(&path, text).unwrap();
    world.server.restart_all(Duration::from_secs(60)).unwrap();
    each_line_once(&world);
    serves_without_a_log_file(&world);
    serves_when_its_log_file_is_removed(&world);
    serves_when_the_disk_of_its_log_is_full(&world);
    helper_has_a_file(&world);
}
