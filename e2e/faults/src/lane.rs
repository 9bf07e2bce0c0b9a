//! The tor lane of a server without a Tor network: its packets must not leave the server, and any that would leave must
//! be seen.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tornado_e2e_harness::{Capture, DeviceProc, Host, INTERNET, wait_for};
use tornado_e2e_lanes::world::World;

/// Traffic that must never appear on the server's uplink: only the device on the tor lane uses TCP, or UDP to this
/// port.
const TOR_ONLY_PORT: u16 = 9;

/// A tcpdump filter for that traffic.
#[must_use]
pub fn leak_filter() -> String {
    format!("(host {} and (tcp or udp port {TOR_ONLY_PORT})) or net 10.8.0.0/15", INTERNET.v4)
}

/// Datagram that the server itself sends at the end. Packets on the tor lane have other lengths.
const CONTROL: [u8; 23] = [0; 23];

/// A client on the tor lane that constantly tries to reach the internet.
#[derive(Debug)]
pub struct Knocking {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<u64>>,
}

impl Knocking {
    /// Starts the client in a host on the tor lane.
    #[must_use]
    pub fn start(host: &Host, http: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (host, flag) = (host.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut knocks = 0;
            let udp = SocketAddr::new(INTERNET.v4.into(), TOR_ONLY_PORT);
            while !flag.load(Ordering::SeqCst) {
                // The requests fail or reach the server's own page; the capture shows whether a packet left.
                drop(host.http_get_within(http, "/", Duration::from_millis(400)));
                drop(host.udp_ask(udp, b"leak?", Duration::from_millis(100)));
                knocks += 1;
            }
            knocks
        });
        Self { stop, thread: Some(thread) }
    }

    /// Stops the client. Returns the number of attempts.
    pub fn stop(&mut self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Knocking {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Number of log lines of a device that a failure shows.
const LAST_WORDS: usize = 25;

/// Waits until the device is connected on the tor lane and its packets reach the server. Otherwise no packet could
/// leak, and an empty capture would prove nothing.
///
/// # Errors
///
/// Fails if the packets do not arrive in time.
pub fn arrives(world: &World, device: &DeviceProc) -> Result<()> {
    let (mut before, mut state) = (None, Value::Null);
    let arrived = wait_for("packets of the tor lane to arrive", Duration::from_secs(20), || {
        state = device.json(&["status"]).unwrap_or_default();
        if state["state"] != "connected" || state["lane"] != "tor" {
            return Ok(None);
        }
        let now = received(world, &state["session"]).ok();
        let more = now.zip(before).is_some_and(|(now, before)| now > before);
        before = now;
        Ok(more.then_some(()))
    });
    arrived.with_context(|| {
        let log = device.log().unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(LAST_WORDS).collect();
        format!("{before:?} bytes; device status {state}; its log, latest first: {last:#?}")
    })
}

/// Bytes that the server's interface received from the device of a session on the tor lane.
fn received(world: &World, session: &Value) -> Result<u64> {
    let find = |all: Value, is_it: &dyn Fn(&Value) -> bool| {
        let found = all.as_array().into_iter().flatten().find(|one| is_it(one)).cloned();
        found.context("no such entry")
    };
    let session = find(world.server.mesh("session").get("/v1/sessions")?, &|one| one["session_id"] == *session)?;
    let is_its = |one: &Value| one["lane"] == "tor" && one["public_key"] == session["public_key"];
    let peer = find(world.server.mesh("wg").get("/v1/peers")?, &is_its)?;
    peer["transfer"]["rx_bytes"].as_u64().context("the peer has no counter")
}

/// Ends a capture with [`leak_filter`] and returns what it saw. Before that the server sends such a packet itself,
/// which the capture must see.
///
/// # Errors
///
/// Fails if that packet was not seen, or the capture failed.
pub fn leaks(capture: Capture, server: &Host) -> Result<Vec<String>> {
    server.udp_ask(SocketAddr::new(INTERNET.v4.into(), TOR_ONLY_PORT), &CONTROL, Duration::from_millis(100))?;
    let end = format!("length {}", CONTROL.len());
    wait_for("the capture to see what the server sent", Duration::from_secs(10), || {
        Ok(capture.so_far()?.lines().iter().any(|line| line.ends_with(&end)).then_some(()))
    })?;
    let (own, leaks): (Vec<_>, Vec<_>) = capture.stop()?.lines().iter().cloned().partition(|line| line.ends_with(&end));
    ensure!(own.len() == 1, "the server sent one control packet, but the capture saw {own:?}");
    Ok(leaks)
}
