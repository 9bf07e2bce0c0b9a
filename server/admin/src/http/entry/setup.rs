//! The first operator, created with the code of the set-up link.

use super::sign_in::signed_in;
use crate::api::{parse, problem};
use crate::http::Http;
use crate::http::answer::{address, read_json, refuse};
use axum::extract::{Request, State};
use axum::response::Response;
use tornado_admin_api::types::SetUp;
use tornado_admin_api::{AdminError, AdminResult};
use tornado_contracts::auth::RedeemSetup;
use tornado_contracts::auth::operators::SignedIn;

/// `POST /api/v1/setup`: the new operator is signed in.
pub async fn set_up(State(http): State<Http>, request: Request) -> Response {
    match begin(&http, request).await {
        Ok(response) => response,
        Err(error) => refuse(&error),
    }
}

async fn begin(http: &Http, request: Request) -> AdminResult<Response> {
    let (parts, body) = request.into_parts();
    http.limits.count_refused(address(http, &parts))?;
    let input = read_json(http, &parts, body).await?;
    let malformed = |error| AdminError::new(400, "malformed", format!("invalid request: {error}"));
    Ok(signed_in(create_first(http, serde_json::from_slice(&input).map_err(malformed)?).await?))
}

/// Creates the first operator and signs it in.
pub async fn create_first(http: &Http, input: SetUp) -> AdminResult<SignedIn> {
    let SetUp { code, name, password } = input;
    let input = RedeemSetup { code, name: parse("name", &name)?, password };
    http.services.auth.redeem_setup(input).await.map_err(|error| problem(&error))
}
