//! Connecting, heartbeats, disconnecting.

use crate::api::Api;
use crate::error::ApiError;
use crate::extract::{Bearer, Body, Peer};
use axum::Json;
use axum::extract::State;
use tornado_mesh::session::{Connect, Connected, HeartbeatOutcome};
use tornado_shared::api::{Disconnected, HeartbeatStatus, HeartbeatWord, Initiate, Initiated, LaneOffer, SessionTimes};
use tornado_shared::model::{Lane, LaneAddresses};

/// `POST /vpn/initiate`
pub async fn initiate(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Peer(client_ip): Peer,
    Body(body): Body<Initiate>,
) -> Result<Json<Initiated>, ApiError> {
    let (access_token, public_key) = (token.access_token, body.public_key);
    connect(&api, Connect { access_token, public_key, client_ip, plain: false }).await
}

/// `POST /v2/export`
pub async fn export(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Peer(client_ip): Peer,
    Body(body): Body<Initiate>,
) -> Result<Json<Initiated>, ApiError> {
    let (access_token, public_key) = (token.access_token, body.public_key);
    connect(&api, Connect { access_token, public_key, client_ip, plain: true }).await
}

async fn connect(api: &Api, input: Connect) -> Result<Json<Initiated>, ApiError> {
    let connected = api.sessions().connect(input).await.map_err(ApiError::connecting)?;
    Ok(Json(Initiated {
        status: "success".into(),
        vpn: offer(api, &connected, Lane::Direct, connected.direct)?,
        tor: offer(api, &connected, Lane::Tor, connected.tor)?,
        session: SessionTimes { heartbeat_ttl: connected.heartbeat_ttl, hard_ttl: connected.hard_ttl },
        session_id: connected.session_id,
        preshared: connected.preshared,
    }))
}

fn offer(api: &Api, connected: &Connected, lane: Lane, addresses: LaneAddresses) -> Result<LaneOffer, ApiError> {
    let end = connected.ends.iter().find(|end| end.lane == lane);
    let end = end.ok_or_else(|| ApiError::new(503, "data_plane_unavailable", "a lane is missing; try again"))?;
    Ok(LaneOffer {
        ip: addresses.v4,
        endpoint: api.endpoint(end.port),
        server_pubkey: end.public_key,
        ip6: addresses.v6,
        port: end.port,
        mtu: end.mtu,
        dns: end.dns.map(|resolver| resolver.v4),
        dns6: end.dns.map(|resolver| resolver.v6),
    })
}

/// `POST /session/heartbeat`
pub async fn heartbeat(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<HeartbeatStatus>, ApiError> {
    let status = match api.sessions().heartbeat(token).await?.outcome {
        HeartbeatOutcome::Ok => HeartbeatWord::Ok,
        HeartbeatOutcome::Reconnected => HeartbeatWord::Reconnected,
    };
    Ok(Json(HeartbeatStatus { status }))
}

/// `POST /v2/session/disconnect`
pub async fn disconnect(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<Disconnected>, ApiError> {
    let session_id = api.sessions().disconnect(token).await?.session_id;
    Ok(Json(Disconnected { session_id }))
}
