//! The files for systemd, checked by systemd's own programs, and a server whose standard error is a real journal. Needs
//! root.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "a test panics when its setup fails")]
#![expect(clippy::disallowed_methods, reason = "polls another program")]

#[expect(dead_code, reason = "other tests use the other items")]
mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use support::{Lab, SERVICES};

/// Highest exposure that `systemd-analyze security` may report, in tenths.
const EXPOSURE: [(&str, u32); 3] =
    [("tornado.service", 36), ("tornado-helper.service", 28), ("tornado-lockdown.service", 24)];

fn installers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../installers")
}

fn checked(output: Output, what: &str) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{what}: {text}");
    text
}

#[test]
fn units_are_valid_and_confined() {
    let dir = tempfile::tempdir().unwrap();
    for (unit, exposure) in EXPOSURE {
        // `verify` requires that the programs exist.
        let text = std::fs::read_to_string(installers().join("systemd").join(unit)).unwrap();
        let program = std::fs::canonicalize(env!("CARGO_BIN_EXE_tornadod")).unwrap().display().to_string();
        let text = text.replace("/usr/bin/tornado-helperd", &program).replace("/usr/bin/tornadod", &program);
        let path = dir.path().join(unit);
        std::fs::write(&path, text).unwrap();
        let said = checked(Command::new("systemd-analyze").arg("verify").arg(&path).output().unwrap(), unit);
        assert!(!said.contains(unit), "{said}");
        let mut security = Command::new("systemd-analyze");
        security.args(["security", "--offline=true", "--no-pager", &format!("--threshold={exposure}")]).arg(&path);
        checked(security.output().unwrap(), unit);
    }
}

#[test]
fn log_directories_belong_to_their_services() {
    let dir = tempfile::tempdir().unwrap();
    let commands = [("sysusers.d", Command::new("systemd-sysusers")), ("tmpfiles.d", Command::new("systemd-tmpfiles"))];
    for (kind, mut command) in commands {
        let place = dir.path().join("usr/lib").join(kind);
        std::fs::create_dir_all(&place).unwrap();
        std::fs::create_dir_all(dir.path().join("etc")).unwrap();
        std::fs::copy(installers().join(kind).join("tornado.conf"), place.join("tornado.conf")).unwrap();
        command.arg(format!("--root={}", dir.path().display()));
        if kind == "tmpfiles.d" {
            command.arg("--create");
        }
        checked(command.output().unwrap(), kind);
    }
    let passwd = std::fs::read_to_string(dir.path().join("etc/passwd")).unwrap();
    let uids: BTreeMap<&str, u32> = passwd
        .lines()
        .filter_map(|line| {
            let mut words = line.split(':');
            Some((words.next()?, words.nth(1)?.parse().ok()?))
        })
        .collect();
    let readers = uids["tornado-telemetry"];
    for name in SERVICES.into_iter().chain(["master"]) {
        let owner = match name {
            "master" => 0,
            "client-api" => uids["tornado-api"],
            name => uids[format!("tornado-{name}").as_str()],
        };
        let found = std::fs::metadata(dir.path().join("var/log/tornado").join(name)).unwrap();
        assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (owner, readers, 0o2750), "{name}");
    }
}

/// The messages of the journal, as far as they are log lines.
fn journal(lab: &Lab) -> Vec<Value> {
    let mut command = lab.within("journalctl");
    command.args(["--directory=/run/log/journal", "--no-pager", "--quiet", "--output=cat", "--identifier=tornado"]);
    let text = checked(command.output().unwrap(), "journalctl");
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn key(line: &Value) -> (String, u64) {
    (line["process"].as_str().unwrap_or_default().to_owned(), line["seq"].as_u64().unwrap_or_default())
}

#[test]
fn the_journal_has_the_lines_of_the_log_files() {
    let mut lab = Lab::new("[server]\nhost = '192.0.2.1'\n");
    let prepare = "mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/log/journal";
    checked(lab.within("sh").args(["-c", prepare]).output().unwrap(), prepare);
    let mut journald = lab.within("/lib/systemd/systemd-journald").spawn().unwrap();
    let began = Instant::now();
    while !lab.within("test").args(["-S", "/run/systemd/journal/stdout"]).status().unwrap().success() {
        assert!(began.elapsed() < Duration::from_secs(30), "the journal does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    lab.start_master_by(&["systemd-cat", "--identifier=tornado"]);
    lab.wait("every service is ready", |status| status["ready"] == true);
    let services = |lines: &[Value]| -> BTreeSet<String> {
        lines.iter().filter_map(|line| line["service"].as_str().map(str::to_owned)).collect()
    };
    let written: Vec<Value> = lab.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(services(&written).len() >= 5 && services(&written).contains("master"), "{written:?}");
    let began = Instant::now();
    loop {
        let in_journal: BTreeMap<_, Value> = journal(&lab).into_iter().map(|line| (key(&line), line)).collect();
        let missing: Vec<&Value> = written.iter().filter(|line| in_journal.get(&key(line)) != Some(*line)).collect();
        if missing.is_empty() {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "not in the journal: {missing:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(lab.stop_master(), Some(0));
    journald.kill().unwrap();
    journald.wait().unwrap();
}
