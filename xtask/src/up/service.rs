//! Starts, stops and queries the installed server, with or without systemd.

use super::reason::{self, Start};
use super::{files, paths};
use crate::shell;
use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Time limit of a start. The first one creates keys and a database.
const READY: Duration = Duration::from_secs(60);
/// Time limit of a stop, which waits for the requests in progress of every service.
const STOPPED: Duration = Duration::from_secs(30);

/// Returns true if the server responds and is ready.
pub fn is_ready() -> anyhow::Result<bool> {
    Ok(is_ready_by(&status()?))
}

/// The status that the server reports; `null` if it does not respond.
fn status() -> anyhow::Result<Value> {
    let output = tornadod(&["status", "--json"])?;
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

fn is_ready_by(status: &Value) -> bool {
    status["ready"] == Value::Bool(true)
}

/// Exit code of `tornadod` if the server rejected the request.
const REFUSED: i32 = 4;

/// Creates a one-time link for the first operator; `None` if an operator exists.
pub fn setup_link() -> anyhow::Result<Option<String>> {
    let output = tornadod(&["setup-link"])?;
    if output.status.code() == Some(REFUSED) {
        return Ok(None);
    }
    succeeded("setup-link", &output)?;
    Ok(Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

/// Returns true if the server has no accounts and no invitation was printed yet, also after a first run that failed.
pub fn is_without_people() -> anyhow::Result<bool> {
    let users = ask(&["user", "list"])?;
    Ok(!files::was_invited() && users.as_array().is_some_and(Vec::is_empty))
}

/// Runs `tornadod` with `--json` and parses its output.
pub fn ask(words: &[&str]) -> anyhow::Result<Value> {
    let mut all = words.to_vec();
    all.push("--json");
    let (output, line) = (tornadod(&all)?, words.join(" "));
    succeeded(&line, &output)?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("cannot parse the output of 'tornadod {line}'"))
}

fn succeeded(line: &str, output: &Output) -> anyhow::Result<()> {
    if !output.status.success() {
        bail!("'tornadod {line}' failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Starts or restarts the server. Returns when it is ready.
pub fn restart() -> anyhow::Result<()> {
    if shell::has_systemd() {
        // The directories of the log files, whose bit setgid the unit's sandbox does not let the server set.
        let mut directories = shell::command("systemd-tmpfiles", &["--create"]);
        directories.arg(shell::root().join("installers/tmpfiles.d/tornado.conf"));
        shell::run(directories)?;
        systemctl(&["daemon-reload"])?;
        systemctl(&["enable", "--quiet", "tornado.service"])?;
        let start = Start::now(None);
        // The unit notifies systemd, so this returns when the server is ready or has failed.
        let started = systemctl(&["restart", "tornado.service"]);
        return started.and_then(|()| wait("the server to be ready", READY, progress)).with_context(|| explain(&start));
    }
    stop()?;
    let log = Path::new(paths::LOG).join("tornadod.log");
    std::fs::create_dir_all(paths::LOG).with_context(|| format!("cannot create {}", paths::LOG))?;
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&log)
        .with_context(|| format!("cannot open {}", log.display()))?;
    // The log of an earlier version may be readable for all.
    file.set_permissions(Permissions::from_mode(0o600))
        .with_context(|| format!("cannot set the mode of {}", log.display()))?;
    let start = Start::now(Some(&log));
    let mut command = Command::new("setsid");
    command.arg(files::tornadod()).args(["--config", paths::CONFIG, "master"]).current_dir("/");
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut master = command.spawn().context("cannot start the server")?;
    let ready = wait("the server to be ready", READY, || match master.try_wait()? {
        Some(status) => bail!("the server ended with {status}"),
        None => progress(),
    });
    ready.with_context(|| explain(&start))
}

/// Returns true if the server is ready. Fails if a service is in a crash loop, which needs an operator.
fn progress() -> anyhow::Result<bool> {
    let status = status()?;
    match reason::given_up(&status) {
        Some(why) => bail!("{why}"),
        None => Ok(is_ready_by(&status)),
    }
}

/// Describes a failed start from status and log.
fn explain(start: &Start) -> String {
    start.explain(&status().unwrap_or_default())
}

/// Stops the server. Returns false if it was not running.
pub fn stop() -> anyhow::Result<bool> {
    if shell::has_systemd() && Path::new(paths::UNIT).exists() {
        let ran = systemctl(&["is-active", "--quiet", "tornado.service"]).is_ok();
        systemctl(&["disable", "--quiet", "--now", "tornado.service"])?;
        return Ok(ran);
    }
    let Some(master) = master() else { return Ok(false) };
    kill(master, Signal::SIGTERM).context("cannot stop the server")?;
    wait("the server to stop", STOPPED, || Ok(has_ended(master)))?;
    Ok(true)
}

/// The process that listens on the supervisor's socket. Unlike a pid file, it cannot refer to another process.
fn master() -> Option<Pid> {
    let stream = UnixStream::connect(Path::new(paths::RUN).join("master.sock")).ok()?;
    let credentials = getsockopt(&stream, PeerCredentials).ok()?;
    Some(Pid::from_raw(credentials.pid()))
}

/// Returns true if the process does not exist or is a zombie.
fn has_ended(process: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

fn tornadod(words: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(files::tornadod());
    command.args(["--config", paths::CONFIG]).args(words);
    command.output().context("cannot run the installed tornadod")
}

fn systemctl(words: &[&str]) -> anyhow::Result<()> {
    shell::run(shell::command("systemctl", words))
}

fn wait(what: &str, within: Duration, mut ask: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let started = Instant::now();
    while !ask()? {
        if started.elapsed() > within {
            bail!("timed out after {within:?} waiting for {what}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
