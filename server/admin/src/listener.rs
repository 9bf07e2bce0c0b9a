//! Accepts connections of browsers and reverse proxies.

use axum::Router;
use axum::http::Extensions;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_rpc::{Limits, serve_connection};

/// A request extension: the address at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// Serves until `shutdown`, then waits up to 3 seconds for running requests.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) {
    let limits = Limits { connections: 256, header_read: Duration::from_secs(10), ..Limits::default() };
    let slots = Arc::new(Semaphore::new(limits.connections));
    let tasks = TaskTracker::new();
    loop {
        let accept = async { (slots.clone().acquire_owned().await, listener.accept().await) };
        let Some((slot, accepted)) = shutdown.run_until_cancelled(accept).await else { break };
        match accepted {
            Ok((stream, peer)) => {
                let (router, peer, stop) = (router.clone(), Peer(peer.ip()), shutdown.clone());
                tasks.spawn(async move {
                    let mark = move |extensions: &mut Extensions| {
                        extensions.insert(peer);
                    };
                    serve_connection(stream, router, mark, limits, stop).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a connection; retrying");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    tasks.close();
    if tokio::time::timeout(Duration::from_secs(3), tasks.wait()).await.is_err() {
        tracing::warn!("cancelled requests that were still running at shutdown");
    }
}
