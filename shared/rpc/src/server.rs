//! The server side: accepts connections and passes them to admission control.

use crate::connection::Limits;
use crate::door::{AnyDoor, Door};
use crate::observer::{Observed, Observer};
use crate::respond::problem_response;
use crate::transport::{self, Listener, Socket};
use crate::{Access, slots::Slots};
use axum::Router;
use axum::response::Response;
use futures::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_shared::problem::Problem;

/// How long running calls may continue after the start of the shutdown.
const LAST_CALLS: Duration = Duration::from_secs(3);

/// One listening socket with its router.
pub struct SocketServer {
    listener: Listener,
    door: Box<dyn FnOnce(Limits, CancellationToken) -> Arc<dyn AnyDoor> + Send>,
    limits: Limits,
    router: Router,
}

impl SocketServer {
    /// Serves a socket from [`listen`](crate::listen), created here or in a supervisor.
    ///
    /// # Errors
    /// If the socket cannot be registered with the runtime.
    pub fn new(socket: Socket, access: impl Access, router: Router) -> std::io::Result<Self> {
        let door = |limits: Limits, shutdown| -> Arc<dyn AnyDoor> {
            Arc::new(Door::new(access, Slots::new(limits.connections), limits, shutdown))
        };
        let router = with_unknown_methods(router);
        Ok(Self { listener: Listener::new(socket)?, door: Box::new(door), limits: Limits::default(), router })
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
    ///
    /// Boxed, so that it is compiled in this crate. An `async fn` is compiled in each crate that awaits it.
    pub fn serve(self, shutdown: CancellationToken) -> BoxFuture<'static, ()> {
        Box::pin(self.accept(shutdown))
    }

    async fn accept(self, shutdown: CancellationToken) {
        let Self { listener, door, limits, router } = self;
        let door = door(limits, shutdown.clone());
        let tasks = TaskTracker::new();
        while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
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
                    if let Some(connection) = door.clone().receive(stream, peer, router.clone()) {
                        tasks.spawn(connection);
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
