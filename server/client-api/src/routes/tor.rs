//! What the lanes carry, and new identities on the tor lane.

use crate::api::Api;
use crate::error::ApiError;
use crate::extract::Bearer;
use axum::Json;
use axum::extract::State;
use tornado_mesh::wg::{LaneEnd, TorLane, WgStatus};
use tornado_mesh::{Done, NoInput};
use tornado_shared::api::{LaneState, LaneView, Lanes, StatusWord};
use tornado_shared::model::Lane;

/// `GET /v2/lanes`
pub async fn lanes(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<Lanes>, ApiError> {
    api.auth().whoami(token).await?;
    let status = api.wg().status(NoInput {}).await?;
    Ok(Json(Lanes { lanes: status.lanes.iter().map(|end| view(end, &status)).collect() }))
}

/// `POST /v2/tor/new-identity`
pub async fn new_identity(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<StatusWord>, ApiError> {
    let Done {} = api.sessions().new_identity(token).await?;
    Ok(Json(StatusWord { status: "ok".into() }))
}

fn view(end: &LaneEnd, status: &WgStatus) -> LaneView {
    LaneView { lane: end.lane, state: state(end, status), port: end.port, server_pubkey: end.public_key }
}

/// What is in the kernel counts, not what somebody wants. A lane without its interface, its peers or a firewall that
/// was read back is never called open.
const fn state(end: &LaneEnd, status: &WgStatus) -> LaneState {
    if !(end.up && status.synced && status.firewall_verified) {
        return LaneState::Closed;
    }
    match (end.lane, status.tor_lane) {
        (Lane::Direct, _) | (Lane::Tor, TorLane::Open { .. }) => LaneState::Open,
        (Lane::Tor, TorLane::Maintenance { .. }) => LaneState::Maintenance,
        (Lane::Tor, TorLane::Closed) => LaneState::Closed,
    }
}
