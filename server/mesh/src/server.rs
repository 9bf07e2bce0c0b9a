//! The serving end: Unix sockets with known callers, and one HTTP/1.1 connection with deadlines.

use crate::connection::{serve_connection, turn_away};
use crate::peer::{Caller, Roles};
use crate::respond::problem_response;
use crate::slots::{Slot, Slots};
use axum::Router;
use axum::response::{IntoResponse, Response};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
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
    /// Longest time in which a caller takes nothing of its answer.
    pub write_stall: Duration,
}

/// Callers that are turned away at the same time.
const DOORKEEPERS: usize = 32;

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            header_read: Duration::from_secs(30),
            max_headers: 16 * 1024,
            write_stall: Duration::from_secs(30),
        }
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
        let ready = axum::routing::get(move || std::future::ready(ready_response(&readiness)));
        let router =
            router.route("/v1/ready", ready).fallback(unknown_method).method_not_allowed_fallback(unknown_method);
        Ok(Self { listener, roles: Arc::new(roles), limits: Limits::default(), router })
    }

    /// Other bounds than the default ones.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves until `shutdown`, then lets running calls end for at most 3 seconds.
    pub async fn serve(self, shutdown: CancellationToken) {
        let slots = Slots::new(self.limits.connections);
        let doorkeepers = Arc::new(Semaphore::new(DOORKEEPERS));
        let tasks = TaskTracker::new();
        let mut last_said = None;
        while let Some((stream, slot)) = self.accept(&slots, &shutdown).await {
            let Some(caller) = self.caller(&stream) else { continue };
            match admit(&caller, slot) {
                Ok(slot) => {
                    let router = self.router.clone().layer(axum::Extension(caller));
                    let (limits, stop) = (self.limits, shutdown.clone());
                    tasks.spawn(async move {
                        serve_connection(stream, router, limits, stop).await;
                        drop(slot);
                    });
                }
                Err(problem) => {
                    // At most once a second: nobody shall fill the log.
                    if last_said.is_none_or(|at: Instant| at.elapsed() > Duration::from_secs(1)) {
                        last_said = Some(Instant::now());
                        tracing::warn!(?caller, code = %problem.code, "a caller is turned away");
                    }
                    // Without a free doorkeeper the connection is just closed.
                    if let Ok(doorkeeper) = doorkeepers.clone().try_acquire_owned() {
                        tasks.spawn(async move {
                            turn_away(stream, &problem).await;
                            drop(doorkeeper);
                        });
                    }
                }
            }
        }
        tasks.close();
        if tokio::time::timeout(Duration::from_secs(3), tasks.wait()).await.is_err() {
            tracing::warn!("calls still running at shutdown were cut");
        }
    }

    /// The next connection, with a slot for it. `None`: shutdown.
    async fn accept(&self, slots: &Slots, shutdown: &CancellationToken) -> Option<(UnixStream, Slot)> {
        let slot = shutdown.run_until_cancelled(slots.free()).await?;
        loop {
            match shutdown.run_until_cancelled(self.listener.accept()).await? {
                Ok((stream, _)) => return Some((stream, slot)),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the socket; retrying");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
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

/// Strangers hold no slot, and one of our own processes leaves some to the others.
fn admit(caller: &Caller, slot: Slot) -> Result<Slot, Box<Problem>> {
    let refuse = |status, code, detail: &str| Err(Box::new(Problem::new(status, code, detail)));
    if !caller.is_known() {
        return refuse(403, "forbidden", "this socket is for the server's own processes");
    }
    // Root is who looks into what is wrong.
    if caller.may(&[]) {
        return Ok(slot);
    }
    match slot.taken_by(caller.uid) {
        Some(slot) => Ok(slot),
        None => refuse(503, "busy", "this process has too many connections to the service open"),
    }
}

fn ready_response(readiness: &Readiness) -> Response {
    match readiness.get() {
        Ok(()) => axum::Json(serde_json::json!({ "ready": true })).into_response(),
        Err(reason) => problem_response(&Problem::new(503, "not_ready", reason)),
    }
}

async fn unknown_method() -> Response {
    problem_response(&Problem::new(404, "unknown_method", "no such method; see docs/api_reference.md"))
}
