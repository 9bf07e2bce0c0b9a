//! The load generator: a separate optimised program that executes orders.

use crate::bench::Sample;
use crate::bench::tor_world::programs;
use crate::shell;
use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use tornado_e2e_harness::Host;

/// Address of the device API in the lab.
pub const API: &str = "203.0.113.10:4605";

/// The calls that devices make.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Logs in with name and password.
    Login,
    /// Connects with a new WireGuard key each time.
    Connect,
    /// Sends a heartbeat.
    Heartbeat,
}

/// The result of a series of calls.
#[derive(Debug, Clone, Deserialize)]
pub struct Calls {
    /// Number of successful calls.
    pub count: usize,
    /// Successful calls per second.
    pub rate: f64,
    /// Median latency.
    pub p50_ms: Option<f64>,
    /// 99th percentile of the latency.
    pub p99_ms: Option<f64>,
    failed: usize,
    complaint: Option<String>,
}

impl Calls {
    fn read(text: &str) -> anyhow::Result<Self> {
        let answer: Value =
            serde_json::from_str(text).with_context(|| format!("invalid response of the load generator: {text:?}"))?;
        if let Some(error) = answer["error"].as_str() {
            anyhow::bail!("the load generator failed: {error}");
        }
        let calls: Self = serde_json::from_value(answer)?;
        let complaint = calls.complaint.as_deref().unwrap_or_default();
        // A rate of only the successful calls would be misleading for a server that fails.
        ensure!(calls.failed == 0, "{} of {} calls failed: {complaint}", calls.failed, calls.count + calls.failed);
        Ok(calls)
    }

    /// Converts the result to figures of a contestant.
    pub fn sample(&self, name: &str) -> Sample {
        let mut sample = Sample::from([(format!("{name}_s"), self.rate)]);
        for (word, value) in [("p50_ms", self.p50_ms), ("p99_ms", self.p99_ms)] {
            sample.extend(value.map(|value| (format!("{name}_{word}"), value)));
        }
        sample
    }
}

/// Path of the load generator.
pub fn program() -> PathBuf {
    programs().join("tornado-control")
}

/// Runs a subcommand of the load generator to completion.
pub fn peer(words: &[&str]) -> anyhow::Result<Calls> {
    Calls::read(&shell::read(shell::command(program(), words))?)
}

/// A fleet of devices, by number.
pub struct Fleet {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    devices: usize,
    accounts: usize,
}

impl Fleet {
    /// Starts the load generator in a host of the lab.
    pub fn start(host: &Host, sockets: &Path) -> anyhow::Result<Self> {
        let mut command = host.command(program());
        command.args(["fleet", "--server", API, "--sockets"]).arg(sockets);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start the load generator")?;
        let orders = child.stdin.take().context("the load generator has no standard input")?;
        let answers = BufReader::new(child.stdout.take().context("the load generator has no standard output")?);
        Ok(Self { child, orders, answers, devices: 0, accounts: 0 })
    }

    /// Creates `count` accounts with `each` devices. Returns the numbers of the devices.
    pub fn accounts(&mut self, count: usize, each: usize) -> anyhow::Result<Range<usize>> {
        let (first, number) = (self.devices, self.accounts);
        self.ask(&json!({ "do": "accounts", "name": "many", "first": number, "count": count, "devices": each }))?;
        self.accounts += count;
        self.devices += count * each;
        Ok(first..self.devices)
    }

    /// Makes one call for each device or, with `seconds`, as many as `callers` can make in that time.
    pub fn act(&mut self, what: Act, of: &Range<usize>, callers: usize, seconds: Option<f64>) -> anyhow::Result<Calls> {
        self.ask(&json!({
            "do": "act", "what": what, "first": of.start, "count": of.len(), "callers": callers, "seconds": seconds,
        }))
        .with_context(|| format!("cannot complete a series of {what:?} calls"))
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
        // An error means that the process has already ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
