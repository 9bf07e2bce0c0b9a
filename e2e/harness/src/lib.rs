//! The lab: a small internet of network namespaces on one machine, for tests and interactive use.
//!
//! ```text
//! device1 ─┐
//! device2 ─┤ access ─┬─ server    203.0.113.10   2001:db8:113::10
//!   …      │         └─ internet  192.0.2.80     2001:db8:80::80
//! deviceN ─┘  198.51.100.N, 2001:db8:1::N    and tornet, onion where a TorNetwork is wanted
//! ```
//!
//! `access` is the provider between all of them. It routes packets in the clear, so a packet that leaves a tunnel is
//! not lost but *visible*: on the device's uplink, and in `internet` with the device's own address. Only `server`
//! translates addresses, and only if the program under test does so.
//!
//! ```no_run
//! use tornado_e2e_harness::{Lab, LabOptions};
//!
//! # fn main() -> Result<(), tornado_e2e_harness::HarnessError> {
//! let lab = Lab::up(LabOptions::with_devices(2))?;
//! let internet = lab.internet()?;
//! let device = lab.host("device1")?;
//! let capture = device.capture("eth0", "tcp port 80")?;
//! let reply = device.http_get(internet.http_v4(), "/")?;
//! assert_eq!(reply.seen_as()?, lab.device_address(1).v4);
//! assert!(capture.stop()?.count() > 0);
//! # Ok(())
//! # }
//! ```
//!
//! With the programs under test:
//!
//! ```no_run
//! use tornado_e2e_harness::{DeviceProc, Lab, LabOptions, Programs, SERVER, ServerOptions, ServerProc};
//!
//! # fn main() -> Result<(), tornado_e2e_harness::HarnessError> {
//! let lab = Lab::up(LabOptions::with_devices(1))?;
//! let internet = lab.internet()?;
//! let mut server = ServerProc::start(lab.host("server")?, ServerOptions::default())?;
//! let device = DeviceProc::start(lab.host("device1")?, Programs::beside())?;
//! let link = server.json(&["invite", "create"])?["link"].as_str().unwrap_or_default().to_owned();
//! device.cli_with_password(&["enroll", &link, "--username", "ada"], "correct horse battery")?.success()?;
//! device.json(&["connect"])?;
//! assert_eq!(device.host().http_get(internet.http_v4(), "/")?.seen_as()?, SERVER.v4);
//! let before = server.kill_service("session")?;
//! server.wait_restarted("session", before, std::time::Duration::from_secs(10))?;
//! # Ok(())
//! # }
//! ```
//!
//! With a private Tor network, which takes 12 to 15 s:
//!
//! ```no_run
//! use tornado_e2e_harness::{Lab, LabOptions, SITE, TorClient, TorNetwork, TorNetworkOptions};
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), tornado_e2e_harness::HarnessError> {
//! let lab = Lab::up(LabOptions::with_devices(1))?;
//! let internet = lab.internet()?;
//! let mut network = TorNetwork::up(&lab, TorNetworkOptions::default())?;
//! // For the server under test: ServerOptions { config: network.record().server_config(), .. }
//! let mut client = TorClient::start(lab.host("server")?, &network, "ExitNodes {de}")?;
//! client.ready(Duration::from_secs(30))?;
//! let seen_as = client.http_get(SITE, "/", "any", Duration::from_secs(10))?.seen_as()?;
//! assert!(network.exits().any(|exit| seen_as == exit.addresses.v4 || seen_as == exit.addresses.v6));
//! network.wait_onion(Duration::from_secs(30))?;
//! client.http_get(network.onion_address(), "/", "any", Duration::from_secs(10))?;
//! # Ok(())
//! # }
//! ```
//!
//! The files of a lab are in one directory, and its namespaces share a prefix. Dropping [`Lab`] removes all of them,
//! also during a panic. The next [`Lab::up`] removes what a killed process left behind.

#![forbid(unsafe_code)]

mod error;
mod host;
mod lab;
pub mod lan;
mod process;
mod programs;
mod tor_network;

pub use error::HarnessError;
pub use host::Host;
pub use host::capture::{Capture, Captured};
pub use host::http::HttpReply;
pub use lab::internet::{Internet, Seen, serve_internet};
pub use lab::record::{LabRecord, Sweep};
pub use lab::topology::{Addresses, DEVICES_MAX, INTERNET, SERVER, device_addresses};
pub use lab::{Lab, LabOptions};
pub use process::Process;
pub use process::command::Output;
pub use process::spent::{Cost, Spent};
pub use process::tail::Tail;
pub use programs::Programs;
pub use programs::device::DeviceProc;
pub use programs::mesh::Mesh;
pub use programs::server::{ServerOptions, ServerProc};
pub use tor_network::{
    Query, Relay, RelayKind, SITE, SITE_V4, SITE_V6, TorClient, TorNetwork, TorNetworkOptions, TorNetworkRecord,
    TorNetworkTimes, TorServers, serve_names,
};
pub use tornado_e2e_patience::patient;

use std::time::{Duration, Instant};

/// Reports that a test cannot run on this machine, and why. The test must return after the call. `cargo xtask test`
/// prints the reason and counts the test as skipped.
#[expect(clippy::print_stdout, reason = "the runner reads the output of a test")]
pub fn skip(reason: &str) {
    println!("SKIPPED: {reason}");
}

/// Polls until `ask` returns a value: every 20 ms, and less often the longer it takes.
///
/// # Errors
///
/// Fails with [`HarnessError::Timeout`] after `within`, or later on a busy machine (see [`patient`]). `what` describes
/// the expected event. An error of `ask` ends the wait.
pub fn wait_for<T>(
    what: &str,
    within: Duration,
    mut ask: impl FnMut() -> Result<Option<T>, HarnessError>,
) -> Result<T, HarnessError> {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask()? {
            return Ok(answer);
        }
        let passed = started.elapsed();
        if passed >= within && passed >= patient(within) {
            return Err(HarnessError::Timeout { what: what.to_owned(), after: passed });
        }
        std::thread::sleep((passed / 20).clamp(Duration::from_millis(20), Duration::from_millis(250)));
    }
}
