//! The browser and a client without one: a separate optimised program that executes orders.

use crate::bench::program::Program;
use crate::bench::tor_world::programs;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tornado_e2e_harness::Host;

/// nice(1) value of the browser. It stands for another machine, and the server and its load must not slow it down.
const PRIORITY: &str = "-10";

/// Path of the program.
pub fn program() -> PathBuf {
    programs().join("tornado-browser")
}

/// A browser with one window.
pub struct Window(Program);

/// The times of a document's requests.
#[derive(Debug, Clone, Deserialize)]
pub struct Documents {
    /// Median until the last byte.
    pub p50_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
    /// Size of the document.
    pub bytes: u64,
}

/// How a page was loaded: milliseconds since the navigation, bytes with headers.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Opened {
    pub first_byte_ms: f64,
    pub document_ms: f64,
    pub first_paint_ms: Option<f64>,
    pub hydrated_ms: Option<f64>,
    pub document_bytes: f64,
    pub file_bytes: f64,
    pub wasm_bytes: f64,
}

/// A change of the number of rows. Times are in milliseconds since 1970.
#[derive(Debug, Clone, Deserialize)]
pub struct Change {
    /// Rows after it.
    pub rows: usize,
    /// When the browser received the latest event before it.
    pub event: f64,
    /// When it had been painted.
    pub painted: f64,
}

/// A page under load.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Held {
    pub seconds: f64,
    pub start: Memory,
    pub end: Memory,
    /// Used heap during the time, before collections of garbage.
    pub heap_samples: Vec<f64>,
    pub events_s: f64,
    pub resyncs: u64,
    pub rows: usize,
    /// Samples in which the page had no long table, because a service did not respond in time.
    pub samples_without_table: u32,
    /// Tasks longer than 50 ms.
    pub long_tasks: usize,
    /// `None` if no task was longer than 50 ms.
    pub longest_task_ms: Option<f64>,
    /// Processor time of the page's main thread, and of its scripts, in percent of a core.
    pub main_thread_cpu_percent: f64,
    pub script_cpu_percent: f64,
}

/// Memory of a page after a collection of garbage.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
pub struct Memory {
    pub heap_bytes: f64,
    pub wasm_bytes: f64,
    pub nodes: f64,
    pub listeners: f64,
}

impl Window {
    /// Starts the browser in a host of the lab.
    pub fn start(host: &Host) -> anyhow::Result<Self> {
        let mut command = host.command("nice");
        command.args(["-n", PRIORITY]).arg(program());
        Ok(Self(Program::start("the browser", command)?))
    }

    /// Signs the browser in.
    pub fn enter(&mut self, base: &str, name: &str, password: &str) -> anyhow::Result<()> {
        self.0.ask(&json!({ "do": "enter", "base": base, "name": name, "password": password })).map(drop)
    }

    /// Signs in without the browser. Returns the cookie.
    pub fn sign_in(&mut self, base: &str, name: &str, password: &str) -> anyhow::Result<String> {
        let answer = self.0.ask(&json!({ "do": "sign_in", "base": base, "name": name, "password": password }))?;
        Ok(answer["cookie"].as_str().unwrap_or_default().to_owned())
    }

    /// Requests a document `count` times, one after the other. `save` writes it to a file.
    pub fn documents(
        &mut self,
        address: &str,
        cookie: Option<&str>,
        count: usize,
        save: Option<&Path>,
    ) -> anyhow::Result<Documents> {
        self.read(&json!({ "do": "documents", "address": address, "cookie": cookie, "count": count, "save": save }))
    }

    /// Opens a page and waits until it is hydrated, if it has the console's program.
    pub fn open(&mut self, address: &str, is_cold: bool) -> anyhow::Result<Opened> {
        self.read(&json!({ "do": "open", "address": address, "is_cold": is_cold }))
    }

    /// Starts to record the changes of the page's table. Returns its rows.
    pub fn watch(&mut self) -> anyhow::Result<usize> {
        self.read(&json!({ "do": "watch" }))
    }

    /// The changes that were painted since a time in milliseconds since 1970.
    pub fn changes(&mut self, since_ms: f64) -> anyhow::Result<Vec<Change>> {
        self.read(&json!({ "do": "changes", "since_ms": since_ms }))
    }

    /// Measures the open page, whose table is scrolled now and then, after `settle_s`.
    pub fn hold(&mut self, settle_s: u64, seconds: u64) -> anyhow::Result<Held> {
        self.read(&json!({ "do": "hold", "settle_s": settle_s, "seconds": seconds, "scrolls": true }))
    }

    fn read<T: serde::de::DeserializeOwned>(&mut self, order: &Value) -> anyhow::Result<T> {
        Ok(serde_json::from_value(self.0.ask(order)?)?)
    }
}
