//! The server side: accepts connections and passes them to admission control.

use crate::connection::Limits;
use crate::door::Door;
use crate::observer::{Observed, Observer};
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

/// How long running calls may continue after the start of the shutdown.
const LAST_CALLS: Duration = Duration::from_secs(3);

/// One listening socket with its router.
pub struct SocketServer<A> {
    listener: Listener,
    access: A,
    limits: Limits,
    router: Router,
}

impl<A: Access> SocketServer<A> {
    /// Serves a socket from [`listen`](crate::listen), created here or in a supervisor.
    ///
    /// # Errors
    /// If the socket cannot be registered with the runtime.
    pub fn new(socket: Socket, access: A, router: Router) -> std::io::Result<Self> {
        let router = with_unknown_methods(router);
        Ok(Self { listener: Listener::new(socket)?, access, limits: Limits::default(), router })
    }

    /// Uses other limits than the default ones.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Reports every answered call to `observer`.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.router = self.router.layer(axum::Extension(Observed(observer)));
        self
    }

    /// Serves until `shutdown`, then lets running calls continue for at most 3 seconds.
    pub async fn serve(self, shutdown: CancellationToken) {
        let Self { listener, access, limits, router } = self;
        let door = Arc::new(Door::new(access, Slots::new(limits.connections), limits, shutdown));
        let tasks = TaskTracker::new();
        while let Some(accepted) = door.shutdown().run_until_cancelled(listener.accept()).await {
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection; retrying");
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
                Err(error) => tracing::warn!(%error, "cannot read the peer's credentials; the connection was closed"),
            }
        }
        tasks.close();
        if tokio::time::timeout(LAST_CALLS, tasks.wait()).await.is_err() {
            tracing::warn!("calls still running at shutdown were cancelled");
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
