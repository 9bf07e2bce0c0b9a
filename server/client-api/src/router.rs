//! The routes of the device API and the layers around them.

use crate::api::Api;
use crate::api_error::{ApiError, dialect};
use crate::extract::Peer;
use crate::openapi;
use crate::routes::{account, events, general, lanes, own, tor};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use std::time::Duration;
use tokio::time::Instant;
use tornado_rpc::{REQUEST_ID, RequestId};
use tornado_runtime::metrics::measure;
use tornado_shared::api::path;

/// Maximum processing time of a received request. Longer than any deadline of the internal calls.
const WHOLE_REQUEST: Duration = Duration::from_secs(40);

/// All routes of the device API.
pub fn router(api: Api) -> Router {
    let anonymous = Router::new()
        .route(path::PUBKEY, get(account::pubkey))
        .route(path::SERVER, get(account::server))
        .route(path::LOGOUT, post(account::logout))
        .route_layer(middleware::from_fn_with_state(api.clone(), limit_anonymous));
    // Each of these succeeds only if the caller's token, password or code is right.
    let proving = Router::new()
        .route(path::LOGIN, post(account::login))
        .route(path::ENROLL, post(account::enroll))
        .route(path::REAUTH, post(account::reauth))
        .route_layer(middleware::from_fn_with_state(api.clone(), limit_anonymous));
    let known = proving
        .route(path::INITIATE, post(lanes::initiate))
        .route(path::EXPORT, post(lanes::export))
        .route(path::HEARTBEAT, post(lanes::heartbeat))
        .route(path::DISCONNECT, post(lanes::disconnect))
        .route(path::LANES, get(tor::lanes))
        .route(path::EVENTS, get(events::events))
        .route(path::NEW_IDENTITY, post(tor::new_identity))
        .route(path::TOR, get(tor::tor))
        .route(path::TOR_EXIT, put(tor::choose_exit))
        .route(path::VERIFY_ID, post(general::verify_id))
        .route(path::SEEN, get(general::seen))
        .route(path::ME, get(general::me).patch(own::update))
        .route(path::ME_PASSWORD, put(own::password))
        .route(path::ME_DEVICES, get(own::devices))
        .route(path::ME_DEVICE, delete(own::remove_device))
        .route(path::ME_USAGE, get(own::usage))
        .route(path::ME_SESSIONS, get(own::sessions))
        .route(path::ME_TOTP, post(own::begin_totp).put(own::confirm_totp).delete(own::end_totp))
        .route_layer(middleware::from_fn_with_state(api.clone(), note_proof));
    Router::new()
        .route(path::HEALTH, get(general::health))
        .route(path::OPENAPI, get(openapi::document))
        .merge(anonymous)
        .merge(known)
        .fallback(general::unknown_route)
        .method_not_allowed_fallback(general::wrong_method)
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(dialect))
        .layer(middleware::from_fn(frame))
        .layer(middleware::from_fn_with_state(api.routes.clone(), measure))
        .layer(middleware::from_fn(identify))
        .with_state(api)
}

async fn limit_anonymous(State(api): State<Api>, peer: Peer, request: Request, next: Next) -> Response {
    match api.count_anonymous(peer.0) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Records the address of a device that authenticated.
async fn note_proof(State(api): State<Api>, peer: Peer, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if response.status().is_success() {
        api.admission.note(peer.0);
    }
    response
}

/// Request id: the caller's own if it is valid, otherwise a new one.
async fn identify(request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers()).unwrap_or_else(RequestId::random);
    let mut response = id.clone().scope(next.run(request)).await;
    response.headers_mut().insert(REQUEST_ID, id.header());
    response
}

/// Request deadline, common headers, and the access log (without addresses).
async fn frame(request: Request, next: Next) -> Response {
    let (method, path, began) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    let mut response = match tokio::time::timeout(WHOLE_REQUEST, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(503, "unavailable", "the server did not respond in time; try again in a moment")
            .into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    tracing::debug!(%method, path, status = response.status().as_u16(), ms = began.elapsed().as_millis(), "request");
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer passes it by value")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied().unwrap_or("no text");
    tracing::error!(panic = text, "a handler panicked");
    ApiError::new(500, "internal", "internal error; the operator can find the reason in the server's log")
        .into_response()
}
