//! TCP and TLS: admission, timeouts, then HTTP.

use crate::Config;
use crate::api::Api;
use crate::error::Error;
use crate::extract::Peer;
use crate::router::router;
use crate::tls::Tls;
use axum::Router;
use axum::http::Extensions;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_rpc::{Limits, serve_connection};
use tornado_runtime::Admission;

/// Maximum silence of a new connection; a client sends its first packet immediately.
const FIRST_BYTE: Duration = Duration::from_secs(2);
/// Timeout for a TLS handshake, and for a request's headers.
const HEADERS: Duration = Duration::from_secs(10);
/// Maximum time until sent data is acknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// First byte of every TLS handshake (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 22;
const PLAIN_RESPONSE: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nConnection: close\r\nContent-Length: 133\r\n\r\n\
{\"type\":\"urn:tornado:problem:plain_http\",\"status\":400,\"code\":\"plain_http\",\"detail\":\"this port speaks TLS only; use https, not http.\"}";

/// Opens a listening socket. `[::]` accepts both families; on a machine without IPv6 it falls back to `0.0.0.0`.
///
/// # Errors
/// The address is not available.
pub fn bind(address: SocketAddr) -> Result<TcpListener, Error> {
    let failed = |source| Error::Listen { address, source };
    match open(address) {
        Err(error) if address.ip().is_unspecified() && error.raw_os_error() == Some(97) => {
            let v4 = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), address.port());
            open(v4).map_err(failed)
        }
        opened => opened.map_err(failed),
    }
}

fn open(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}

/// Accepts connections within the limits.
#[derive(Clone)]
pub struct Edge {
    acceptor: TlsAcceptor,
    router: Router,
    limits: Limits,
    admission: Arc<Admission>,
}

impl Edge {
    /// A listener in front of an API.
    #[must_use]
    pub fn new(tls: &Tls, api: Api, config: &Config) -> Self {
        let limits = Limits { connections: config.connections, header_read: HEADERS, ..Limits::default() };
        Self {
            acceptor: TlsAcceptor::from(tls.server.clone()),
            limits,
            admission: api.admission.clone(),
            router: router(api),
        }
    }

    /// Accepts connections until `shutdown`, then waits up to 3 seconds for running requests.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        while let Some((stream, peer)) = self.accept(&listener, &shutdown).await {
            // Over the limit: closing at once costs the least, and the next connection in the queue may be a device.
            let Some(place) = self.admission.enter(peer) else { continue };
            let (edge, stop) = (self.clone(), shutdown.clone());
            tasks.spawn(async move {
                edge.connection(stream, peer, stop).await;
                drop(place);
            });
        }
        tasks.close();
        if tokio::time::timeout(Duration::from_secs(3), tasks.wait()).await.is_err() {
            tracing::warn!("cancelled requests that were still running at shutdown");
        }
    }

    async fn accept(&self, listener: &TcpListener, shutdown: &CancellationToken) -> Option<(TcpStream, IpAddr)> {
        let next = async {
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => return (stream, peer.ip().to_canonical()),
                    Err(error) => {
                        tracing::warn!(%error, "could not accept a connection; retrying");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        };
        shutdown.run_until_cancelled(next).await
    }

    async fn connection(self, stream: TcpStream, peer: IpAddr, shutdown: CancellationToken) {
        let handshake = async {
            let mut first = [0];
            // A TLS client sends first, so silence is not a slow handshake.
            match tokio::time::timeout(FIRST_BYTE, stream.peek(&mut first)).await {
                Ok(Ok(0)) | Err(_) => return Ok(None),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error),
            }
            if first != [HANDSHAKE_RECORD] {
                refuse_plain(stream).await;
                return Ok(None);
            }
            drop(stream.set_nodelay(true));
            // A device that left its network does not close the connection. It ends when sent data stays
            // unacknowledged.
            drop(socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED)));
            self.acceptor.accept(stream).await.map(Some)
        };
        let handshake = tokio::select! {
            result = tokio::time::timeout(self.limits.header_read, handshake) => result,
            () = shutdown.cancelled() => return,
        };
        match handshake {
            Ok(Ok(Some(stream))) => {
                let mark = move |extensions: &mut Extensions| {
                    extensions.insert(Peer(peer));
                };
                serve_connection(stream, self.router, mark, self.limits, shutdown).await;
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
            Err(_) => tracing::debug!("TLS handshake timed out"),
        }
    }
}

async fn refuse_plain(mut stream: TcpStream) {
    drop(stream.write_all(PLAIN_RESPONSE).await);
    drop(stream.shutdown().await);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_response_to_plain_http_has_its_stated_length() {
        let text = std::str::from_utf8(PLAIN_RESPONSE).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
        assert!(serde_json::from_str::<tornado_shared::problem::Problem>(body).is_ok());
    }
}
