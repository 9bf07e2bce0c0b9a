//! Starting, stopping and asking the installed server, under systemd or without.

use super::files;
use super::reason::{self, Start};
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

/// The first start makes keys and a database.
const READY: Duration = Duration::from_secs(60);
/// A stop waits for the requests in flight of every service.
const STOPPED: Duration = Duration::from_secs(30);

/// True when systemd runs this machine, sd_booted(3).
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// True when the server answers and says ready.
pub fn is_ready() -> anyhow::Result<bool> {
    Ok(is_ready_by(&status()?))
}

/// What the server reports of itself; `null` when it does not answer.
fn status() -> anyhow::Result<Value> {
    let output = tornadod(&["status", "--json"])?;
    Ok(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

fn is_ready_by(status: &Value) -> bool {
    status["ready"] == Value::Bool(true)
}

/// Exit code of `tornadod` when the server refused, as its help says.
const REFUSED: i32 = 4;

/// A one-time link that makes the first operator; `None` when there is one already.
pub fn setup_link() -> anyhow::Result<Option<String>> {
    let output = tornadod(&["setup-link"])?;
    if output.status.code() == Some(REFUSED) {
        return Ok(None);
    }
    succeeded("setup-link", &output)?;
    Ok(Some(String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

/// True on a server that has no account yet and no printed invitation: also after a first run that failed.
pub fn is_without_people() -> anyhow::Result<bool> {
    let users = ask(&["user", "list"])?;
    Ok(!files::was_invited() && users.as_array().is_some_and(Vec::is_empty))
}

/// Asks the server with `--json`.
pub fn ask(words: &[&str]) -> anyhow::Result<Value> {
    let mut all = words.to_vec();
    all.push("--json");
    let (output, line) = (tornadod(&all)?, words.join(" "));
    succeeded(&line, &output)?;
    serde_json::from_slice(&output.stdout).with_context(|| format!("'tornadod {line}' answered no JSON"))
}

fn succeeded(line: &str, output: &Output) -> anyhow::Result<()> {
    if !output.status.success() {
        bail!("'tornadod {line}': {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// Starts it, or stops and starts it; returns when it is ready.
pub fn restart() -> anyhow::Result<()> {
    if has_systemd() {
        systemctl(&["daemon-reload"])?;
        systemctl(&["enable", "--quiet", "tornado.service"])?;
        let start = Start::now(None);
        // A notifying unit: this returns when the server is ready, or was given up.
        let started = systemctl(&["restart", "tornado.service"]);
        return started.and_then(|()| wait("the server to be ready", READY, progress)).with_context(|| explain(&start));
    }
    stop()?;
    let log = Path::new(files::LOG).join("tornadod.log");
    std::fs::create_dir_all(files::LOG).with_context(|| format!("cannot make {}", files::LOG))?;
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&log)
        .with_context(|| format!("cannot open {}", log.display()))?;
    // One of an earlier version may be readable by all.
    file.set_permissions(Permissions::from_mode(0o600)).with_context(|| format!("cannot protect {}", log.display()))?;
    let start = Start::now(Some(&log));
    let mut command = Command::new("setsid");
    command.arg(files::tornadod()).args(["--config", files::CONFIG, "master"]).current_dir("/");
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
    let mut master = command.spawn().context("cannot start the server")?;
    let ready = wait("the server to be ready", READY, || match master.try_wait()? {
        Some(status) => bail!("the server ended with {status}"),
        None => progress(),
    });
    ready.with_context(|| explain(&start))
}

/// True when it is ready; fails when a service was given up, which only a person can change.
fn progress() -> anyhow::Result<bool> {
    let status = status()?;
    match reason::given_up(&status) {
        Some(why) => bail!("{why}"),
        None => Ok(is_ready_by(&status)),
    }
}

/// All that status and log tell about a start that failed.
fn explain(start: &Start) -> String {
    start.explain(&status().unwrap_or_default())
}

/// Stops it; false when it did not run.
pub fn stop() -> anyhow::Result<bool> {
    if has_systemd() && Path::new(files::UNIT).exists() {
        let ran = systemctl(&["is-active", "--quiet", "tornado.service"]).is_ok();
        systemctl(&["disable", "--quiet", "--now", "tornado.service"])?;
        return Ok(ran);
    }
    let Some(master) = master() else { return Ok(false) };
    kill(master, Signal::SIGTERM).context("cannot stop the server")?;
    wait("the server to stop", STOPPED, || Ok(has_ended(master)))?;
    Ok(true)
}

/// The process that listens on the supervisor's socket: no pid file that could name another process.
fn master() -> Option<Pid> {
    let stream = UnixStream::connect(Path::new(files::RUN).join("master.sock")).ok()?;
    let credentials = getsockopt(&stream, PeerCredentials).ok()?;
    Some(Pid::from_raw(credentials.pid()))
}

/// Gone, or dead and not yet asked after by its parent.
fn has_ended(process: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

fn tornadod(words: &[&str]) -> anyhow::Result<Output> {
    let mut command = Command::new(files::tornadod());
    command.args(["--config", files::CONFIG]).args(words);
    command.output().context("cannot start the installed tornadod")
}

fn systemctl(words: &[&str]) -> anyhow::Result<()> {
    shell::run(shell::command("systemctl", words))
}

fn wait(what: &str, within: Duration, mut ask: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let started = Instant::now();
    while !ask()? {
        if started.elapsed() > within {
            bail!("waited {within:?} for {what}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
