//! Conversion of failures to HTTP in both formats: problem+json for clients that accept it, and `{"detail": …}` with
//! the original's statuses and texts for the others.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tornado_contracts::auth::AuthError;
use tornado_contracts::session::SessionError;
use tornado_contracts::token::TokenError;
use tornado_contracts::wg::WgError;
use tornado_rpc::{ServiceError, problem_response};
use tornado_shared::problem::{MEDIA_TYPE, Problem};

/// An error response for a device.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiError {
    problem: Box<Problem>,
    legacy: Legacy,
}

/// The response for clients of the original interface.
#[derive(Debug, Clone, PartialEq)]
struct Legacy {
    status: u16,
    detail: Value,
}

impl ApiError {
    /// The same status and code in both formats.
    pub fn new(status: u16, code: &str, detail: impl Into<String>) -> Self {
        Self { problem: Box::new(Problem::new(status, code, detail)), legacy: Legacy { status, detail: code.into() } }
    }

    /// The request has no bearer token.
    pub fn no_token() -> Self {
        Self::new(401, "missing_token", "send the access token in the header 'Authorization: Bearer …'")
            .in_legacy(401, "Not authenticated")
    }

    /// The body does not match the route's input.
    pub fn invalid_body(why: String) -> Self {
        let entry = json!([{ "loc": ["body"], "msg": why, "type": "value_error" }]);
        Self::new(422, "validation_failed", why).in_legacy(422, entry)
    }

    /// Too many requests from one address.
    pub fn too_many(retry_after: u64) -> Self {
        let detail = format!("too many requests from your address; try again in {retry_after} seconds");
        let mut error = Self::new(429, "too_many_attempts", detail);
        error.problem.retry_after = Some(retry_after);
        error
    }

    fn in_legacy(mut self, status: u16, detail: impl Into<Value>) -> Self {
        self.legacy = Legacy { status, detail: detail.into() };
        self
    }

    fn of<E: ServiceError>(error: &E) -> Self {
        let (status, code) = (error.status(), error.code());
        // A device cannot use the name of a failed component, and unauthenticated callers should not learn it.
        let detail = match status {
            500.. if code == "unavailable" => {
                "a component of the server is not available; try again in a moment".into()
            }
            500.. if code == "store_unavailable" => {
                "the server's database does not respond; open tunnels continue, try again in a moment".into()
            }
            500.. if code == "internal" => {
                "internal error; the operator can find the reason in the server's log".into()
            }
            _ => error.to_string(),
        };
        let mut made = Self::new(status, code, detail);
        made.problem.retry_after = error.retry_after().or((status == 503).then_some(2));
        made
    }

    /// A connect failed. The original answers 502 for every failure of its data plane.
    pub fn connecting(error: SessionError) -> Self {
        match error {
            SessionError::Token(_) | SessionError::Revoked => error.into(),
            SessionError::SessionExpired
            | SessionError::MaxDevices { .. }
            | SessionError::QuotaExceeded { .. }
            | SessionError::PoolExhausted
            | SessionError::KeyInUse
            | SessionError::DataPlane(_)
            | SessionError::NoExit { .. }
            | SessionError::TooOften { .. }
            | SessionError::Fault(_) => {
                let word = format!("VPN Manager Error: {}", error.code());
                Self::of(&error).in_legacy(502, word)
            }
        }
    }

    /// A logout failed. The original answers 500 when its session service is unavailable.
    pub fn leaving(error: AuthError) -> Self {
        let made = Self::from(error);
        if made.problem.status < 500 {
            return made;
        }
        made.in_legacy(500, "session_service_unavailable")
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let made = Self::of(&error);
        match error {
            AuthError::Token(reason) => made.in_legacy(401, unauthenticated(reason)),
            AuthError::Revoked => made.in_legacy(401, "Authentication failed: revoked"),
            AuthError::InvalidEnvelope
            | AuthError::ClockSkew { .. }
            | AuthError::UnknownLoginKey
            | AuthError::InvalidFields(_)
            | AuthError::InvalidCredentials
            | AuthError::SignInRefused { .. }
            | AuthError::UserInactive
            | AuthError::TooManyAttempts { .. }
            | AuthError::Busy { .. }
            | AuthError::MaxDevices
            | AuthError::KeyInUse
            | AuthError::InvalidInvitation
            | AuthError::NameTaken
            | AuthError::InvalidSetupCode
            | AuthError::TotpRequired
            | AuthError::TotpInvalid
            | AuthError::NotFound(_)
            | AuthError::LastOwner
            | AuthError::NotAllowed
            | AuthError::ConfirmationRequired
            | AuthError::PasskeyRefused
            | AuthError::ApiTokenInvalid
            | AuthError::ApiTokenExpired
            | AuthError::OutOfScope
            | AuthError::SignedOut
            | AuthError::RefreshExpired
            | AuthError::RefreshInvalid
            | AuthError::RefreshReused
            | AuthError::Fault(_) => made,
        }
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        let made = Self::of(&error);
        match error {
            SessionError::Token(reason) => made.in_legacy(401, unauthenticated(reason)),
            SessionError::Revoked => made.in_legacy(401, "Authentication failed: revoked"),
            SessionError::Fault(_) => made.in_legacy(500, "session_service_unreachable"),
            SessionError::SessionExpired
            | SessionError::MaxDevices { .. }
            | SessionError::QuotaExceeded { .. }
            | SessionError::PoolExhausted
            | SessionError::KeyInUse
            | SessionError::DataPlane(_)
            | SessionError::NoExit { .. }
            | SessionError::TooOften { .. } => made,
        }
    }
}

impl From<WgError> for ApiError {
    fn from(error: WgError) -> Self {
        Self::of(&error)
    }
}

fn unauthenticated(reason: TokenError) -> String {
    format!("Authentication failed: {}", AuthError::Token(reason).code())
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = problem_response(&self.problem);
        if self.problem.status == 401 {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self.legacy);
        response
    }
}

/// Middleware that converts problems into the original's format for clients that do not accept problems.
pub async fn dialect(request: Request, next: Next) -> Response {
    let modern = accepts_problems(request.headers());
    let mut response = next.run(request).await;
    let Some(legacy) = response.extensions_mut().remove::<Legacy>() else { return response };
    if modern {
        return response;
    }
    *response.status_mut() = StatusCode::from_u16(legacy.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    headers.remove(header::CONTENT_LENGTH);
    *response.body_mut() = Body::from(json!({ "detail": legacy.detail }).to_string());
    response
}

fn accepts_problems(headers: &HeaderMap) -> bool {
    headers.get_all(header::ACCEPT).iter().any(|value| value.to_str().is_ok_and(|text| text.contains(MEDIA_TYPE)))
}
