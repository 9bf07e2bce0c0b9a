//! Clients of the bench `tor`: the same requests through the lane and through a SOCKS port.

use anyhow::{Context as _, bail};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tornado_e2e_harness::{Host, INTERNET};

/// Deadline of a single step.
const PATIENCE: Duration = Duration::from_secs(20);
/// Start of a download that is not measured, while TCP windows open.
const WARM_UP: Duration = Duration::from_millis(700);

/// The path to the web server.
#[derive(Debug, Clone)]
pub enum Way {
    /// A plain connection, which the lane redirects.
    Lane,
    /// A SOCKS port, with a user name that selects its own circuits.
    Socks(SocketAddr, String),
}

impl Way {
    async fn connect(&self, from: Option<IpAddr>) -> anyhow::Result<TcpStream> {
        let site = SocketAddr::new(INTERNET.v4.into(), 80);
        let (to, user) = match self {
            Self::Lane => (site, None),
            Self::Socks(port, user) => (*port, Some(user)),
        };
        let socket = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(from) = from {
            socket.bind(SocketAddr::new(from, 0))?;
        }
        let mut stream = socket.connect(to).await.context("cannot connect")?;
        stream.set_nodelay(true)?;
        if let Some(user) = user {
            greet(&mut stream, user, site).await?;
        }
        Ok(stream)
    }
}

/// SOCKS5 handshake with a user name (RFC 1928, RFC 1929) to an IPv4 address.
async fn greet(stream: &mut TcpStream, user: &str, to: SocketAddr) -> anyhow::Result<()> {
    let IpAddr::V4(address) = to.ip() else { bail!("only IPv4 targets are supported") };
    let length = [1, u8::try_from(user.len())?];
    let name = [&length, user.as_bytes(), &[1, b'x']].concat();
    let target = [&[5, 1, 0, 1][..], &address.octets(), &to.port().to_be_bytes()].concat();
    for (words, expected) in [(&[5, 1, 2][..], [5, 2]), (&name, [1, 0])] {
        stream.write_all(words).await?;
        let mut answer = [0; 2];
        stream.read_exact(&mut answer).await?;
        anyhow::ensure!(answer == expected, "unexpected SOCKS response {answer:?}");
    }
    stream.write_all(&target).await?;
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).await?;
    anyhow::ensure!(answer.get(1) == Some(&0), "SOCKS request rejected: {answer:?}");
    Ok(())
}

/// Total throughput of parallel downloads, one per path, in megabytes per second.
pub fn throughput(host: &Host, ways: &[Way], seconds: u32) -> anyhow::Result<f64> {
    let work = || async {
        let until = Instant::now() + WARM_UP + Duration::from_secs(seconds.into());
        let mut downloads = tokio::task::JoinSet::new();
        for way in ways.iter().cloned() {
            downloads
                .spawn(async move { tokio::time::timeout_at((until + PATIENCE).into(), download(way, until)).await });
        }
        let mut bytes = 0;
        while let Some(download) = downloads.join_next().await {
            bytes += download???;
        }
        anyhow::Ok(bytes)
    };
    Ok(host.block_on(work)?? as f64 / f64::from(seconds) / 1e6)
}

async fn download(way: Way, until: Instant) -> anyhow::Result<u64> {
    let mut stream = way.connect(None).await?;
    stream.write_all(b"GET /bytes/1000000000 HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    let since = Instant::now() + WARM_UP;
    let mut buffer = vec![0; 1 << 16];
    let mut bytes = 0;
    while Instant::now() < until {
        let read = match tokio::time::timeout_at(until.into(), stream.read(&mut buffer)).await {
            Ok(read) => read?,
            Err(_) => break,
        };
        anyhow::ensure!(read > 0, "the download ended early");
        if Instant::now() >= since {
            bytes += u64::try_from(read)?;
        }
    }
    Ok(bytes)
}

/// Durations of small requests in milliseconds, each on a new connection: connect, send, read to the end.
pub fn small_requests(host: &Host, way: &Way, count: usize) -> anyhow::Result<Vec<f64>> {
    let work = || async {
        let mut times = Vec::new();
        // The first request builds the circuit and is not counted.
        for number in 0..=count {
            let began = Instant::now();
            let ask = async {
                let mut stream = way.connect(None).await?;
                stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await?;
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes).await?;
                anyhow::ensure!(bytes.starts_with(b"HTTP/1.1 200 "), "the response is not 200");
                Ok(())
            };
            tokio::time::timeout(PATIENCE, ask).await??;
            if number > 0 {
                times.push(began.elapsed().as_secs_f64() * 1e3);
            }
        }
        anyhow::Ok(times)
    };
    host.block_on(work)?
}

/// Opens a stream from each address, keeps all of them open and calls `look` with their number.
pub fn hold<T: Send>(
    host: &Host,
    port: SocketAddr,
    addresses: &[IpAddr],
    look: impl FnOnce(usize) -> anyhow::Result<T> + Send,
) -> anyhow::Result<T> {
    let work = || async {
        let mut streams = Vec::new();
        // Tor builds at most 32 circuits at once (MaxClientCircuitsPending); further requests would only wait.
        for some in addresses.chunks(32) {
            let mut opening = tokio::task::JoinSet::new();
            for from in some.iter().copied() {
                let way = Way::Socks(port, "held".to_owned());
                opening.spawn(async move { tokio::time::timeout(PATIENCE * 3, way.connect(Some(from))).await });
            }
            while let Some(opened) = opening.join_next().await {
                streams.extend(opened.into_iter().flatten().flatten());
            }
        }
        look(streams.len())
    };
    host.block_on(work)?
}
