//! Connects to the first of several addresses that presents the accepted TLS key (Happy Eyeballs, RFC 8305).

use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tornado_shared::invitation::ServerAddress;
use tower::util::BoxCloneSyncService;

/// Delay before the next candidate is tried in parallel (RFC 8305 §5, Connection Attempt Delay).
pub const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// A TLS stream as the HTTP client requires it.
pub(crate) struct Stream(tokio_rustls::client::TlsStream<TcpStream>);

pub(crate) type Connector = BoxCloneSyncService<http::Uri, TokioIo<Stream>, io::Error>;

/// Opens connections to one server.
#[derive(Clone)]
pub(crate) struct Dialer(Arc<Inside>);

struct Inside {
    server: ServerAddress,
    candidates: Vec<SocketAddr>,
    tls: TlsConnector,
    name: ServerName<'static>,
    mark: Option<u32>,
    timeout: Duration,
    /// The address of the latest accepted connection; tried first next time.
    proved: Mutex<Option<SocketAddr>>,
}

impl Dialer {
    pub(crate) fn new(
        server: &ServerAddress,
        candidates: Vec<SocketAddr>,
        tls: ClientConfig,
        mark: Option<u32>,
        timeout: Duration,
    ) -> Result<Self, crate::Error> {
        let name = match server.host.parse::<IpAddr>() {
            Ok(address) => ServerName::IpAddress(address.into()),
            Err(_) => ServerName::try_from(server.host.clone()).map_err(|e| crate::Error::Setup(e.to_string()))?,
        };
        let tls = TlsConnector::from(Arc::new(tls));
        let proved = Mutex::default();
        Ok(Self(Arc::new(Inside { server: server.clone(), candidates, tls, name, mark, timeout, proved })))
    }

    /// The address of the latest connection whose TLS key was accepted.
    pub(crate) fn proved(&self) -> Option<SocketAddr> {
        *self.0.proved.lock()
    }

    /// The service with which hyper opens connections.
    pub(crate) fn connector(&self) -> Connector {
        let dialer = self.clone();
        BoxCloneSyncService::new(tower::service_fn(move |_: http::Uri| dialer.clone().dial()))
    }

    async fn dial(self) -> io::Result<TokioIo<Stream>> {
        let inside = &self.0;
        let mut candidates = if inside.candidates.is_empty() {
            tokio::net::lookup_host((inside.server.host.as_str(), inside.server.port)).await?.collect()
        } else {
            inside.candidates.clone()
        };
        if let Some(proved) = self.proved()
            && let Some(at) = candidates.iter().position(|candidate| *candidate == proved)
        {
            candidates[..=at].rotate_right(1);
        }
        let (address, stream) = race(candidates, ATTEMPT_DELAY, |address| within(self.0.clone(), address)).await?;
        *inside.proved.lock() = Some(address);
        Ok(TokioIo::new(Stream(stream)))
    }
}

/// Each attempt gets the full time, so that a silent address does not hide the rejected certificate of another one.
async fn within(inside: Arc<Inside>, address: SocketAddr) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let limit = inside.timeout;
    tokio::time::timeout(limit, connect(inside, address)).await.map_err(|_| io::ErrorKind::TimedOut)?
}

async fn connect(inside: Arc<Inside>, address: SocketAddr) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if let Some(mark) = inside.mark {
        set_mark(&socket2::SockRef::from(&socket), mark, address.ip());
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    inside.tls.connect(inside.name.clone(), stream).await
}

/// Sets the mark of a socket for packets to `to` (`SO_MARK`, socket(7)). Windows has no marks: there, its packets leave
/// through the interface that leads to `to` outside the tunnels of this process. Without CAP_NET_ADMIN, or on another
/// operating system, the socket stays unmarked: routing then treats it like that of any other program.
pub fn set_mark(socket: &socket2::Socket, mark: u32, to: IpAddr) {
    #[cfg(target_os = "linux")]
    let (marked, _) = (socket.set_mark(mark), to);
    #[cfg(windows)]
    let (marked, _) = (tornado_windows::os::network::keep_outside(socket, to), mark);
    #[cfg(not(any(target_os = "linux", windows)))]
    let (marked, _) = (io::Result::Ok(()), (socket, mark, to));
    if let Err(error) = marked {
        tracing::debug!(%error, "cannot set the mark of a socket");
    }
}

/// Tries candidates in order, each `delay` after the previous one, or at once if that one failed. Returns the first
/// that succeeds.
///
/// # Errors
/// The error of the candidate that got furthest: a rejected certificate has precedence over a refused connection.
///
/// # Cancel safety
/// Dropping the future ends all attempts.
pub async fn race<T, F>(
    candidates: Vec<SocketAddr>,
    delay: Duration,
    attempt: impl Fn(SocketAddr) -> F,
) -> io::Result<(SocketAddr, T)>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut waiting = candidates.into_iter();
    let mut running = JoinSet::new();
    let mut worst = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    loop {
        let next = waiting.next();
        let more = next.is_some();
        if let Some(address) = next {
            let attempt = attempt(address);
            running.spawn(async move { (address, attempt.await) });
        }
        let pause = async { if more { tokio::time::sleep(delay).await } else { std::future::pending().await } };
        tokio::select! {
            ended = running.join_next() => match ended {
                Some(Ok((address, Ok(value)))) => return Ok((address, value)),
                Some(Ok((_, Err(error)))) => {
                    if !crate::pin::is_certificate_refusal(&worst) {
                        worst = error;
                    }
                }
                Some(Err(panic)) => worst = io::Error::other(panic),
                None if more => {}
                None => return Err(worst),
            },
            () = pause => {}
        }
    }
}

/// Alternates the address families, beginning with that of the first address (RFC 8305 §4).
#[must_use]
pub fn interleave(addresses: impl IntoIterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut all: Vec<SocketAddr> = Vec::new();
    for address in addresses {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    let first_is_v4 = all.first().is_some_and(SocketAddr::is_ipv4);
    let (mut same, mut other): (Vec<_>, Vec<_>) = all.into_iter().partition(|a| a.is_ipv4() == first_is_v4);
    let mut sorted = Vec::with_capacity(same.len() + other.len());
    (same, other) = (same.into_iter().rev().collect(), other.into_iter().rev().collect());
    while !same.is_empty() || !other.is_empty() {
        sorted.extend(same.pop());
        sorted.extend(other.pop());
    }
    sorted
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl tokio::io::AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl tokio::io::AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
#[path = "dial_tests.rs"]
mod tests;
