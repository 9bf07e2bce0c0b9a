//! The page of the set-up link: name and password of the first operator, then the first invitation.

use crate::config::Config;
use crate::guard;
use crate::html::{STYLE, page, with_headers};
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Form, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use maud::html;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tornado_admin_api::qr;
use tornado_contracts::auth::operators::Operators;
use tornado_contracts::auth::{Acting, Auth, AuthError, CreateInvitation, InvitationLink, RedeemSetup};
use tornado_rpc::{NoInput, REQUEST_ID, RequestId, ServiceError as _};
use tornado_shared::model::{Secret, Username};

/// Minimum length of an operator's password, characters.
const MIN_PASSWORD: usize = 10;
/// Maximum duration of a request, including its body.
const WHOLE_REQUEST: Duration = Duration::from_secs(30);

#[derive(Clone)]
struct Console {
    auth: Arc<dyn Auth>,
    operators: Arc<dyn Operators>,
    config: Arc<Config>,
}

/// All routes of the console.
pub fn router(auth: Arc<dyn Auth>, operators: Arc<dyn Operators>, config: Config) -> Router {
    let console = Console { auth, operators, config: Arc::new(config) };
    Router::new()
        .route("/setup", get(form).post(redeem))
        .route("/style.css", get(style))
        .route("/health", get(health))
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(8 * 1024))
        .layer(middleware::from_fn_with_state(console.clone(), frame))
        .with_state(console)
}

/// Request id: the caller's own if it is valid, otherwise a new one.
async fn frame(state: State<Console>, request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers()).unwrap_or_else(RequestId::random);
    let mut response = id.clone().scope(within_request(state, request, next)).await;
    response.headers_mut().insert(REQUEST_ID, id.header());
    response
}

async fn within_request(State(console): State<Console>, request: Request, next: Next) -> Response {
    if let Some(refusal) = refusal(&console.config, &request) {
        return refusal;
    }
    match tokio::time::timeout(WHOLE_REQUEST, next.run(request)).await {
        Ok(response) => with_headers(response),
        Err(_) => {
            with_headers(problem_page(StatusCode::REQUEST_TIMEOUT, "Timeout", "The request took too long. Try again."))
        }
    }
}

/// The response to a request for a foreign host name, or of a foreign origin.
pub fn refusal(config: &Config, request: &Request) -> Option<Response> {
    if !guard::host_is_ours(request.headers(), &config.hosts) {
        return Some(with_headers(refused(
            "The console does not accept this host name. Use http://localhost:8000 on the server, or add the name to 'hosts' in [admin] of the configuration.",
        )));
    }
    if !request.method().is_safe() && !guard::is_same_origin(request.headers()) {
        return Some(with_headers(refused(
            "This form was sent from another site. Open the set-up link directly and try again.",
        )));
    }
    None
}

fn refused(why: &str) -> Response {
    problem_page(StatusCode::FORBIDDEN, "Request rejected", why)
}

fn problem_page(status: StatusCode, title: &str, what_to_do: &str) -> Response {
    page(status, title, &html! { p.error role="alert" { (what_to_do) } })
}

/// The route that load balancers call.
pub fn health_router() -> Router {
    Router::new().route("/health", get(health))
}

async fn health() -> Json<tornado_shared::api::StatusWord> {
    Json(tornado_shared::api::StatusWord { status: "ok".into() })
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

async fn not_found() -> Response {
    let hint =
        "This page does not exist. To set up the server, run `tornadod setup-link` on it and open the printed link.";
    problem_page(StatusCode::NOT_FOUND, "Not found", hint)
}

#[derive(Default, Deserialize)]
struct Code {
    #[serde(default)]
    code: Secret,
}

async fn form(query: Result<Query<Code>, QueryRejection>) -> Response {
    let query = query.map(|Query(query)| query).unwrap_or_default();
    if query.code.expose().is_empty() || query.code.expose().len() > 128 {
        let hint =
            "The link is incomplete. Run `tornadod setup-link` on the server and open the complete printed link.";
        return problem_page(StatusCode::BAD_REQUEST, "Incomplete link", hint);
    }
    form_page(StatusCode::OK, &query.code, "", None)
}

fn form_page(status: StatusCode, code: &Secret, name: &str, error: Option<&str>) -> Response {
    let body = html! {
        p { "Create the first operator of this server. The link works once." }
        @if let Some(error) = error {
            p.error role="alert" { (error) }
        }
        form method="post" action="/setup" {
            input type="hidden" name="code" value=(code.expose());
            label for="name" { "Name" }
            input #name name="name" value=(name) required minlength="3" maxlength="50" autocomplete="username"
                autocapitalize="none" autofocus;
            label for="password" { "Password" }
            input #password name="password" type="password" required minlength=(MIN_PASSWORD) maxlength="1024"
                autocomplete="new-password" aria-describedby="password-hint";
            small #password-hint { "At least " (MIN_PASSWORD) " characters." }
            label for="again" { "Repeat password" }
            input #again name="again" type="password" required minlength=(MIN_PASSWORD) maxlength="1024"
                autocomplete="new-password";
            button type="submit" { "Create operator" }
        }
    };
    page(status, "Set up this server", &body)
}

#[derive(Deserialize)]
struct Filled {
    code: Secret,
    name: String,
    password: Secret,
    again: Secret,
}

impl Filled {
    fn check(&self) -> Result<RedeemSetup, String> {
        let name: Username = self.name.parse().map_err(|e| format!("The name {e}."))?;
        if self.password.expose().chars().count() < MIN_PASSWORD {
            return Err(format!("The password must have at least {MIN_PASSWORD} characters."));
        }
        if self.password.expose() != self.again.expose() {
            return Err("The passwords differ. Type them again.".into());
        }
        Ok(RedeemSetup { code: self.code.clone(), name, password: self.password.clone() })
    }
}

async fn redeem(State(console): State<Console>, form: Result<Form<Filled>, FormRejection>) -> Response {
    let filled = match form {
        Ok(Form(filled)) => filled,
        Err(refusal) => {
            let hint = "The form is incomplete. Open the set-up link again and fill in all fields.";
            return problem_page(refusal.status(), "Incomplete form", hint);
        }
    };
    let again = |status, why: &str| form_page(status, &filled.code, &filled.name, Some(why));
    let input = match filled.check() {
        Ok(input) => input,
        Err(why) => return again(StatusCode::BAD_REQUEST, &why),
    };
    let signed_in = match console.auth.redeem_setup(input).await {
        Ok(signed_in) => signed_in,
        Err(AuthError::InvalidSetupCode) => {
            let why = AuthError::InvalidSetupCode.to_string();
            return problem_page(StatusCode::GONE, "This link is no longer valid", &why);
        }
        Err(error) => {
            let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return again(status, &error.to_string());
        }
    };
    // Authorised by the new operator's sign-in, because this service has no rights.
    let first = CreateInvitation { username: None, max_devices: 3, lifetime: 7 * 86_400, host: None };
    let invitation = console.auth.create_invitation(Acting::operator(signed_in.token.clone(), first)).await;
    // The token is not kept, so its sign-in must not stay valid.
    if let Err(error) = console.operators.sign_out(Acting::operator(signed_in.token, NoInput {})).await {
        tracing::warn!(%error, "could not end the set-up sign-in; it expires when its lifetime ends");
    }
    done_page(invitation)
}

fn done_page(invitation: Result<InvitationLink, AuthError>) -> Response {
    let body = html! {
        p { "The operator was created." }
        @match invitation {
            Ok(invitation) => {
                h2 { "Your first invitation" }
                p {
                    "Open it on a device with the Tornado app, or pass it to " code { "tornado enroll" }
                    ". It works once, within 7 days, and is shown only now."
                }
                @if let Some(code) = qr::svg(invitation.link.expose(), "The invitation as a QR code") { (maud::PreEscaped(code)) }
                p { a href=(invitation.link.expose()) { code { (invitation.link.expose()) } } }
            }
            Err(error) => { p.error { "Cannot create an invitation: " (error) "." } }
        }
        p { "To invite more users, run " code { "tornadod invite create" } " on the server." }
    };
    page(StatusCode::OK, "This server is set up", &body)
}
