//! Sign-in and sign-out of a browser.

use crate::api::{challenge, operator, problem};
use crate::guard;
use crate::http::answer::{address, answer, read_json, refuse};
use crate::http::{Http, credentials};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use std::net::IpAddr;
use tornado_admin_api::types::{NoInput, PasskeyAnswer, SignIn, SignedIn};
use tornado_admin_api::{AdminApi as _, AdminError, AdminResult, METHODS};
use tornado_contracts::auth::passkeys::PasskeySignIn;
use tornado_contracts::auth::{AuthError, operators};
use tornado_runtime::clock::unix_now;

/// `POST /api/v1/sign-in`
pub async fn sign_in(State(http): State<Http>, request: Request) -> Response {
    match begin(&http, request).await {
        Ok(response) => response,
        Err(error) => refuse(&error),
    }
}

async fn begin(http: &Http, request: Request) -> AdminResult<Response> {
    let (parts, body) = request.into_parts();
    let client_ip = address(http, &parts);
    http.limits.count_refused(client_ip)?;
    let input = read_json(http, &parts, body).await?;
    let malformed = |error| AdminError::new(400, "malformed", format!("invalid request: {error}"));
    Ok(signed_in(by_password(http, client_ip, serde_json::from_slice(&input).map_err(malformed)?).await?))
}

/// Signs in with name, password and code.
pub async fn by_password(http: &Http, client_ip: IpAddr, input: SignIn) -> AdminResult<operators::SignedIn> {
    let SignIn { name, password, code } = input;
    // A name that no operator can have is answered like a wrong password.
    let Ok(name) = name.parse() else { return Err(problem(&AuthError::InvalidCredentials)) };
    let input = operators::SignIn { name, password, code, client_ip };
    http.services.operators.sign_in(input).await.map_err(|error| refusal(&error))
}

fn refusal(error: &AuthError) -> AdminError {
    let mut refusal = problem(error);
    if let AuthError::SignInRefused { attempts_left } = error {
        refusal.0.attempts_left = Some(*attempts_left);
    }
    refusal
}

/// The cookie of a new sign-in.
pub fn cookie_of(signed_in: &operators::SignedIn) -> HeaderValue {
    let seconds = signed_in.expires_at.saturating_sub(unix_now()).max(0);
    credentials::cookie(&signed_in.token, seconds)
}

/// The response that stores a new sign-in in the browser.
pub fn signed_in(signed_in: operators::SignedIn) -> Response {
    let cookie = cookie_of(&signed_in);
    let view = SignedIn {
        operator: operator(signed_in.operator),
        expires_at: signed_in.expires_at,
        csrf_token: credentials::csrf_token(&signed_in.token),
    };
    ([(header::SET_COOKIE, cookie)], Json(view)).into_response()
}

/// `POST /api/v1/sign-out`: as the method of the API, and removes the cookie. The cookie of an ended sign-in is
/// removed, too.
pub async fn sign_out(State(http): State<Http>, request: Request) -> Response {
    let Some(method) = METHODS.iter().find(|method| method.name == "sign_out") else {
        return refuse(&AdminError::new(500, "internal", "the API has no method for this"));
    };
    let call = |signed: crate::api::Signed, input: NoInput| async move { signed.sign_out(input).await };
    let mut response = answer(http, method, request, call).await;
    if response.status().is_success() || response.status() == axum::http::StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::SET_COOKIE, credentials::no_cookie());
    }
    response
}

/// `POST /api/v1/sign-in/passkey/begin`
pub async fn begin_passkey(State(http): State<Http>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let begin = async {
        http.limits.count_refused(address(&http, &parts))?;
        let input = read_json(&http, &parts, body).await?;
        let malformed = |error| AdminError::new(400, "malformed", format!("invalid request: {error}"));
        let input = if input.is_empty() { b"{}".as_slice() } else { &input };
        let NoInput {} = serde_json::from_slice(input).map_err(malformed)?;
        let challenge = http.services.passkeys.begin_passkey_sign_in(guard::site(&parts.headers)).await;
        challenge.map_err(|error| problem(&error))
    };
    match begin.await {
        Ok(found) => Json(challenge(found)).into_response(),
        Err(error) => refuse(&error),
    }
}

/// `POST /api/v1/sign-in/passkey`
pub async fn by_passkey(State(http): State<Http>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let client_ip = address(&http, &parts);
    let sign_in = async {
        http.limits.count_refused(client_ip)?;
        let input = read_json(&http, &parts, body).await?;
        let malformed = |error| AdminError::new(400, "malformed", format!("invalid request: {error}"));
        let PasskeyAnswer { id, credential } = serde_json::from_slice(&input).map_err(malformed)?;
        let input = PasskeySignIn { id, credential: credential.to_string(), client_ip };
        http.services.passkeys.sign_in_by_passkey(input).await.map_err(|error| problem(&error))
    };
    match sign_in.await {
        Ok(found) => signed_in(found),
        Err(error) => refuse(&error),
    }
}
