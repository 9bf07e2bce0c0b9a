//! A private Tor network in a lab: authorities, relays, exits, names behind the exits, an onion service.
//!
//! ```text
//!         ┌─ tornet    198.18.0.0/24  2001:db8:77::/64    every relay, each with addresses of its own
//! access ─┼─ onion     198.18.1.10    2001:db8:77:1::a    an onion service and its web server
//!         └─ internet  192.0.2.53     2001:db8:80::53     the name server that the exits ask
//! ```
//!
//! Everything is Debian's `tor`; nothing outside of the lab is asked. The programs end with [`TorNetwork`] or with
//! the lab, whichever goes first.

mod client;
mod keys;
mod names;
mod plan;
mod start;
mod torrc;

pub use client::TorClient;
pub use names::{Query, SITE, SITE_V4, SITE_V6, serve_names};
pub use plan::{Relay, RelayKind};

use crate::command::ip_batch_of;
use crate::internet::{Internet, Seen};
use crate::{HarnessError, Host, Lab, Process, topology, wait_for};
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

/// Where a network's note stands in the directory of its host.
const NOTE: &str = "network.json";

/// What kind of network is wanted.
#[derive(Debug, Clone)]
pub struct TorNetworkOptions {
    /// Directory authorities, 1 to 9; they carry circuits too.
    pub authorities: u8,
    /// Relays that are neither authority nor exit, 0 to 9.
    pub relays: u8,
    /// One exit for each, 1 to 9: two small letters of the country it shall be in.
    pub exit_countries: Vec<String>,
    /// Bridges that speak obfs4, 0 to 9. They need Debian's obfs4proxy.
    pub bridges: u8,
    /// Who serves names and the onion service's page.
    pub servers: TorServers,
}

/// Who serves names and the onion service's page.
#[derive(Debug, Clone)]
pub enum TorServers {
    /// This process, which then knows what was asked.
    Here,
    /// Programs, for a lab that outlives its maker.
    Programs {
        /// A program and its words that calls [`serve_names`], run in `internet`.
        names: Vec<OsString>,
        /// A program and its words that calls [`serve_internet`](crate::serve_internet), run in `onion`.
        page: Vec<OsString>,
    },
}

impl Default for TorNetworkOptions {
    fn default() -> Self {
        let exit_countries = vec!["de".to_owned(), "nl".to_owned()];
        Self { authorities: 3, relays: 3, exit_countries, bridges: 0, servers: TorServers::Here }
    }
}

/// How long the parts of [`TorNetwork::up`] took.
#[derive(Debug, Clone, Copy)]
pub struct TorNetworkTimes {
    /// Making keys, or finding those of an earlier network.
    pub keys: Duration,
    /// Waiting for the right part of a voting period.
    pub phase: Duration,
    /// From the start of the relays until their consensus names all of them.
    pub consensus: Duration,
    /// The whole.
    pub total: Duration,
}

/// What is known about a network that stands; kept beside it for other processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TorNetworkRecord {
    /// Every relay.
    pub relays: Vec<Relay>,
    /// Name of the onion service, `….onion`.
    pub onion_address: String,
    /// Lines of the bridges, as torrc takes them.
    pub bridge_lines: Vec<String>,
    /// File with the lines that make a tor a client of this network; readable for every user.
    pub client_torrc: PathBuf,
    /// Countries of the relays' IPv4 addresses; readable for every user.
    pub geoip_file: PathBuf,
    /// Countries of the relays' IPv6 addresses; readable for every user.
    pub geoip6_file: PathBuf,
}

impl TorNetworkRecord {
    /// The note of the network that stands in this lab.
    ///
    /// # Errors
    /// When there is none.
    pub fn read(lab: &Lab) -> Result<Self, HarnessError> {
        let path = host_of(lab, "tornet").dir().join(NOTE);
        let text = std::fs::read_to_string(&path).map_err(HarnessError::file("read", &path))?;
        serde_json::from_str(&text).map_err(|e| HarnessError::answer("the note of the Tor network", e))
    }

    /// TOML for [`ServerOptions::config`](crate::ServerOptions): the server's tor is a client of this network, and
    /// probes a name that exists in it.
    #[must_use]
    pub fn server_config(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let extra = text(&self.client_torrc.display().to_string());
        format!("[tor]\nextra_torrc = {extra}\nprobe.target = {}\n", text(SITE))
    }

    /// `tornet` or `onion` of the network that stands in this lab.
    ///
    /// # Errors
    /// [`HarnessError::NoHost`] for any other name.
    pub fn host(&self, lab: &Lab, name: &str) -> Result<Host, HarnessError> {
        match name {
            "tornet" | "onion" => Ok(host_of(lab, name)),
            other => Err(HarnessError::NoHost(other.to_owned())),
        }
    }
}

/// A network that stands. Dropping it kills its programs.
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

/// What serves names and the onion service's page.
#[derive(Debug)]
enum Servers {
    Threads(Names, Internet),
    Processes(Process, Process),
}

impl TorNetwork {
    /// Puts a network into a lab and waits until its consensus names every relay: typically 10 s, and 5 s more for
    /// keys when it is the first since the machine started. A lab has one network at most, and it is not put up
    /// twice: taking the lab down removes it.
    ///
    /// # Errors
    /// When `tor` is not installed, ends early, or the relays do not agree within a minute. Taking the lab down
    /// removes what was made until then.
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
        let note = serde_json::to_string_pretty(&record).map_err(|e| HarnessError::answer("the network's note", e))?;
        write(&tornet.dir().join(NOTE), &note)?;
        wait_for_relays(&mut processes)?;
        let times = TorNetworkTimes { keys, phase, consensus, total: begun.elapsed() };
        let access = topology::namespace(lab.id(), "access");
        Ok(Self { record, times, access, tornet, onion, relays: processes, service, servers })
    }

    /// The lines that make a tor a client of this network: authorities, test settings, countries.
    #[must_use]
    pub fn client_torrc_lines(&self) -> String {
        torrc::membership(&self.record.relays, &files(&self.tornet).borrowed())
    }

    /// A file with these lines, readable for every user.
    #[must_use]
    pub fn client_torrc(&self) -> &Path {
        &self.record.client_torrc
    }

    /// All of it as data.
    #[must_use]
    pub const fn record(&self) -> &TorNetworkRecord {
        &self.record
    }

    /// Every relay, authorities and exits among them.
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

    /// Name of the onion service, whose page on port 80 is that of `internet`; it sees everybody as 127.0.0.1.
    #[must_use]
    pub fn onion_address(&self) -> &str {
        &self.record.onion_address
    }

    /// Names that exist behind the exits; they lead to `internet`. Below the first every name exists.
    #[must_use]
    pub const fn dns_names(&self) -> [&'static str; 3] {
        [SITE, SITE_V4, SITE_V6]
    }

    /// Lines of the bridges, in their order: `obfs4 ADDRESS:PORT FINGERPRINT cert=… iat-mode=0`.
    #[must_use]
    pub fn bridge_lines(&self) -> &[String] {
        &self.record.bridge_lines
    }

    /// How long [`Self::up`] took.
    #[must_use]
    pub const fn times(&self) -> TorNetworkTimes {
        self.times
    }

    /// The host of every relay.
    #[must_use]
    pub const fn tornet(&self) -> &Host {
        &self.tornet
    }

    /// The host of the onion service.
    #[must_use]
    pub const fn onion(&self) -> &Host {
        &self.onion
    }

    /// Every query to the name server so far, oldest first; none when others serve.
    #[must_use]
    pub fn queries(&self) -> Vec<Query> {
        match &self.servers {
            Servers::Threads(names, _) => names.seen(),
            Servers::Processes(..) => Vec::new(),
        }
    }

    /// Every request to the onion service so far, oldest first; none when others serve.
    #[must_use]
    pub fn onion_seen(&self) -> Vec<Seen> {
        match &self.servers {
            Servers::Threads(_, page) => page.seen(),
            Servers::Processes(..) => Vec::new(),
        }
    }

    /// Waits until the onion service can be found: its descriptor has arrived at a relay.
    ///
    /// # Errors
    /// [`HarnessError::Timeout`], or the end of its tor.
    pub fn wait_onion(&mut self, within: Duration) -> Result<(), HarnessError> {
        wait_for("the onion service's descriptor to be published", within, || {
            self.service.must_run()?;
            let is_published = |line: &str| line.contains("hidden service descriptor: finished with status 200");
            Ok(self.service.stderr()?.lines().any(is_published).then_some(()))
        })
    }

    /// `kill -9` of a relay.
    ///
    /// # Errors
    /// [`HarnessError::NoHost`] when no relay has this name.
    pub fn kill_relay(&mut self, name: &str) -> Result<(), HarnessError> {
        let index = self.index_of(name)?;
        if let Some(process) = self.relays.get_mut(index) {
            *process = None;
        }
        Ok(())
    }

    /// Starts a killed relay again, with the same keys; clients learn of it within about 20 s.
    ///
    /// # Errors
    /// When it cannot start.
    pub fn start_relay(&mut self, name: &str) -> Result<(), HarnessError> {
        let index = self.index_of(name)?;
        if let (Some(relay), Some(process)) = (self.record.relays.get(index), self.relays.get_mut(index))
            && process.is_none()
        {
            *process = Some(spawn_tor(&self.tornet, name, &dir_of(&self.tornet, relay).join("torrc"))?);
        }
        Ok(())
    }

    /// Stops a relay from doing anything; its connections stay open and silent.
    ///
    /// # Errors
    /// When no relay has this name, or it was killed.
    pub fn pause(&self, name: &str) -> Result<(), HarnessError> {
        self.running(name)?.signal(Signal::SIGSTOP)
    }

    /// Lets a paused relay go on.
    ///
    /// # Errors
    /// When no relay has this name, or it was killed.
    pub fn resume(&self, name: &str) -> Result<(), HarnessError> {
        self.running(name)?.signal(Signal::SIGCONT)
    }

    /// Pauses every relay that was not killed: the whole network falls silent.
    ///
    /// # Errors
    /// When one cannot be signalled.
    pub fn pause_all(&self) -> Result<(), HarnessError> {
        self.relays.iter().flatten().try_for_each(|process| process.signal(Signal::SIGSTOP))
    }

    /// Lets all go on.
    ///
    /// # Errors
    /// When one cannot be signalled.
    pub fn resume_all(&self) -> Result<(), HarnessError> {
        self.relays.iter().flatten().try_for_each(|process| process.signal(Signal::SIGCONT))
    }

    /// Cuts the wire: what goes to the relays or comes from them is lost without a word, as when a provider drops it.
    ///
    /// # Errors
    /// When it is cut already.
    pub fn cut(&self) -> Result<(), HarnessError> {
        self.rules(false)
    }

    /// Mends it.
    ///
    /// # Errors
    /// When it is not cut.
    pub fn mend(&self) -> Result<(), HarnessError> {
        self.rules(true)
    }

    /// Memory of every running relay, in kB: what proc_pid_status(5) calls VmRSS.
    ///
    /// # Errors
    /// When the operating system cannot say.
    pub fn memory(&self) -> Result<Vec<(String, u64)>, HarnessError> {
        let named = self.record.relays.iter().zip(&self.relays);
        named.filter_map(|(relay, process)| Some((relay.name.clone(), process.as_ref()?.pid()))).map(resident).collect()
    }

    /// Lets its programs run on until the lab is taken down. What this process serves itself ends.
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
