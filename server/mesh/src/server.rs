//! The serving end: Unix sockets with known callers, and one HTTP/1.1 connection with deadlines.

use crate::connection::serve_connection;
use crate::peer::{Caller, Roles};
use crate::respond::problem_response;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_shared::problem::Problem;

/// Bounds of one listening socket.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections served at once; more wait in the kernel's backlog.
    pub connections: usize,
    /// Longest time for a request's headers to arrive, also the longest idle time between requests.
    pub header_read: Duration,
    /// Largest headers, bytes.
    pub max_headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 512, header_read: Duration::from_secs(30), max_headers: 16 * 1024 }
    }
}

/// Why a socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the socket {path}: {source}")]
pub struct SocketError {
    path: PathBuf,
    #[source]
    source: std::io::Error,
}

/// Tells whether the service is ready. Cloned into the socket server; the service holds the setter.
#[derive(Clone)]
pub struct Readiness(watch::Receiver<Result<(), String>>);

/// The service's end of [`Readiness`].
pub struct ReadySetter(watch::Sender<Result<(), String>>);

impl Readiness {
    /// Starts out as not ready, with a reason for people.
    #[must_use]
    pub fn new(reason: &str) -> (ReadySetter, Self) {
        let (sender, receiver) = watch::channel(Err(reason.to_owned()));
        (ReadySetter(sender), Self(receiver))
    }

    /// `Ok` when ready, else why not.
    pub fn get(&self) -> Result<(), String> {
        self.0.borrow().clone()
    }
}

impl ReadySetter {
    /// The service answers with its dependencies satisfied.
    pub fn ready(&self) {
        drop(self.0.send_replace(Ok(())));
    }

    /// The service cannot do its work now.
    pub fn not_ready(&self, reason: impl Into<String>) {
        drop(self.0.send_replace(Err(reason.into())));
    }
}

/// Makes a listening socket at `path`, replacing one that a dead process left there.
///
/// File mode 0666: who may call what is decided by the caller's uid,
/// which the kernel vouches for, not by the file. The directory is root's, so nobody can take its place.
pub fn listen(path: &Path) -> Result<std::os::unix::net::UnixListener, SocketError> {
    let fail = |source| SocketError { path: path.to_owned(), source };
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(fail(e)),
        Ok(()) | Err(_) => {}
    }
    let listener = std::os::unix::net::UnixListener::bind(path).map_err(fail)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).map_err(fail)?;
    Ok(listener)
}

/// One service's Unix socket with its router.
pub struct SocketServer {
    listener: UnixListener,
    roles: Arc<Roles>,
    limits: Limits,
    router: Router,
}

impl SocketServer {
    /// Serves a socket that [`listen`] made, here or in the supervisor.
    pub fn new(
        listener: std::os::unix::net::UnixListener,
        roles: Roles,
        router: Router,
        readiness: Readiness,
    ) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = UnixListener::from_std(listener)?;
        let ready = axum::routing::get(move |request: Request| {
            let readiness = readiness.clone();
            async move { ready_response(&request, &readiness) }
        });
        let router =
            router.route("/v1/ready", ready).fallback(unknown_method).method_not_allowed_fallback(unknown_method);
        Ok(Self { listener, roles: Arc::new(roles), limits: Limits::default(), router })
    }

    /// Serves until `shutdown`, then lets running calls end for at most 3 seconds.
    pub async fn serve(self, shutdown: CancellationToken) {
        let slots = Arc::new(Semaphore::new(self.limits.connections));
        let tasks = TaskTracker::new();
        loop {
            let permit = tokio::select! {
                permit = slots.clone().acquire_owned() => permit,
                () = shutdown.cancelled() => break,
            };
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown.cancelled() => break,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the socket; retrying");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Some(caller) = self.caller(&stream) else { continue };
            let router = self.router.clone().layer(axum::Extension(caller));
            let (limits, stop) = (self.limits, shutdown.clone());
            tasks.spawn(async move {
                serve_connection(stream, router, limits, stop).await;
                drop(permit);
            });
        }
        tasks.close();
        if tokio::time::timeout(Duration::from_secs(3), tasks.wait()).await.is_err() {
            tracing::warn!("calls still running at shutdown were cut");
        }
    }

    fn caller(&self, stream: &UnixStream) -> Option<Caller> {
        match stream.peer_cred() {
            Ok(cred) => Some(self.roles.caller(cred.uid(), cred.pid())),
            Err(error) => {
                tracing::warn!(%error, "a caller without credentials was refused");
                None
            }
        }
    }
}

fn ready_response(request: &Request, readiness: &Readiness) -> Response {
    if !request.extensions().get::<Caller>().is_some_and(Caller::is_known) {
        return problem_response(&Problem::new(403, "forbidden", "this socket is for the server's own processes"));
    }
    match readiness.get() {
        Ok(()) => axum::Json(serde_json::json!({ "ready": true })).into_response(),
        Err(reason) => problem_response(&Problem::new(503, "not_ready", reason)),
    }
}

async fn unknown_method(request: Request) -> Response {
    if !request.extensions().get::<Caller>().is_some_and(Caller::is_known) {
        return problem_response(&Problem::new(403, "forbidden", "this socket is for the server's own processes"));
    }
    problem_response(&Problem::new(404, "unknown_method", "no such method; see docs/api_reference.md"))
}
