//! TCP and TLS: who may connect, how long that may take, and then HTTP.

use crate::extract::Peer;
use crate::limits::Origin;
use crate::tls::Tls;
use crate::{Config, Error};
use axum::{Extension, Router};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_mesh::{Limits, serve_connection};

/// First byte of every TLS handshake (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 22;
const PLAIN_ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/problem+json\r\nConnection: close\r\nContent-Length: 133\r\n\r\n\
{\"type\":\"urn:tornado:problem:plain_http\",\"status\":400,\"code\":\"plain_http\",\"detail\":\"this port speaks TLS only; use https, not http.\"}";

/// Opens a listening socket. `[::]` takes both families; on a machine without IPv6 it becomes `0.0.0.0`.
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

/// Serves connections within bounds.
#[derive(Clone)]
pub struct Edge {
    acceptor: TlsAcceptor,
    router: Router,
    limits: Limits,
    slots: Arc<Semaphore>,
    per_address: Arc<PerAddress>,
}

impl Edge {
    /// An edge in front of a router.
    #[must_use]
    pub fn new(tls: &Tls, router: Router, config: &Config) -> Self {
        let limits = Limits {
            connections: config.connections,
            header_read: Duration::from_secs(config.handshake_seconds),
            ..Limits::default()
        };
        Self {
            acceptor: TlsAcceptor::from(tls.server.clone()),
            router,
            limits,
            slots: Arc::new(Semaphore::new(config.connections)),
            per_address: Arc::new(PerAddress { most: config.connections_per_address, counts: Mutex::default() }),
        }
    }

    /// Accepts until `shutdown`, then lets running requests end for at most 3 seconds.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        while let Some((stream, peer, slot)) = self.accept(&listener, &shutdown).await {
            let origin = Origin::from(peer);
            // Too many from there already: closing at once costs the least.
            let Some(place) = self.per_address.clone().enter(origin) else { continue };
            let (edge, stop) = (self.clone(), shutdown.clone());
            tasks.spawn(async move {
                edge.connection(stream, peer, stop).await;
                drop((slot, place));
            });
        }
        tasks.close();
        if tokio::time::timeout(Duration::from_secs(3), tasks.wait()).await.is_err() {
            tracing::warn!("requests still running at shutdown were cut");
        }
    }

    async fn accept(
        &self,
        listener: &TcpListener,
        shutdown: &CancellationToken,
    ) -> Option<(TcpStream, IpAddr, OwnedSemaphorePermit)> {
        let next = async {
            let slot = self.slots.clone().acquire_owned().await.ok()?;
            loop {
                match listener.accept().await {
                    Ok((stream, peer)) => return Some((stream, peer.ip().to_canonical(), slot)),
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection; trying again");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        };
        shutdown.run_until_cancelled(next).await.flatten()
    }

    async fn connection(self, stream: TcpStream, peer: IpAddr, shutdown: CancellationToken) {
        let handshake = async {
            let mut first = [0];
            if stream.peek(&mut first).await? == 0 {
                return Ok(None);
            }
            if first != [HANDSHAKE_RECORD] {
                refuse_plain(stream).await;
                return Ok(None);
            }
            drop(stream.set_nodelay(true));
            self.acceptor.accept(stream).await.map(Some)
        };
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(self.limits.header_read, handshake) => shaken,
            () = shutdown.cancelled() => return,
        };
        match shaken {
            Ok(Ok(Some(stream))) => {
                let router = self.router.layer(Extension(Peer(peer)));
                serve_connection(stream, router, self.limits, shutdown).await;
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "no TLS handshake"),
            Err(_) => tracing::debug!("the TLS handshake took too long"),
        }
    }
}

async fn refuse_plain(mut stream: TcpStream) {
    drop(stream.write_all(PLAIN_ANSWER).await);
    drop(stream.shutdown().await);
}

struct PerAddress {
    most: usize,
    counts: Mutex<HashMap<Origin, usize>>,
}

/// A connection's place among those of its address; free again when dropped.
struct Place {
    origin: Origin,
    all: Arc<PerAddress>,
}

impl PerAddress {
    fn enter(self: Arc<Self>, origin: Origin) -> Option<Place> {
        {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.entry(origin).or_default();
            if *count >= self.most {
                return None;
            }
            *count += 1;
        }
        Some(Place { origin, all: self })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.all.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.origin) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_answer_has_the_length_it_claims() {
        let text = std::str::from_utf8(PLAIN_ANSWER).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{}", body.len());
        assert!(serde_json::from_str::<tornado_shared::problem::Problem>(body).is_ok());
    }

    #[test]
    fn places_are_free_again() {
        let all = Arc::new(PerAddress { most: 2, counts: Mutex::default() });
        let origin = Origin::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let first = all.clone().enter(origin).unwrap();
        let second = all.clone().enter(origin).unwrap();
        assert!(all.clone().enter(origin).is_none());
        drop(first);
        assert!(all.clone().enter(origin).is_some());
        drop(second);
        assert!(all.counts.lock().unwrap().is_empty());
    }
}
