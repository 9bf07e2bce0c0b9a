//! An account owner's changes (e-mail address, password, devices, second factor) and views (usage, sessions).

use crate::api::Api;
use crate::api_error::ApiError;
use crate::extract::{Bearer, Body, Params};
use axum::Json;
use axum::extract::{Path, State};
use tornado_contracts::auth::AccessToken;
use tornado_contracts::auth::users::{
    ChangePassword, DeviceInfo, DeviceRef, Nothing, OwnAct, OwnPassword, TotpCode, UpdateOwn,
};
use tornado_contracts::session::{HistoryRow, OwnHistory};
use tornado_shared::api::{
    FirstCode, NewPassword, OwnDevice, OwnDevices, OwnSession, OwnSessions, OwnUsage, PasswordAgain, RecoveryCodes,
    SessionsQuery, StatusWord, TotpOffer, UpdateMe,
};
use tornado_shared::model::DeviceId;

/// Maximum number of sessions per page.
const MAX_PAGE: u32 = 100;

fn act<T>(token: AccessToken, what: T) -> OwnAct<T> {
    OwnAct { access_token: token.access_token, what }
}

fn ok() -> Json<StatusWord> {
    Json(StatusWord { status: "ok".into() })
}

/// `PATCH /v2/me`
pub async fn update(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Body(body): Body<UpdateMe>,
) -> Result<Json<StatusWord>, ApiError> {
    let what = UpdateOwn { email: body.email, device_name: body.device_name };
    api.users.update_own(act(token, what)).await?;
    Ok(ok())
}

/// `PUT /v2/me/password`
pub async fn password(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Body(body): Body<NewPassword>,
) -> Result<Json<StatusWord>, ApiError> {
    let what = ChangePassword { current: body.current, new: body.new };
    api.users.change_own_password(act(token, what)).await?;
    Ok(ok())
}

/// `GET /v2/me/devices`
pub async fn devices(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<OwnDevices>, ApiError> {
    let devices = api.users.own_devices(act(token, Nothing {})).await?;
    Ok(Json(OwnDevices { devices: devices.into_iter().map(view).collect() }))
}

/// `DELETE /v2/me/devices/{id}`
pub async fn remove_device(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Path(id): Path<String>,
) -> Result<Json<StatusWord>, ApiError> {
    let device_id: DeviceId = id.parse().map_err(|_| ApiError::new(404, "not_found", "device not found"))?;
    api.users.remove_own_device(act(token, DeviceRef { device_id })).await?;
    Ok(ok())
}

/// `GET /v2/me/usage`
pub async fn usage(State(api): State<Api>, Bearer(token): Bearer) -> Result<Json<OwnUsage>, ApiError> {
    Ok(Json(api.sessions.own_usage(token).await?))
}

/// `GET /v2/me/sessions`
pub async fn sessions(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Params(query): Params<SessionsQuery>,
) -> Result<Json<OwnSessions>, ApiError> {
    if !(1..=MAX_PAGE).contains(&query.limit) {
        return Err(ApiError::invalid_body(format!("limit must be 1 to {MAX_PAGE}")));
    }
    // One row more than requested shows whether there is another page.
    let (access_token, limit) = (token.access_token, query.limit + 1);
    let mut rows = api.sessions.own_history(OwnHistory { access_token, before: query.before, limit }).await?;
    let there_is_more = rows.len() > query.limit as usize;
    rows.truncate(query.limit as usize);
    let next = rows.last().map(|row| row.session_id).filter(|_| there_is_more);
    Ok(Json(OwnSessions { sessions: rows.into_iter().map(connection).collect(), next }))
}

/// `POST /v2/me/totp`
pub async fn begin_totp(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Body(body): Body<PasswordAgain>,
) -> Result<Json<TotpOffer>, ApiError> {
    Ok(Json(api.users.begin_own_totp(act(token, OwnPassword { password: body.password })).await?))
}

/// `PUT /v2/me/totp`
pub async fn confirm_totp(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Body(body): Body<FirstCode>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    Ok(Json(api.users.confirm_own_totp(act(token, TotpCode { code: body.code })).await?))
}

/// `DELETE /v2/me/totp`
pub async fn end_totp(
    State(api): State<Api>,
    Bearer(token): Bearer,
    Body(body): Body<PasswordAgain>,
) -> Result<Json<StatusWord>, ApiError> {
    api.users.end_own_totp(act(token, OwnPassword { password: body.password })).await?;
    Ok(ok())
}

fn connection(row: HistoryRow) -> OwnSession {
    OwnSession {
        session_id: row.session_id,
        device_id: row.device_id,
        started_at: row.started_at,
        ended_at: row.ended_at,
        reason: row.reason,
        direct: row.direct_transfer,
        tor: row.tor_transfer,
    }
}

fn view(device: DeviceInfo) -> OwnDevice {
    OwnDevice {
        id: device.id,
        name: device.name,
        logged_in: device.logged_in,
        created_at: device.created_at,
        last_login_at: device.last_login_at,
    }
}
