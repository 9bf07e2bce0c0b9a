//! State of the lanes; circuits and exit country of a device on the tor lane.

use crate::api::Api;
use crate::error::ApiError;
use crate::extract::{Bearer, Body};
use axum::Json;
use axum::extract::State;
use tornado_contracts::session;
use tornado_contracts::wg::{LaneEnd, TorLane, WgStatus};
use tornado_rpc::{Done, NoInput};
use tornado_shared::api::{ChooseExit, LaneState, LaneView, Lanes, StatusWord, TorView};
use tornado_shared::model::Lane;

/// `GET /v2/lanes`
pub async fn lanes(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<Lanes>, ApiError> {
    api.auth().whoami(token).await?;
    let status = api.wg().status(NoInput {}).await?;
    Ok(Json(Lanes { lanes: views(&status), host: api.host() }))
}

/// `POST /v2/tor/new-identity`
pub async fn new_identity(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<StatusWord>, ApiError> {
    let Done {} = api.sessions().new_identity(token).await?;
    Ok(Json(StatusWord { status: "ok".into() }))
}

/// `GET /v2/tor`
pub async fn tor(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<TorView>, ApiError> {
    Ok(Json(api.sessions().tor_view(token).await?))
}

/// `PUT /v2/tor/exit`
pub async fn choose_exit(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Body(body): Body<ChooseExit>,
) -> Result<Json<StatusWord>, ApiError> {
    let input = session::ChooseExit { access_token: token.access_token, country: body.country };
    let Done {} = api.sessions().choose_exit(input).await?;
    Ok(Json(StatusWord { status: "ok".into() }))
}

/// Both lanes, as shown to devices.
pub fn views(status: &WgStatus) -> Vec<LaneView> {
    status.lanes.iter().map(|end| view(end, status)).collect()
}

fn view(end: &LaneEnd, status: &WgStatus) -> LaneView {
    LaneView { lane: end.lane, state: state(end, status), port: end.port, server_pubkey: end.public_key }
}

/// The state in the kernel counts, not the desired state. A lane without its interface, its peers or a verified
/// firewall is never reported as open.
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
