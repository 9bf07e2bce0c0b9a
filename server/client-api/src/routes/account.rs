//! The server's statement, logins, enrolment, tokens.

use crate::api::Api;
use crate::api_error::ApiError;
use crate::extract::{Body, Peer};
use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tornado_contracts::auth::{AuthError, OpenLogin, RefreshToken};
use tornado_rpc::NoInput;
use tornado_shared::api::{IdempotencyKey, LoginBody, LoginReply, ServerInfo, StatusWord, Tokens};
use tornado_shared::crypto::v2::Purpose;
use tornado_shared::model::Secret;

/// Response of `GET /auth/pubkey`.
#[derive(Debug, Serialize)]
pub struct Pubkey {
    /// Raw X25519 key, standard base64.
    pubkey: String,
}

/// Response of `POST /auth/reauth`.
#[derive(Debug, Serialize)]
pub struct Reauthenticated {
    /// `ok`.
    status: &'static str,
    /// The new pair.
    tokens: Tokens,
}

/// Body of reauth and logout. The original has a separate code for an absent token.
#[derive(Debug, Deserialize)]
pub struct Refresh {
    #[serde(default)]
    refresh_token: Secret,
    #[serde(default)]
    idempotency_key: Option<IdempotencyKey>,
}

impl TryFrom<Refresh> for RefreshToken {
    type Error = ApiError;
    fn try_from(body: Refresh) -> Result<Self, ApiError> {
        if body.refresh_token.expose().is_empty() {
            return Err(ApiError::new(401, "missing_refresh_token", "send the field 'refresh_token'"));
        }
        Ok(Self { refresh_token: body.refresh_token, idempotency_key: body.idempotency_key })
    }
}

/// `GET /auth/pubkey`
pub async fn pubkey(State(api): State<Api>) -> Result<Json<Pubkey>, ApiError> {
    let info = api.auth.server_info(NoInput {}).await?;
    Ok(Json(Pubkey { pubkey: info.pubkey }))
}

/// `GET /v2/server`
pub async fn server(State(api): State<Api>) -> Result<Json<ServerInfo>, ApiError> {
    Ok(Json(api.auth.server_info(NoInput {}).await?))
}

/// `POST /auth/login`
pub async fn login(
    State(api): State<Api>,
    Peer(client_ip): Peer,
    Body(body): Body<Value>,
) -> Result<Json<LoginReply>, ApiError> {
    let input = OpenLogin { purpose: Purpose::Login, body: envelope(body)?, client_ip };
    Ok(Json(api.auth.open_login(input).await?))
}

/// `POST /v2/enroll`
pub async fn enroll(
    State(api): State<Api>,
    Peer(client_ip): Peer,
    Body(body): Body<Value>,
) -> Result<Json<LoginReply>, ApiError> {
    let body = envelope(body)?;
    match &body {
        LoginBody::V2(_) => {}
        LoginBody::V1(_) => return Err(ApiError::invalid_body("enrolment requires an envelope of version 2".into())),
    }
    let input = OpenLogin { purpose: Purpose::Enroll, body, client_ip };
    Ok(Json(api.auth.open_login(input).await?))
}

/// Parses an envelope of either version. If all fields exist but cannot be decoded, it is an invalid envelope, as in
/// the original; if fields are missing, it is an invalid body.
fn envelope(body: Value) -> Result<LoginBody, ApiError> {
    let complete = ["ephemeral_pubkey", "iv", "ciphertext"].iter().all(|field| body[field].is_string());
    match serde_json::from_value(body) {
        Ok(envelope) => Ok(envelope),
        Err(_) if complete => Err(AuthError::InvalidEnvelope.into()),
        Err(_) => Err(ApiError::invalid_body("the body is not a login envelope of version 1 or 2".into())),
    }
}

/// `POST /auth/reauth`
pub async fn reauth(State(api): State<Api>, Body(body): Body<Refresh>) -> Result<Json<Reauthenticated>, ApiError> {
    let tokens = api.auth.refresh(body.try_into()?).await?;
    Ok(Json(Reauthenticated { status: "ok", tokens }))
}

/// `POST /auth/logout`
pub async fn logout(State(api): State<Api>, Body(body): Body<Refresh>) -> Result<Json<StatusWord>, ApiError> {
    api.auth.logout(body.try_into()?).await.map_err(ApiError::leaving)?;
    Ok(Json(StatusWord { status: "logged_out".into() }))
}
