//! Extractors: bodies within limits, tokens, the caller's address.

use crate::api::Api;
use crate::api_error::ApiError;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use std::net::IpAddr;
use tornado_contracts::auth::AccessToken;
use tornado_shared::model::Secret;

/// Maximum body size of any route, bytes.
pub const MAX_BODY: usize = 32 * 1024;

/// A JSON body of at most [`MAX_BODY`] bytes that arrived in time.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Api> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, api: &Api) -> Result<Self, ApiError> {
        let collect = Limited::new(request.into_body(), MAX_BODY).collect();
        let collected = tokio::time::timeout(api.body_deadline, collect).await.map_err(|_| {
            ApiError::new(408, "too_slow", "the request did not arrive in time; nothing was changed, send it again")
        })?;
        let bytes = collected.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                return ApiError::new(413, "too_large", "the request is larger than 32 KiB; nothing was changed");
            }
            ApiError::new(400, "broken_off", "the request was cut off; nothing was changed")
        })?;
        serde_json::from_slice(&bytes.to_bytes()).map(Self).map_err(|e| ApiError::invalid_body(e.to_string()))
    }
}

/// The query string.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let params = Query::<T>::try_from_uri(&parts.uri);
        params.map(|Query(params)| Self(params)).map_err(|error| ApiError::invalid_body(error.body_text()))
    }
}

/// The access token of `Authorization: Bearer …` (RFC 6750 §2.1).
pub struct Bearer(pub AccessToken);

impl<S: Sync> FromRequestParts<S> for Bearer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = value.and_then(|v| v.split_once(' ')).ok_or_else(ApiError::no_token)?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
            return Err(ApiError::no_token());
        }
        Ok(Self(AccessToken { access_token: Secret::new(token) }))
    }
}

/// Address of the TCP peer; headers such as `X-Forwarded-For` are ignored.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

impl<S: Sync> FromRequestParts<S> for Peer {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let peer = parts.extensions.get::<Self>().copied();
        peer.ok_or_else(|| ApiError::new(500, "internal", "the address of the connection is unknown"))
    }
}
