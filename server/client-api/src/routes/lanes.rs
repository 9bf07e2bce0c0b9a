//! Connect, heartbeat, disconnect.

use crate::api::Api;
use crate::api_error::ApiError;
use crate::extract::{Bearer, Body, Peer};
use axum::Json;
use axum::extract::State;
use tornado_contracts::session::{Connect, HeartbeatOutcome};
use tornado_shared::api::{Disconnected, HeartbeatStatus, HeartbeatWord, Initiate, Initiated};

/// `POST /vpn/initiate`
pub async fn initiate(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Peer(client_ip): Peer,
    Body(body): Body<Initiate>,
) -> Result<Json<Initiated>, ApiError> {
    let (access_token, public_key) = (token.access_token, body.public_key);
    connect(&api, Connect { access_token, public_key, client_ip, exported: false }).await
}

/// `POST /v2/export`
pub async fn export(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Peer(client_ip): Peer,
    Body(body): Body<Initiate>,
) -> Result<Json<Initiated>, ApiError> {
    let (access_token, public_key) = (token.access_token, body.public_key);
    connect(&api, Connect { access_token, public_key, client_ip, exported: true }).await
}

async fn connect(api: &Api, input: Connect) -> Result<Json<Initiated>, ApiError> {
    let unknown = || ApiError::new(503, "server_address_unknown", "the server's public address is unknown; try again");
    let host = api.host().ok_or_else(unknown)?;
    let connected = api.sessions.connect(input).await.map_err(ApiError::connecting)?;
    let missing = || ApiError::new(503, "data_plane_unavailable", "a lane is not available; try again");
    Ok(Json(connected.initiated(&host).ok_or_else(missing)?))
}

/// `POST /session/heartbeat`
pub async fn heartbeat(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<HeartbeatStatus>, ApiError> {
    let status = match api.sessions.heartbeat(token).await?.outcome {
        HeartbeatOutcome::Ok => HeartbeatWord::Ok,
        HeartbeatOutcome::Reconnected => HeartbeatWord::Reconnected,
    };
    Ok(Json(HeartbeatStatus { status }))
}

/// `POST /v2/session/disconnect`
pub async fn disconnect(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<Disconnected>, ApiError> {
    let session_id = api.sessions.disconnect(token).await?.session_id;
    Ok(Json(Disconnected { session_id }))
}
