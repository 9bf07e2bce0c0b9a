//! The load: a program of its own, built with optimisation, that takes orders.

use super::world::API;
use crate::bench::Sample;
use crate::bench::tor_world::programs;
use crate::shell;
use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use tornado_e2e_harness::Host;

/// What devices can do.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// With name and password.
    Login,
    /// With a new WireGuard key each time.
    Connect,
    /// A sign of life.
    Heartbeat,
}

impl Act {
    const fn word(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Connect => "connect",
            Self::Heartbeat => "heartbeat",
        }
    }
}

/// What many calls came to.
#[derive(Debug, Clone, Deserialize)]
pub struct Calls {
    /// Good ones.
    pub count: usize,
    /// Good ones a second.
    pub rate: f64,
    /// The middle one.
    pub p50_ms: Option<f64>,
    /// All but one of a hundred are faster.
    pub p99_ms: Option<f64>,
    failed: usize,
    complaint: Option<String>,
}

impl Calls {
    fn read(text: &str) -> anyhow::Result<Self> {
        let answer: Value = serde_json::from_str(text).with_context(|| format!("the load answered {text:?}"))?;
        if let Some(error) = answer["error"].as_str() {
            anyhow::bail!("the load failed: {error}");
        }
        let calls: Self = serde_json::from_value(answer)?;
        let complaint = calls.complaint.as_deref().unwrap_or_default();
        // A rate that counts only what went well would be told of a server that fails.
        ensure!(calls.failed == 0, "{} of {} calls failed: {complaint}", calls.failed, calls.count + calls.failed);
        Ok(calls)
    }

    /// As figures of a contestant.
    pub fn sample(&self, name: &str) -> Sample {
        let mut sample = Sample::from([(format!("{name}_s"), self.rate)]);
        for (word, value) in [("p50_ms", self.p50_ms), ("p99_ms", self.p99_ms)] {
            sample.extend(value.map(|value| (format!("{name}_{word}"), value)));
        }
        sample
    }
}

/// The program of the load.
pub fn program() -> PathBuf {
    programs().join("tornado-control")
}

/// Runs a peer of the load's program to its end.
pub fn peer(words: &[&str]) -> anyhow::Result<Calls> {
    Calls::read(&shell::read(shell::command(program(), words))?)
}

/// Devices, by number.
pub struct Fleet {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    devices: usize,
    accounts: usize,
}

impl Fleet {
    /// In a host of the lab.
    pub fn start(host: &Host, sockets: &Path) -> anyhow::Result<Self> {
        let mut command = host.command(program());
        command.args(["fleet", "--server", API, "--sockets"]).arg(sockets);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("no load")?;
        let orders = child.stdin.take().context("the load takes no orders")?;
        let answers = BufReader::new(child.stdout.take().context("the load does not answer")?);
        Ok(Self { child, orders, answers, devices: 0, accounts: 0 })
    }

    /// Makes accounts of so many devices each.
    pub fn accounts(&mut self, count: usize, each: usize) -> anyhow::Result<Range<usize>> {
        let (first, number) = (self.devices, self.accounts);
        self.ask(&json!({ "do": "accounts", "name": "many", "first": number, "count": count, "devices": each }))?;
        self.accounts += count;
        self.devices += count * each;
        Ok(first..self.devices)
    }

    /// Each of the devices once or, for some seconds, as often as so many callers can.
    pub fn act(&mut self, what: Act, of: &Range<usize>, callers: usize, seconds: Option<f64>) -> anyhow::Result<Calls> {
        let what = what.word();
        self.ask(&json!({
            "do": "act", "what": what, "first": of.start, "count": of.len(), "callers": callers, "seconds": seconds,
        }))
        .with_context(|| format!("many a {what}"))
    }

    fn ask(&mut self, order: &Value) -> anyhow::Result<Calls> {
        writeln!(self.orders, "{order}")?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Calls::read(&line)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Gone already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
