//! A plain tor client in a host of the lab, and HTTP through its SOCKS port.

use super::{TorNetwork, keys, torrc};
use crate::http::{self, HttpReply};
use crate::{HarnessError, Host, INTERNET, Process, wait_for};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Its SOCKS port, on loopback of its host.
const SOCKS_PORT: u16 = 9050;

/// A tor process that is nobody's lane: what the lane is compared with. Dropping it kills it.
#[derive(Debug)]
pub struct TorClient {
    process: Process,
    host: Host,
    started: Instant,
}

impl TorClient {
    /// Starts it with a data directory of its own, always empty. `extra` is added to its configuration.
    ///
    /// # Errors
    /// When it cannot start. A configuration that it refuses shows in [`Self::bootstrapped`].
    pub fn start(host: &Host, network: &TorNetwork, extra: &str) -> Result<Self, HarnessError> {
        let dir = host.dir().join(format!("tor-client-{}", uuid::Uuid::new_v4().simple()));
        keys::make_private(&dir)?;
        let path = dir.join("torrc");
        let text = torrc::client(&network.client_torrc_lines(), &dir.join("data"), socks(), extra);
        std::fs::write(&path, text).map_err(HarnessError::file("write", &path))?;
        let started = Instant::now();
        let process = super::spawn_tor(host, "tor-client", &path)?;
        Ok(Self { process, host: host.clone(), started })
    }

    /// Waits until it is at 100 %; how long that took since its start.
    ///
    /// # Errors
    /// [`HarnessError::Timeout`] with the last progress, or its end.
    pub fn bootstrapped(&mut self, within: Duration) -> Result<Duration, HarnessError> {
        let mut last = String::from("nothing");
        let waited = wait_for("a tor client to be at 100 %", within, || {
            self.process.must_run()?;
            let log = self.process.stderr()?;
            if let Some(line) = log.lines().rev().find(|line| line.contains("Bootstrapped ")) {
                last = line.to_owned();
            }
            Ok(last.contains("Bootstrapped 100%").then(|| self.started.elapsed()))
        });
        match waited {
            Err(HarnessError::Timeout { what, after }) => {
                Err(HarnessError::Timeout { what: format!("{what}; it said {last}"), after })
            }
            other => other,
        }
    }

    /// Waits until it is at 100 % and a page of `internet`, which must serve, came through: Tor says 100 % a moment
    /// before circuits through a young network carry. How long that took since its start.
    ///
    /// # Errors
    /// [`HarnessError::Timeout`], or its end.
    pub fn ready(&mut self, within: Duration) -> Result<Duration, HarnessError> {
        self.bootstrapped(within)?;
        let left = within.saturating_sub(self.started.elapsed());
        let mut attempt = 0;
        wait_for("a page through a tor client at 100 %", left, || {
            // Not a circuit that failed, and not one that the test will use.
            attempt += 1;
            let isolation = format!("ready {attempt}");
            let page = self.http_get(&INTERNET.v4.to_string(), "/", &isolation, Duration::from_secs(5));
            Ok(page.is_ok().then(|| self.started.elapsed()))
        })
    }

    /// One HTTP GET of `name`, port 80, through Tor. What the name means is found out at the exit, or it is an onion
    /// service. Requests of different `isolation` never share a circuit.
    ///
    /// # Errors
    /// When the SOCKS port or the exit refuses, when no answer comes, or when it is no HTTP.
    pub fn http_get(
        &self,
        name: &str,
        path: &str,
        isolation: &str,
        within: Duration,
    ) -> Result<HttpReply, HarnessError> {
        let url = format!("http://{name}{path} through Tor");
        let ask = async {
            let started = Instant::now();
            let stream = connect(socks(), name, isolation).await?;
            let bytes = http::exchange(stream, name, path).await.map_err(HarnessError::io(url.clone()))?;
            http::parse(&bytes, started.elapsed()).ok_or_else(|| HarnessError::answer(url.clone(), "no whole HTTP"))
        };
        let asked = self.host.block_on(|| async { tokio::time::timeout(within, ask).await })?;
        asked.unwrap_or(Err(HarnessError::Timeout { what: url.clone(), after: within }))
    }

    /// Its SOCKS port.
    #[must_use]
    pub fn socks(&self) -> SocketAddr {
        socks()
    }

    /// The process.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.process
    }
}

fn socks() -> SocketAddr {
    ([127, 0, 0, 1], SOCKS_PORT).into()
}

/// SOCKS5 with a user name (RFC 1928, RFC 1929) to port 80 of a name, or of an address written as one.
async fn connect(proxy: SocketAddr, name: &str, isolation: &str) -> Result<TcpStream, HarnessError> {
    let failed = || HarnessError::io(format!("the SOCKS port {proxy}"));
    let too_long = |_| HarnessError::answer("a name for SOCKS", "it has more than 255 bytes");
    let user_length = u8::try_from(isolation.len()).map_err(too_long)?;
    let name_length = u8::try_from(name.len()).map_err(too_long)?;
    // Tor takes any password.
    let user = [&[1, user_length], isolation.as_bytes(), &[1, b'x']].concat();
    let target = [&[5, 1, 0, 3, name_length], name.as_bytes(), &[0, 80]].concat();
    let mut stream = TcpStream::connect(proxy).await.map_err(failed())?;
    // One step after the other: Tor looks at what follows only when more of it arrives.
    for (words, expected) in [(&[5, 1, 2][..], [5, 2]), (&user, [1, 0])] {
        stream.write_all(words).await.map_err(failed())?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await.map_err(failed())?;
        if answer != expected {
            return Err(HarnessError::answer("the SOCKS port's answer", format!("{answer:?}")));
        }
    }
    stream.write_all(&target).await.map_err(failed())?;
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).await.map_err(failed())?;
    match answer {
        [5, 0, 0, 1, ..] => Ok(stream),
        [5, code, ..] => Err(HarnessError::answer(format!("SOCKS to {name}"), format!("refused with code {code}"))),
        other => Err(HarnessError::answer("the SOCKS port's answer", format!("{other:?}"))),
    }
}
