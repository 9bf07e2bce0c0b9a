//! The world of the bench `tor`: lab, private Tor network, server and a device, from release builds.

use super::process::{enroll, pids, resident_bytes};
use crate::shell;
use anyhow::{Context as _, ensure};
use data_encoding::{BASE64, HEXLOWER};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;
use tornado_e2e_harness::{
    DeviceProc, Host, Internet, Lab, LabOptions, Programs, ServerOptions, ServerProc, TorClient, TorNetwork,
    TorNetworkOptions, wait_for,
};

const PATIENCE: Duration = Duration::from_secs(90);
/// Deadline of a call to a service.
const CALL: Duration = Duration::from_secs(60);
/// A rate that is high enough not to limit anything.
const UNBOUND: u32 = 1 << 30;

/// Directory of the programs: `TORNADO_BIN_DIR`, or our release builds.
pub fn programs() -> PathBuf {
    std::env::var_os("TORNADO_BIN_DIR").map_or_else(|| shell::target_dir().join("release"), PathBuf::from)
}

/// The complete world. Everything is removed on drop.
pub struct TorWorld {
    /// The device, on the tor lane.
    pub device: DeviceProc,
    /// A separate Tor client beside the server's.
    pub second: TorClient,
    server: ServerProc,
    _network: TorNetwork,
    _internet: Internet,
    host: Host,
    _lab: Lab,
}

impl TorWorld {
    /// Starts everything and waits until the lane carries traffic.
    pub fn up() -> anyhow::Result<Self> {
        let programs = Programs::in_dir(programs());
        let lab = Lab::up(LabOptions::with_devices(1))?;
        let internet = lab.internet()?;
        let network = TorNetwork::up(&lab, TorNetworkOptions::default())?;
        let host = lab.host("server")?.clone();
        let config = network.record().server_config();
        let options = ServerOptions { config, programs: programs.clone(), ..ServerOptions::default() };
        let server = ServerProc::start(&host, options)?;
        let device = DeviceProc::start(lab.host("device1")?, programs)?;
        enroll(&server, &device, "ada", "correct horse battery")?;
        device.cli(&["connect", "--lane", "tor"])?.success()?;
        let mut second = TorClient::start(&host, &network, "")?;
        second.ready(PATIENCE)?;
        wait_for("a page through the lane", PATIENCE, || {
            Ok(device.host().http_get(internet.http_v4(), "/").ok().filter(|reply| reply.status == 200))
        })?;
        Ok(Self { device, second, server, _network: network, _internet: internet, host, _lab: lab })
    }

    /// The host of the server.
    pub const fn server(&self) -> &Host {
        &self.host
    }

    /// The SOCKS port of the server's Tor.
    pub fn socks(&self) -> SocketAddr {
        ([10, 9, 0, 1], 9050).into()
    }

    /// Pid of the server's Tor.
    pub fn tor_pid(&self) -> anyhow::Result<u32> {
        let status = self.get("tor", "/v1/status")?;
        let pid = status["process"]["pid"].as_u64().with_context(|| format!("Tor is not running: {status}"))?;
        Ok(u32::try_from(pid)?)
    }

    /// Number of built circuits.
    pub fn circuits(&self) -> anyhow::Result<usize> {
        let answer = self.get("tor", "/v1/circuits")?;
        Ok(answer["circuits"]
            .as_array()
            .context("the response has no circuits")?
            .iter()
            .filter(|c| c["status"] == "BUILT")
            .count())
    }

    /// Limits Tor to `rate` bytes per second; `None` removes the limit.
    pub fn hold_tor_to(&self, rate: Option<u32>) -> anyhow::Result<()> {
        let sockets = self.server.state_dir().join("tor/sockets");
        let cookie = std::fs::read(sockets.join("cookie")).context("cannot read Tor's cookie")?;
        let hex = HEXLOWER.encode(&cookie);
        let stream = UnixStream::connect(sockets.join("control")).context("cannot connect to Tor's control port")?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let rate = rate.unwrap_or(UNBOUND);
        for words in [format!("AUTHENTICATE {hex}"), format!("SETCONF BandwidthRate={rate} BandwidthBurst={rate}")] {
            (&stream).write_all(format!("{words}\r\n").as_bytes())?;
            let mut line = String::new();
            reader.read_line(&mut line)?;
            ensure!(line.starts_with("250 "), "unexpected response of Tor's control port: {line:?}");
        }
        Ok(())
    }

    /// Resident memory in bytes of every service of the server, by name.
    pub fn mesh_memory(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let pids = pids(&self.server.status()?)?;
        pids.into_iter().map(|(name, pid)| Ok((name, resident_bytes(pid)?))).collect()
    }

    /// Calls `look` while `wg` has `count` peers on both lanes. Service `session`, which does not know them, is
    /// suspended until then.
    pub fn with_peers<T>(&self, count: u16, look: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(u64, T)> {
        let session = Pid::from_raw(self.server.pid_of("session")?.cast_signed());
        let peers: Vec<Value> = (0..count).map(peer).collect();
        kill(session, Signal::SIGSTOP)?;
        let looked = (|| {
            self.server.mesh("wg").within(CALL).send("PUT", "/v1/sync", &json!({ "peers": peers }))?;
            // Wait until memory that was needed only for the change has been released.
            std::thread::sleep(Duration::from_secs(2));
            let peers = self.get("wg", "/v1/status")?["peers"].as_u64().context("the status has no number of peers")?;
            Ok((peers, look()?))
        })();
        kill(session, Signal::SIGCONT)?;
        looked
    }

    fn get(&self, service: &str, path: &str) -> anyhow::Result<Value> {
        Ok(self.server.mesh(service).within(CALL).get(path)?)
    }
}

/// A peer without a device. Almost any 32 bytes are a valid key.
fn peer(number: u16) -> Value {
    let [high, low] = (number + 1_000).to_be_bytes();
    let mut key = [0x55; 32];
    key[0] = low;
    key[1] = high;
    key[31] = 0x11;
    let lane = |lane: u8| {
        json!({ "addresses": {
            "v4": format!("10.{lane}.{high}.{low}"),
            "v6": format!("fd74:6f72:6e61:{lane}::{:x}", u16::from_be_bytes([high, low])),
        }})
    };
    let isolation = u32::from(number) + 1;
    json!({ "public_key": BASE64.encode(&key), "direct": lane(8), "tor": lane(9), "isolation": isolation })
}
