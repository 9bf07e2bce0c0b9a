//! Liveness, the caller's profile, and unknown routes.

use crate::api::Api;
use crate::api_error::ApiError;
use crate::extract::{Bearer, Peer};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tornado_contracts::session::LiveSession;
use tornado_shared::api::{Profile, Seen, SessionView, StatusWord};
use tornado_shared::model::UserId;

/// Response of `GET /v2/me`.
#[derive(Debug, Serialize)]
pub struct Me {
    /// The account and the device.
    #[serde(flatten)]
    profile: Profile,
    /// The device's session, if it has one.
    session: Option<SessionView>,
}

/// `GET /health`
pub async fn health() -> Json<StatusWord> {
    Json(StatusWord { status: "ok".into() })
}

/// `POST /vpn/verify/id`
pub async fn verify_id(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<UserId>, ApiError> {
    Ok(Json(api.auth.whoami(token).await?.user.id))
}

/// `GET /v2/me`
pub async fn me(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<Me>, ApiError> {
    let profile = api.auth.whoami(token.clone()).await?;
    let session = api.sessions.mine(token).await?.map(view);
    Ok(Json(Me { profile, session }))
}

/// `GET /v2/seen`. The address is not logged or stored.
pub async fn seen(State(api): State<Api>, Bearer(token): Bearer, peer: Peer) -> Result<Json<Seen>, ApiError> {
    api.auth.whoami(token).await?;
    Ok(Json(Seen { address: peer.0.to_canonical() }))
}

fn view(live: LiveSession) -> SessionView {
    SessionView {
        session_id: live.session_id,
        state: live.state,
        started_at: live.started_at,
        direct: live.direct_transfer,
        tor: live.tor_transfer,
    }
}

/// Response for an unknown path.
pub async fn unknown_route() -> ApiError {
    ApiError::new(404, "not_found", "unknown route; GET /openapi.json lists all routes")
}

/// Response for a known path with another method.
pub async fn wrong_method() -> ApiError {
    ApiError::new(
        405,
        "method_not_allowed",
        "this route does not support the method; GET /openapi.json lists all routes",
    )
}
