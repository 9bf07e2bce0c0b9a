//! The serving end.

use crate::access::Access;
use crate::door::{Admission, Door};
use crate::error::HelperError;
use crate::model::{Connect, Devices, Enroll, Export, Exported, Login, RemoveDevice, Status, SwitchLane};
use crate::path;
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use http::{StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::{Serialize, de::DeserializeOwned};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use tornado_shared::api::{ChooseExit, OwnSessions, OwnUsage, SessionsQuery, TorView};
use tornado_shared::problem::{MEDIA_TYPE, Problem};

/// Largest request body, bytes: an enrolment has well under 2 kB.
const MAX_BODY: usize = 16 * 1024;
/// Largest headers, bytes.
const MAX_HEADERS: usize = 16 * 1024;
/// Longest time for headers and for a body to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);
/// Longest time for a call: a login over a slow line, or a connect with its handshake.
const CALL: Duration = Duration::from_secs(60);
/// How long running calls may go on once the helper is told to end.
const LAST_CALLS: Duration = Duration::from_secs(3);

/// What the helper does. Every method is safe to repeat.
#[async_trait]
pub trait Helper: Send + Sync + 'static {
    /// Redeems an invitation: pins the server, makes or joins an account, registers this device.
    async fn enroll(&self, input: Enroll) -> Result<Status, HelperError>;
    /// Logs in to the enrolled server.
    async fn login(&self, input: Login) -> Result<Status, HelperError>;
    /// Brings the tunnel up, or switches its lane.
    async fn connect(&self, input: Connect) -> Result<Status, HelperError>;
    /// Moves the tunnel that is up to another lane, make-before-break and within the same login and session. Fails with
    /// [`HelperError::NotConnected`] without a tunnel; on every failure to switch the old lane is kept.
    async fn switch_lane(&self, input: SwitchLane) -> Result<Status, HelperError>;
    /// Has the server give this device's session new circuits on the tor lane, for what begins from then on.
    async fn new_identity(&self) -> Result<Status, HelperError>;
    /// This device's exit, circuit and the countries it may choose, as the server says now. Needs a login, no tunnel.
    async fn tor(&self) -> Result<TorView, HelperError>;
    /// Chooses the country in which this device leaves Tor. Needs a login, no tunnel.
    async fn choose_exit(&self, input: ChooseExit) -> Result<Status, HelperError>;
    /// Makes a device of the account that is an ordinary WireGuard app. Needs the password, no tunnel.
    async fn export(&self, input: Export) -> Result<Exported, HelperError>;
    /// What the account moved, and what is left of its quota. Needs a login, no tunnel; so do the three below.
    async fn usage(&self) -> Result<OwnUsage, HelperError>;
    /// A page of the account's connections.
    async fn sessions(&self, input: SessionsQuery) -> Result<OwnSessions, HelperError>;
    /// The account's devices.
    async fn devices(&self) -> Result<Devices, HelperError>;
    /// Removes a device of the account, also this one. Answers with what is left.
    async fn remove_device(&self, input: RemoveDevice) -> Result<Devices, HelperError>;
    /// Takes the tunnel down and tells the server.
    async fn disconnect(&self) -> Result<Status, HelperError>;
    /// Takes the tunnel down and ends the login.
    async fn logout(&self) -> Result<Status, HelperError>;
    /// The state now.
    async fn status(&self) -> Status;
    /// The state, as it changes; counters once a second.
    fn watch(&self) -> watch::Receiver<Status>;
}

/// Makes the listening socket, replacing one that a dead process left. Anybody may connect; what decides is
/// the uid, which the kernel vouches for, so that a refusal can say why. Fails with `AddrInUse` while another
/// process answers there: two helpers would take each other's tunnels away.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(io::ErrorKind::AddrInUse.into());
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Serves until `shutdown`. Running calls get 3 seconds to end.
pub async fn serve(listener: UnixListener, access: Access, helper: Arc<dyn Helper>, shutdown: CancellationToken) {
    let door = Arc::new(Door::new(access));
    let tasks = tokio_util::task::TaskTracker::new();
    let router = router(helper, shutdown.clone());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
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
        let Some(admission) = door.admission(&stream) else { continue };
        let (door, router, stop) = (door.clone(), router.clone(), shutdown.clone());
        tasks.spawn(async move {
            let (allowed, permit) = match admission {
                Admission::Known(permit) => (true, permit),
                Admission::Unknown(uid, permit) => match door.look_up(uid, permit).await {
                    Some(admitted) => admitted,
                    None => return,
                },
            };
            let router = if allowed { router } else { refusing_router() };
            serve_connection(stream, router, permit, stop).await;
        });
    }
    tasks.close();
    tasks.wait().await;
}

async fn serve_connection(stream: UnixStream, router: Router, permit: OwnedSemaphorePermit, stop: CancellationToken) {
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ARRIVAL)
        .max_buf_size(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            match tokio::time::timeout(LAST_CALLS, connection).await {
                Ok(result) => result,
                Err(_) => Ok(()),
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
    }
    drop(permit);
}

type Shared = State<Arc<dyn Helper>>;

pub(crate) fn router(helper: Arc<dyn Helper>, stop: CancellationToken) -> Router {
    Router::new()
        .route(path::ENROLL, post(|State(h): Shared, r: Request| call(r, |i: Enroll| async move { h.enroll(i).await })))
        .route(path::LOGIN, post(|State(h): Shared, r: Request| call(r, |i: Login| async move { h.login(i).await })))
        .route(
            path::CONNECT,
            post(|State(h): Shared, r: Request| call(r, |i: Connect| async move { h.connect(i).await })),
        )
        .route(
            path::LANE,
            post(|State(h): Shared, r: Request| call(r, |i: SwitchLane| async move { h.switch_lane(i).await })),
        )
        .route(
            path::NEW_IDENTITY,
            post(|State(h): Shared, r: Request| call(r, |_: Nothing| async move { h.new_identity().await })),
        )
        .route(
            path::DISCONNECT,
            post(|State(h): Shared, r: Request| call(r, |_: Nothing| async move { h.disconnect().await })),
        )
        .route(path::LOGOUT, post(|State(h): Shared, r: Request| call(r, |_: Nothing| async move { h.logout().await })))
        .route(path::EXPORT, post(|State(h): Shared, r: Request| call(r, |i: Export| async move { h.export(i).await })))
        .route(
            path::TOR_EXIT,
            put(|State(h): Shared, r: Request| call(r, |i: ChooseExit| async move { h.choose_exit(i).await })),
        )
        .route(path::USAGE, get(|State(h): Shared, r: Request| call(r, |_: Nothing| async move { h.usage().await })))
        .route(
            path::SESSIONS,
            post(|State(h): Shared, r: Request| call(r, |i: SessionsQuery| async move { h.sessions(i).await })),
        )
        .route(
            path::DEVICES,
            get(|State(h): Shared, r: Request| call(r, |_: Nothing| async move { h.devices().await })).delete(
                |State(h): Shared, r: Request| call(r, |i: RemoveDevice| async move { h.remove_device(i).await }),
            ),
        )
        .route(path::TOR, get(|State(h): Shared, r: Request| call(r, |_: Nothing| async move { h.tor().await })))
        .route(path::STATUS, get(status))
        .route(path::EVENTS, get(|State(h): Shared| async move { events(h.watch(), stop) }))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(helper)
}

fn refusing_router() -> Router {
    Router::new().fallback(|| async {
        let text = "this user may not use the helper; ask the administrator to add you to the group 'tornado'";
        refuse(&HelperError::Forbidden(text.into()))
    })
}

/// A body that says nothing: empty, or an empty object.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Read, call, answer. The call goes on when the caller hangs up, and a panic ends nothing but the call.
async fn call<I, O, F, Fut>(request: Request, act: F) -> Response
where
    I: DeserializeOwned,
    O: Serialize + Send + 'static,
    F: FnOnce(I) -> Fut,
    Fut: Future<Output = Result<O, HelperError>> + Send + 'static,
{
    let input = match read(request).await {
        Ok(input) => input,
        Err(refusal) => return refusal,
    };
    match tokio::spawn(tokio::time::timeout(CALL, act(input))).await {
        Ok(Ok(Ok(answer))) => json(&answer),
        Ok(Ok(Err(error))) => refuse(&error),
        Ok(Err(_)) => refuse(&HelperError::Internal("it took longer than 60 seconds".into())),
        Err(panic) => {
            tracing::error!(%panic, "a call panicked");
            refuse(&HelperError::Internal("an unforeseen failure; see the log".into()))
        }
    }
}

async fn status(State(helper): Shared) -> Response {
    json(&helper.status().await)
}

fn events(watch: watch::Receiver<Status>, stop: CancellationToken) -> Response {
    let lines = futures::stream::unfold((watch, stop, true), |(mut watch, stop, first)| async move {
        if !first {
            tokio::select! {
                changed = watch.changed() => changed.ok()?,
                () = stop.cancelled() => return None,
            }
        }
        let mut line = serde_json::to_vec(&*watch.borrow_and_update()).ok()?;
        line.push(b'\n');
        Some((Ok::<_, io::Error>(line), (watch, stop, false)))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}

async fn unknown() -> Response {
    problem(&Problem::new(404, "unknown_method", "no such method"))
}

async fn read<I: DeserializeOwned>(request: Request) -> Result<I, Response> {
    let collect = Limited::new(request.into_body(), MAX_BODY).collect();
    let bytes = match tokio::time::timeout(ARRIVAL, collect).await {
        Err(_) => return Err(problem(&Problem::new(408, "too_slow", "the request did not arrive within 5 seconds"))),
        Ok(Ok(collected)) => collected.to_bytes(),
        Ok(Err(e)) if e.downcast_ref::<LengthLimitError>().is_some() => {
            let detail = format!("the request is larger than {MAX_BODY} bytes; nothing was done");
            return Err(problem(&Problem::new(413, "too_large", detail)));
        }
        Ok(Err(_)) => return Err(refuse(&HelperError::Malformed("the body broke off".into()))),
    };
    let bytes = if bytes.is_empty() { b"{}".as_slice() } else { &bytes };
    serde_json::from_slice(bytes).map_err(|e| refuse(&HelperError::Malformed(e.to_string())))
}

fn json<T: Serialize>(value: &T) -> Response {
    axum::Json(value).into_response()
}

fn refuse(error: &HelperError) -> Response {
    problem(&error.to_problem())
}

fn problem(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response()
}
