//! The serving end: Unix sockets with known callers, and one HTTP/1.1 connection with deadlines.

use crate::connection::{serve_connection, turn_away};
use crate::peer::{Caller, Roles};
use crate::respond::problem_response;
use crate::slots::Slots;
use axum::Router;
use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tornado_shared::problem::Problem;

/// Bounds of one listening socket.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections served at once; more wait, at most `header_read`.
    pub connections: usize,
    /// Longest time for a request's headers to arrive, also the longest idle time between requests.
    pub header_read: Duration,
    /// Largest headers, bytes.
    pub max_headers: usize,
    /// Longest time in which a caller takes nothing of its answer.
    pub write_stall: Duration,
}

/// Connections of our own processes that wait for a slot; after a restart many come at once.
const WAITING: usize = 1024;
/// Callers that are turned away at the same time.
const DOORKEEPERS: usize = 32;
/// Longest hold of an answer about readiness; below the longest idle time of a connection.
const LONGEST_HOLD: Duration = Duration::from_secs(10);

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

/// Query of `GET /v1/ready`: the response is held while the service is as known, so that a change is reported at once and
/// without polling. Without it the response is immediate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HoldReady {
    /// What the caller knows: whether the service is ready.
    pub ready: bool,
    /// Milliseconds for which the response is held at most; 10,000 is the limit.
    pub hold_ms: u64,
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

    /// Waits for the end of what the caller knows, of its patience, or of the service.
    async fn hold(&self, held: HoldReady, stopping: &CancellationToken) {
        let hold = Duration::from_millis(held.hold_ms).min(LONGEST_HOLD);
        if hold.is_zero() {
            return;
        }
        let mut readiness = self.0.clone();
        tokio::select! {
            _ = readiness.wait_for(|now| now.is_ok() != held.ready) => {}
            () = tokio::time::sleep(hold) => {}
            () = stopping.cancelled() => {}
        }
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
    /// Ends what is held.
    stopping: CancellationToken,
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
        let stopping = CancellationToken::new();
        let until = stopping.clone();
        let ready = axum::routing::get(move |RawQuery(query): RawQuery| async move {
            match serde_urlencoded::from_str(&query.unwrap_or_default()) {
                Ok(held) => readiness.hold(held, &until).await,
                Err(error) => {
                    let detail = format!("in the query: {error}");
                    return problem_response(&Problem::new(400, "malformed", detail));
                }
            }
            ready_response(&readiness)
        });
        let router =
            router.route("/v1/ready", ready).fallback(unknown_method).method_not_allowed_fallback(unknown_method);
        Ok(Self { listener, roles: Arc::new(roles), limits: Limits::default(), router, stopping })
    }

    /// Other bounds than the default ones.
    #[must_use]
    pub const fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Serves until `shutdown`, then lets running calls end for at most 3 seconds.
    pub async fn serve(self, shutdown: CancellationToken) {
        let door = Door {
            slots: Slots::new(self.limits.connections),
            waiting: Arc::new(Semaphore::new(WAITING)),
            keepers: Arc::new(Semaphore::new(DOORKEEPERS)),
            limits: self.limits,
            shutdown,
        };
        let (door, tasks) = (Arc::new(door), TaskTracker::new());
        let mut last_said = None;
        while let Some(accepted) = door.shutdown.run_until_cancelled(self.listener.accept()).await {
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the socket; retrying");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            };
            let Some(caller) = self.caller(&stream) else { continue };
            // Strangers hold no slot and wait for none.
            let place = if caller.is_known() { door.waiting.clone().try_acquire_owned().ok() } else { None };
            if let Some(place) = place {
                let router = self.router.clone().layer(axum::Extension(caller.clone()));
                tasks.spawn(door.clone().let_in(stream, caller, router, place));
                continue;
            }
            // At most once a second: nobody shall fill the log.
            if last_said.is_none_or(|at: Instant| at.elapsed() > Duration::from_secs(1)) {
                last_said = Some(Instant::now());
                tracing::warn!(?caller, "a caller is turned away");
            }
            // Without a free doorkeeper the connection is just closed.
            if let Ok(keeper) = door.keepers.clone().try_acquire_owned() {
                tasks.spawn(async move {
                    turn_away(stream, &refusal(&caller)).await;
                    drop(keeper);
                });
            }
        }
        self.stopping.cancel();
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

/// Who gets in, and when.
struct Door {
    slots: Slots,
    waiting: Arc<Semaphore>,
    keepers: Arc<Semaphore>,
    limits: Limits,
    shutdown: CancellationToken,
}

impl Door {
    /// Serves the connection once there is a slot for it. One of our own processes leaves some to the others;
    /// root, who looks into what is wrong, has no share to keep to.
    async fn let_in(self: Arc<Self>, stream: UnixStream, caller: Caller, router: Router, place: OwnedSemaphorePermit) {
        let uid = (!caller.may(&[])).then_some(caller.uid);
        let slot = tokio::time::timeout(self.limits.header_read, self.slots.take(uid));
        let Some(slot) = self.shutdown.run_until_cancelled(slot).await else { return };
        drop(place);
        match slot {
            Ok(_slot) => serve_connection(stream, router, self.limits, self.shutdown.clone()).await,
            Err(_) => turn_away(stream, &refusal(&caller)).await,
        }
    }
}

fn refusal(caller: &Caller) -> Problem {
    if caller.is_known() {
        return Problem::new(503, "busy", "too many connections to this service are open; try again in a moment");
    }
    Problem::new(403, "forbidden", "this socket is for the server's own processes")
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
