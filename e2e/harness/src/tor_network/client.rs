//! A plain Tor client in a host of the lab, and HTTP through its SOCKS port.

use super::{TorNetwork, keys, torrc};
use crate::host::http::{self, HttpReply};
use crate::{HarnessError, Host, INTERNET, Process, wait_for};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// SOCKS port on the loopback address of the host.
const SOCKS_PORT: u16 = 9050;

/// A Tor process that is independent of the lane, for comparison. Killed on drop.
#[derive(Debug)]
pub struct TorClient {
    process: Process,
    host: Host,
    started: Instant,
}

impl TorClient {
    /// Starts the client with a new, empty data directory. `extra` is appended to its configuration.
    ///
    /// # Errors
    ///
    /// Fails if it cannot start. An invalid configuration is reported by [`Self::bootstrapped`].
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

    /// Waits until the bootstrap is at 100 %. Returns the time since the start.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::Timeout`] and the latest progress, or if the process ends.
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
                Err(HarnessError::Timeout { what: format!("{what}; its latest log line: {last}"), after })
            }
            other => other,
        }
    }

    /// Waits until the bootstrap is at 100 % and a page of `internet`, which must be served, has arrived. Tor reports
    /// 100 % shortly before circuits through a new network work. Returns the time since the start.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::Timeout`], or if the process ends.
    pub fn ready(&mut self, within: Duration) -> Result<Duration, HarnessError> {
        self.bootstrapped(within)?;
        let left = within.saturating_sub(self.started.elapsed());
        let mut attempt = 0;
        wait_for("a page through a tor client at 100 %", left, || {
            // Avoids circuits that failed, and circuits that the test will use.
            attempt += 1;
            let isolation = format!("ready {attempt}");
            let page = self.http_get(&INTERNET.v4.to_string(), "/", &isolation, Duration::from_secs(5));
            Ok(page.is_ok().then(|| self.started.elapsed()))
        })
    }

    /// Sends an HTTP GET to port 80 of `name` through Tor. The exit resolves the name, unless it is an onion service.
    /// Requests with different `isolation` never share a circuit.
    ///
    /// # Errors
    ///
    /// Fails if the SOCKS port or the exit rejects the request, there is no response in time, or it is not HTTP.
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
            http::parse(&bytes, started.elapsed())
                .ok_or_else(|| HarnessError::answer(url.clone(), "incomplete HTTP response"))
        };
        let asked = self.host.block_on(|| async { tokio::time::timeout(within, ask).await })?;
        asked.unwrap_or(Err(HarnessError::Timeout { what: url.clone(), after: within }))
    }

    /// Address of the SOCKS port.
    #[must_use]
    pub fn socks(&self) -> SocketAddr {
        socks()
    }

    /// The Tor process of the client.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.process
    }
}

fn socks() -> SocketAddr {
    ([127, 0, 0, 1], SOCKS_PORT).into()
}

/// SOCKS5 connection with a user name (RFC 1928, RFC 1929) to port 80 of a name, or of an address in text form.
async fn connect(proxy: SocketAddr, name: &str, isolation: &str) -> Result<TcpStream, HarnessError> {
    let failed = || HarnessError::io(format!("the SOCKS port {proxy}"));
    let too_long = |_| HarnessError::answer("a name for SOCKS", "the name has more than 255 bytes");
    let user_length = u8::try_from(isolation.len()).map_err(too_long)?;
    let name_length = u8::try_from(name.len()).map_err(too_long)?;
    // Tor accepts any password.
    let user = [&[1, user_length], isolation.as_bytes(), &[1, b'x']].concat();
    let target = [&[5, 1, 0, 3, name_length], name.as_bytes(), &[0, 80]].concat();
    let mut stream = TcpStream::connect(proxy).await.map_err(failed())?;
    // One step at a time: Tor processes buffered input only when more arrives.
    for (words, expected) in [(&[5, 1, 2][..], [5, 2]), (&user, [1, 0])] {
        stream.write_all(words).await.map_err(failed())?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await.map_err(failed())?;
        if answer != expected {
            return Err(HarnessError::answer("the response of the SOCKS port", format!("{answer:?}")));
        }
    }
    stream.write_all(&target).await.map_err(failed())?;
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).await.map_err(failed())?;
    match answer {
        [5, 0, 0, 1, ..] => Ok(stream),
        [5, code, ..] => Err(HarnessError::answer(format!("SOCKS to {name}"), format!("rejected with code {code}"))),
        other => Err(HarnessError::answer("the response of the SOCKS port", format!("{other:?}"))),
    }
}
