//! A private Tor network in a lab: authorities, relays, exits, a name server behind the exits, an onion service.
//!
//! ```text
//!         ┌─ tornet    198.18.0.0/24  2001:db8:77::/64    all relays, each with its own addresses
//! access ─┼─ onion     198.18.1.10    2001:db8:77:1::a    an onion service and its web server
//!         └─ internet  192.0.2.53     2001:db8:80::53     the name server that the exits use
//! ```
//!
//! All processes are Debian's `tor`. Nothing outside of the lab is contacted. The processes end with [`TorNetwork`] or
//! with the lab, whichever is dropped first.

mod client;
mod keys;
mod names;
mod plan;
mod start;
mod torrc;

pub use client::TorClient;
pub use names::{Query, SITE, SITE_V4, SITE_V6, serve_names};
pub use plan::{Relay, RelayKind};

use crate::lab::internet::{Internet, Seen};
use crate::lab::topology;
use crate::process::command::ip_batch_of;
use crate::{HarnessError, Host, Lab, Process, wait_for};
use names::Names;
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use start::{
    bridge_lines, build, dir_of, files, host_of, resident, serve, spawn_tor, start_onion, wait_for_consensus,
    wait_for_relays, write, write_files,
};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// File name of the record in the directory of its host.
const NOTE: &str = "network.json";

/// Options of a network.
#[derive(Debug, Clone)]
pub struct TorNetworkOptions {
    /// Number of directory authorities, 1 to 9. They also carry circuits.
    pub authorities: u8,
    /// Number of relays that are neither authority nor exit, 0 to 9.
    pub relays: u8,
    /// Countries of the exits, one exit each, 1 to 9. Two lower-case letters.
    pub exit_countries: Vec<String>,
    /// Number of obfs4 bridges, 0 to 9. They need Debian's obfs4proxy.
    pub bridges: u8,
    /// The server of names and of the onion service's page.
    pub servers: TorServers,
}

/// The server of names and of the onion service's page.
#[derive(Debug, Clone)]
pub enum TorServers {
    /// This process, which records the requests.
    Here,
    /// Separate programs, for a permanent lab.
    Programs {
        /// Program and arguments that call [`serve_names`]; runs in `internet`.
        names: Vec<OsString>,
        /// Program and arguments that call [`serve_internet`](crate::serve_internet); runs in `onion`.
        page: Vec<OsString>,
    },
}

impl Default for TorNetworkOptions {
    fn default() -> Self {
        let exit_countries = vec!["de".to_owned(), "nl".to_owned()];
        Self { authorities: 3, relays: 3, exit_countries, bridges: 0, servers: TorServers::Here }
    }
}

/// Durations of the parts of [`TorNetwork::up`].
#[derive(Debug, Clone, Copy)]
pub struct TorNetworkTimes {
    /// Generation of keys, or lookup of cached ones.
    pub keys: Duration,
    /// Wait for the right phase of a voting period.
    pub phase: Duration,
    /// From the start of the relays until their consensus contains all of them.
    pub consensus: Duration,
    /// Total time.
    pub total: Duration,
}

/// The record of a network, stored for other processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorNetworkRecord {
    /// All relays.
    pub relays: Vec<Relay>,
    /// Name of the onion service, `….onion`.
    pub onion_address: String,
    /// Bridge lines in the format of torrc.
    pub bridge_lines: Vec<String>,
    /// File with the lines that make a tor process a client of this network. Readable for every user.
    pub client_torrc: PathBuf,
    /// Countries of the relays' IPv4 addresses. Readable for every user.
    pub geoip_file: PathBuf,
    /// Countries of the relays' IPv6 addresses. Readable for every user.
    pub geoip6_file: PathBuf,
}

impl TorNetworkRecord {
    /// Reads the record of the network in this lab.
    ///
    /// # Errors
    ///
    /// Fails if there is none.
    pub fn read(lab: &Lab) -> Result<Self, HarnessError> {
        let path = host_of(lab, "tornet").dir().join(NOTE);
        let text = std::fs::read_to_string(&path).map_err(HarnessError::file("read", &path))?;
        serde_json::from_str(&text).map_err(|e| HarnessError::answer("the record of the Tor network", e))
    }

    /// TOML for [`ServerOptions::config`](crate::ServerOptions) that makes the server's tor a client of this network
    /// and probes a name that exists in it.
    #[must_use]
    pub fn server_config(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let extra = text(&self.client_torrc.display().to_string());
        format!("[tor]\nextra_torrc = {extra}\nprobe.target = {}\n", text(SITE))
    }

    /// The host `tornet` or `onion` of the network in this lab.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::NoHost`] for any other name.
    pub fn host(&self, lab: &Lab, name: &str) -> Result<Host, HarnessError> {
        match name {
            "tornet" | "onion" => Ok(host_of(lab, name)),
            other => Err(HarnessError::NoHost(other.to_owned())),
        }
    }
}

/// A running network. Its processes are killed on drop.
#[derive(Debug)]
pub struct TorNetwork {
    record: TorNetworkRecord,
    times: TorNetworkTimes,
    access: String,
    tornet: Host,
    onion: Host,
    relays: Vec<Option<Process>>,
    service: Process,
    servers: Servers,
}

/// The running servers of names and of the onion service's page.
#[derive(Debug)]
enum Servers {
    Threads(Names, Internet),
    Processes(Process, Process),
}

impl TorNetwork {
    /// Starts a network in a lab and waits until its consensus contains all relays. This typically takes 10 s, and 5 s
    /// more for keys if it is the first since the last boot. A lab can have only one network, and only once; removing
    /// the lab removes it.
    ///
    /// # Errors
    ///
    /// Fails if `tor` is not installed or ends early, or if the relays have no consensus after a minute. Removing the
    /// lab removes what was created until then.
    pub fn up(lab: &Lab, options: TorNetworkOptions) -> Result<Self, HarnessError> {
        let begun = Instant::now();
        let mut relays = plan::relays(&options)?;
        keys::provide(&mut relays)?;
        let keys = begun.elapsed();
        let (tornet, onion) = (host_of(lab, "tornet"), host_of(lab, "onion"));
        build(lab, [&tornet, &onion], &relays)?;
        let servers = serve(&options.servers, lab.host("internet")?, &onion)?;
        let mut record = write_files(&tornet, relays)?;
        let phase = plan::until_start(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        std::thread::sleep(phase);
        let started = Instant::now();
        let mut processes = Vec::new();
        for relay in &record.relays {
            processes.push(Some(spawn_tor(&tornet, &relay.name, &dir_of(&tornet, relay).join("torrc"))?));
        }
        wait_for_consensus(&tornet, &record.relays, &mut processes)?;
        let consensus = started.elapsed();

        let (service, onion_address) = start_onion(&onion, &record)?;
        record.onion_address = onion_address;
        record.bridge_lines = bridge_lines(&tornet, &record.relays, &mut processes)?;
        let note = serde_json::to_string_pretty(&record)
            .map_err(|e| HarnessError::answer("the record of the Tor network", e))?;
        write(&tornet.dir().join(NOTE), &note)?;
        wait_for_relays(&mut processes)?;
        let times = TorNetworkTimes { keys, phase, consensus, total: begun.elapsed() };
        let access = topology::namespace(lab.id(), "access");
        Ok(Self { record, times, access, tornet, onion, relays: processes, service, servers })
    }

    /// The lines that make a tor process a client of this network: authorities, test settings, countries.
    #[must_use]
    pub fn client_torrc_lines(&self) -> String {
        torrc::membership(&self.record.relays, &files(&self.tornet).borrowed())
    }

    /// A file with these lines. Readable for every user.
    #[must_use]
    pub fn client_torrc(&self) -> &Path {
        &self.record.client_torrc
    }

    /// The record of the network.
    #[must_use]
    pub const fn record(&self) -> &TorNetworkRecord {
        &self.record
    }

    /// All relays, including authorities and exits.
    #[must_use]
    pub fn relays(&self) -> &[Relay] {
        &self.record.relays
    }

    /// The exits.
    pub fn exits(&self) -> impl Iterator<Item = &Relay> {
        self.record.relays.iter().filter(|relay| relay.kind == RelayKind::Exit)
    }

    /// Countries of the relays' IPv4 addresses.
    #[must_use]
    pub fn geoip_file(&self) -> &Path {
        &self.record.geoip_file
    }

    /// Countries of the relays' IPv6 addresses.
    #[must_use]
    pub fn geoip6_file(&self) -> &Path {
        &self.record.geoip6_file
    }

    /// Name of the onion service. Its page on port 80 is that of `internet`, and it sees every client as 127.0.0.1.
    #[must_use]
    pub fn onion_address(&self) -> &str {
        &self.record.onion_address
    }

    /// Names that exist behind the exits and resolve to `internet`. All subdomains of the first exist.
    #[must_use]
    pub const fn dns_names(&self) -> [&'static str; 3] {
        [SITE, SITE_V4, SITE_V6]
    }

    /// Bridge lines in order: `obfs4 ADDRESS:PORT FINGERPRINT cert=… iat-mode=0`.
    #[must_use]
    pub fn bridge_lines(&self) -> &[String] {
        &self.record.bridge_lines
    }

    /// Durations of the parts of [`Self::up`].
    #[must_use]
    pub const fn times(&self) -> TorNetworkTimes {
        self.times
    }

    /// The host of all relays.
    #[must_use]
    pub const fn tornet(&self) -> &Host {
        &self.tornet
    }

    /// The host of the onion service.
    #[must_use]
    pub const fn onion(&self) -> &Host {
        &self.onion
    }

    /// All queries to the name server so far, oldest first; empty if another process serves.
    #[must_use]
    pub fn queries(&self) -> Vec<Query> {
        match &self.servers {
            Servers::Threads(names, _) => names.seen(),
            Servers::Processes(..) => Vec::new(),
        }
    }

    /// All requests to the onion service so far, oldest first; empty if another process serves.
    #[must_use]
    pub fn onion_seen(&self) -> Vec<Seen> {
        match &self.servers {
            Servers::Threads(_, page) => page.seen(),
            Servers::Processes(..) => Vec::new(),
        }
    }

    /// Waits until the onion service can be found, that is, until its descriptor was uploaded to a relay.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::Timeout`], or if its tor process ends.
    pub fn wait_onion(&mut self, within: Duration) -> Result<(), HarnessError> {
        wait_for("the onion service's descriptor to be published", within, || {
            self.service.must_run()?;
            let is_published = |line: &str| line.contains("hidden service descriptor: finished with status 200");
            Ok(self.service.stderr()?.lines().any(is_published).then_some(()))
        })
    }

    /// Kills a relay with SIGKILL.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::NoHost`] if no relay has this name.
    pub fn kill_relay(&mut self, name: &str) -> Result<(), HarnessError> {
        let index = self.index_of(name)?;
        if let Some(process) = self.relays.get_mut(index) {
            *process = None;
        }
        Ok(())
    }

    /// Restarts a killed relay with the same keys. Clients learn of it within about 20 s.
    ///
    /// # Errors
    ///
    /// Fails if it cannot start.
    pub fn start_relay(&mut self, name: &str) -> Result<(), HarnessError> {
        let index = self.index_of(name)?;
        if let (Some(relay), Some(process)) = (self.record.relays.get(index), self.relays.get_mut(index))
            && process.is_none()
        {
            *process = Some(spawn_tor(&self.tornet, name, &dir_of(&self.tornet, relay).join("torrc"))?);
        }
        Ok(())
    }

    /// Freezes a relay; its connections stay open but silent.
    ///
    /// # Errors
    ///
    /// Fails if no relay has this name, or it was killed.
    pub fn pause(&self, name: &str) -> Result<(), HarnessError> {
        self.running(name)?.signal(Signal::SIGSTOP)
    }

    /// Continues a frozen relay.
    ///
    /// # Errors
    ///
    /// Fails if no relay has this name, or it was killed.
    pub fn resume(&self, name: &str) -> Result<(), HarnessError> {
        self.running(name)?.signal(Signal::SIGCONT)
    }

    /// Freezes all running relays, so that the whole network is silent.
    ///
    /// # Errors
    ///
    /// Fails if one cannot be signalled.
    pub fn pause_all(&self) -> Result<(), HarnessError> {
        self.relays.iter().flatten().try_for_each(|process| process.signal(Signal::SIGSTOP))
    }

    /// Continues all relays.
    ///
    /// # Errors
    ///
    /// Fails if one cannot be signalled.
    pub fn resume_all(&self) -> Result<(), HarnessError> {
        self.relays.iter().flatten().try_for_each(|process| process.signal(Signal::SIGCONT))
    }

    /// Cuts the link: packets to and from the relays are silently dropped, as by a provider.
    ///
    /// # Errors
    ///
    /// Fails if the link is already cut.
    pub fn cut(&self) -> Result<(), HarnessError> {
        self.rules(false)
    }

    /// Restores the link.
    ///
    /// # Errors
    ///
    /// Fails if the link is not cut.
    pub fn mend(&self) -> Result<(), HarnessError> {
        self.rules(true)
    }

    /// Resident memory of all running relays in kB, the value VmRSS in proc_pid_status(5).
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read.
    pub fn memory(&self) -> Result<Vec<(String, u64)>, HarnessError> {
        let named = self.record.relays.iter().zip(&self.relays);
        named.filter_map(|(relay, process)| Some((relay.name.clone(), process.as_ref()?.pid()))).map(resident).collect()
    }

    /// Keeps the processes running until the lab is removed. Servers in this process end.
    pub fn detach(mut self) {
        self.relays.drain(..).flatten().for_each(Process::detach);
        self.service.detach();
        match self.servers {
            Servers::Threads(..) => {}
            Servers::Processes(names, page) => [names, page].into_iter().for_each(Process::detach),
        }
    }

    fn rules(&self, delete: bool) -> Result<(), HarnessError> {
        for (family, lines) in plan::cutting(delete) {
            ip_batch_of(family, &self.access, &lines)?;
        }
        Ok(())
    }

    fn index_of(&self, name: &str) -> Result<usize, HarnessError> {
        let found = self.record.relays.iter().position(|relay| relay.name == name);
        found.ok_or_else(|| HarnessError::NoHost(name.to_owned()))
    }

    fn running(&self, name: &str) -> Result<&Process, HarnessError> {
        let process = self.relays.get(self.index_of(name)?).and_then(Option::as_ref);
        process.ok_or_else(|| HarnessError::answer(format!("the relay {name}"), "it was killed"))
    }
}
