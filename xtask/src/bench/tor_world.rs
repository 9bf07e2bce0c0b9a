//! Lab, private Tor network, server and a device for the bench `tor`, from release builds.

use super::resident_bytes;
use crate::shell;
use anyhow::{Context as _, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use std::fmt::Write as _;
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
/// Of a call of a service.
const CALL: Duration = Duration::from_secs(60);
/// More than anybody has: no bound.
const UNBOUND: u32 = 1 << 30;

/// Where the programs are: those of `TORNADO_BIN_DIR`, else our own release builds.
pub fn programs() -> PathBuf {
    std::env::var_os("TORNADO_BIN_DIR").map_or_else(|| shell::target_dir().join("release"), PathBuf::from)
}

/// All of it, gone when it is dropped.
pub struct TorWorld {
    /// On the tor lane.
    pub device: DeviceProc,
    /// A Tor of nobody, beside the server's.
    pub second: TorClient,
    server: ServerProc,
    _network: TorNetwork,
    _internet: Internet,
    host: Host,
    _lab: Lab,
}

impl TorWorld {
    /// Puts it up and waits until the lane carries.
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
        let answer = server.json(&["invite", "create"])?;
        let link = answer["link"].as_str().context("no link in the answer")?;
        device.cli_with_password(&["enroll", link, "--username", "ada"], "correct horse battery")?.success()?;
        device.cli(&["connect", "--lane", "tor"])?.success()?;
        let mut second = TorClient::start(&host, &network, "")?;
        second.ready(PATIENCE)?;
        wait_for("a page through the lane", PATIENCE, || {
            Ok(device.host().http_get(internet.http_v4(), "/").ok().filter(|reply| reply.status == 200))
        })?;
        Ok(Self { device, second, server, _network: network, _internet: internet, host, _lab: lab })
    }

    /// Where the server runs.
    pub const fn server(&self) -> &Host {
        &self.host
    }

    /// The SOCKS port of the server's Tor.
    pub fn socks(&self) -> SocketAddr {
        ([10, 9, 0, 1], 9050).into()
    }

    /// Process id of the server's Tor.
    pub fn tor_pid(&self) -> anyhow::Result<u32> {
        let status = self.get("tor", "/v1/status")?;
        let pid = status["process"]["pid"].as_u64().with_context(|| format!("Tor does not run: {status}"))?;
        Ok(u32::try_from(pid)?)
    }

    /// Circuits that Tor says are built.
    pub fn circuits(&self) -> anyhow::Result<usize> {
        let answer = self.get("tor", "/v1/circuits")?;
        Ok(answer["circuits"].as_array().context("no circuits")?.iter().filter(|c| c["status"] == "BUILT").count())
    }

    /// Holds Tor to so many bytes a second, or to none.
    pub fn hold_tor_to(&self, rate: Option<u32>) -> anyhow::Result<()> {
        let sockets = self.server.state_dir().join("tor/sockets");
        let cookie = std::fs::read(sockets.join("cookie")).context("no cookie of Tor")?;
        let mut hex = String::new();
        for byte in cookie {
            write!(hex, "{byte:02x}")?;
        }
        let stream = UnixStream::connect(sockets.join("control")).context("no control port of Tor")?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let rate = rate.unwrap_or(UNBOUND);
        for words in [format!("AUTHENTICATE {hex}"), format!("SETCONF BandwidthRate={rate} BandwidthBurst={rate}")] {
            (&stream).write_all(format!("{words}\r\n").as_bytes())?;
            let mut line = String::new();
            reader.read_line(&mut line)?;
            ensure!(line.starts_with("250 "), "Tor's control port answered {line:?}");
        }
        Ok(())
    }

    /// Resident bytes of every service of the server, by name.
    pub fn mesh_memory(&self) -> anyhow::Result<Vec<(String, u64)>> {
        let status = self.server.status()?;
        let services = status["services"].as_array().context("no services")?;
        let one = |service: &Value| Some((service["name"].as_str()?.to_owned(), service["pid"].as_u64()?));
        let one = |service| {
            let (name, pid) = one(service).with_context(|| format!("a service without a process: {service}"))?;
            anyhow::Ok((name, resident_bytes(u32::try_from(pid)?)?))
        };
        services.iter().map(one).collect()
    }

    /// Looks while `wg` has so many peers on both lanes. Service `session`, which knows nothing of them, sleeps.
    pub fn with_peers<T>(&self, count: u16, look: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(u64, T)> {
        let session = Pid::from_raw(self.server.pid_of("session")?.cast_signed());
        let peers: Vec<Value> = (0..count).map(peer).collect();
        kill(session, Signal::SIGSTOP)?;
        let looked = (|| {
            self.server.mesh("wg").within(CALL).send("PUT", "/v1/sync", &json!({ "peers": peers }))?;
            // What was allocated only for the change is given back or not; a moment later is what stays.
            std::thread::sleep(Duration::from_secs(2));
            let peers = self.get("wg", "/v1/status")?["peers"].as_u64().context("no number of peers")?;
            Ok((peers, look()?))
        })();
        kill(session, Signal::SIGCONT)?;
        looked
    }

    fn get(&self, service: &str, path: &str) -> anyhow::Result<Value> {
        Ok(self.server.mesh(service).within(CALL).get(path)?)
    }
}

/// A device that does not exist, with a key that is one (any 32 bytes are, but for a few).
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
    json!({ "public_key": base64(key), "direct": lane(8), "tor": lane(9), "isolation": isolation })
}

/// RFC 4648 of 32 bytes.
fn base64(bytes: [u8; 32]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number = three.iter().chain(&[0, 0]).take(3).fold(0_usize, |all, byte| all << 8 | usize::from(*byte));
        for place in 0..=three.len() {
            text.extend(LETTERS.get(number >> (18 - 6 * place) & 63).map(|letter| char::from(*letter)));
        }
    }
    text + "="
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_wireguard_writes_them() {
        assert_eq!(base64([0; 32]), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        assert_eq!(base64([0xff; 32]), "//////////////////////////////////////////8=");
    }
}
