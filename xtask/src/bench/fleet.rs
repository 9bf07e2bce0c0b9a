//! The load generator: a separate optimised program that executes orders.

use super::Sample;
use super::program::{Program, parse};
use super::tor_world::programs;
use crate::shell;
use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::ops::Range;
use std::path::{Path, PathBuf};
use tornado_e2e_harness::Host;

/// The load generator, in errors.
const NAME: &str = "the load generator";
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
    /// Closes the session.
    Disconnect,
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
    fn of(answer: Value) -> anyhow::Result<Self> {
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
    Calls::of(parse(NAME, &shell::read(shell::command(program(), words))?)?)
}

/// A fleet of devices, by number.
pub struct Fleet {
    generator: Program,
    devices: usize,
    accounts: usize,
}

impl Fleet {
    /// Starts the load generator in a host of the lab.
    pub fn start(host: &Host, sockets: &Path) -> anyhow::Result<Self> {
        let mut command = host.command(program());
        command.args(["fleet", "--server", API, "--sockets"]).arg(sockets);
        Ok(Self { generator: Program::start(NAME, command)?, devices: 0, accounts: 0 })
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

    /// Makes `rate` calls per second for `seconds`, with the devices in turn. Fewer if the server is slower.
    pub fn pace(
        &mut self,
        what: Act,
        of: &Range<usize>,
        callers: usize,
        seconds: f64,
        rate: f64,
    ) -> anyhow::Result<Calls> {
        self.ask(&json!({
            "do": "act", "what": what, "first": of.start, "count": of.len(), "callers": callers, "seconds": seconds,
            "rate": rate,
        }))
        .with_context(|| format!("cannot complete a paced series of {what:?} calls"))
    }

    fn ask(&mut self, order: &Value) -> anyhow::Result<Calls> {
        Calls::of(self.generator.ask(order)?)
    }
}
