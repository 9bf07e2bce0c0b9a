//! The serving end: accepts connections and lets the door decide about each.

use crate::door::Door;
use crate::respond::problem_response;
use crate::transport::{self, Listener, Socket};
use crate::{Access, slots::Slots};
use axum::Router;
use axum::response::Response;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_shared::problem::Problem;

/// How long running calls may go on after shutdown began.
const LAST_CALLS: Duration = Duration::from_secs(3);

/// Bounds of one listening socket.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections served at once; more wait, at most `header_read`.
    pub connections: usize,
    /// Refused connections that get a response at the same time; more are closed without one.
    pub strangers: usize,
    /// Longest time for a request's headers to arrive, also the longest idle time between requests.
    pub header_read: Duration,
    /// Largest headers, bytes.
    pub max_headers: usize,
    /// Longest time in which a caller takes nothing of its response.
    pub write_stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            strangers: 32,
            header_read: Duration::from_secs(30),
            max_headers: 16 * 1024,
            write_stall: Duration::from_secs(30),
        }
    }
}

/// In the extensions of each request: cancelled when the server begins to end, so that a response which is held back on
/// purpose is sent at once.
#[derive(Debug, Clone)]
pub struct Stopping(pub CancellationToken);

/// One listening socket with its router.
pub struct SocketServer<A> {
    listener: Listener,
    access: A,
    limits: Limits,
    router: Router,
}

impl<A: Access> SocketServer<A> {
    /// Serves a socket that [`listen`](crate::listen) made, here or in a supervisor.
    ///
    /// # Errors
    /// When the socket cannot be watched.
    pub fn new(socket: Socket, access: A, router: Router) -> std::io::Result<Self> {
        let router = with_unknown_methods(router);
        Ok(Self { listener: Listener::new(socket)?, access, limits: Limits::default(), router })
    }

    /// Other bounds than the default ones.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves until `shutdown`, then lets running calls end for at most 3 seconds.
    pub async fn serve(self, shutdown: CancellationToken) {
        let Self { listener, access, limits, router } = self;
        let door = Arc::new(Door::new(access, Slots::new(limits.connections), limits, shutdown));
        let tasks = TaskTracker::new();
        while let Some(accepted) = door.shutdown().run_until_cancelled(listener.accept()).await {
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the socket; retrying");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            match transport::peer(&stream) {
                Ok(peer) => {
                    if let Some(admission) = door.admit(peer) {
                        tasks.spawn(door.clone().serve(stream, admission, router.clone()));
                    }
                }
                Err(error) => tracing::warn!(%error, "a connection without credentials was closed"),
            }
        }
        tasks.close();
        if tokio::time::timeout(LAST_CALLS, tasks.wait()).await.is_err() {
            tracing::warn!("calls still running at shutdown were cut");
        }
    }
}

/// The routes as [`SocketServer`] serves them: other paths and verbs get a problem, too.
pub fn with_unknown_methods(router: Router) -> Router {
    router.fallback(unknown_method).method_not_allowed_fallback(unknown_method)
}

async fn unknown_method() -> Response {
    problem_response(&Problem::new(404, "unknown_method", "no such method; see docs/api_reference.md"))
}
