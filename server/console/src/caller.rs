//! What the service `admin` knows about one request.

use axum::http::HeaderValue;
use axum::http::request::Parts;
use std::sync::Arc;
use tornado_admin_api::types::{SessionEventView, SetUp};
use tornado_admin_api::{AdminApi, AdminResult};
use tornado_admin_ui::model::Fault;
use tornado_admin_ui::model::act::Refusal;
use tornado_shared::model::Secret;

/// What the API is called for. Each has its own rate, so that pages that stay open leave changes their rate, and
/// programs with a token of the same operator theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// The frame of all pages, without which no button is shown; sign-out.
    Frame,
    /// The content of a page, which is read again while the page is open.
    Page,
    /// A change.
    Change,
}

/// The sign-in of one request, and the limits that apply to it.
#[async_trait::async_trait]
pub trait Caller: Send + Sync + 'static {
    /// The API with the rights of the sign-in.
    ///
    /// # Errors
    ///
    /// The request has no sign-in, or its operator has to wait.
    async fn api(&self, what_for: Use) -> AdminResult<Arc<dyn AdminApi>>;

    /// A number that counts up with each change of a session that the server's events report. Until there is a reader
    /// of events it stays as it is.
    fn session_changes(&self) -> u64;

    /// The latest events of sessions, oldest first. To be shown only to a sign-in that may read sessions.
    fn session_events(&self) -> Vec<SessionEventView>;

    /// The value that changes of this sign-in must repeat; empty without one.
    fn csrf_token(&self) -> String;

    /// Whether `text` is that value; false without a sign-in.
    fn is_csrf_token(&self, text: &str) -> bool;

    /// Signs in, and returns the cookie of the sign-in.
    ///
    /// # Errors
    ///
    /// Name, password or code is wrong or missing, or there were too many attempts.
    async fn sign_in(&self, name: String, password: Secret, code: Option<Secret>) -> AdminResult<HeaderValue>;

    /// Creates the first operator, and returns the cookie of its sign-in.
    ///
    /// # Errors
    ///
    /// The code of the set-up link, the name or the password is not valid.
    async fn set_up(&self, input: SetUp) -> AdminResult<HeaderValue>;

    /// The cookie that removes the sign-in from the browser.
    fn no_cookie(&self) -> HeaderValue;
}

/// Makes the caller of one request from its head.
pub type MakeCaller = Arc<dyn Fn(&Parts) -> Arc<dyn Caller> + Send + Sync>;

/// What a page shows instead of content.
pub fn fault(error: &tornado_admin_api::AdminError, part: &str) -> Fault {
    match (error.status(), error.code()) {
        (401, _) => Fault::SignedOut,
        (403, _) => Fault::Forbidden,
        (404, _) => Fault::NotFound,
        (429, _) => Fault::TooMany,
        (_, code) => Fault::Unavailable {
            part: part.to_owned(),
            code: code.to_owned(),
            request: error.0.request_id.clone().unwrap_or_default(),
        },
    }
}

/// What a form shows, at the field that the server names in its answer.
pub fn refusal(error: &tornado_admin_api::AdminError) -> Refusal {
    let field = match error.code() {
        "name_taken" => Some("username"),
        "invalid_credentials" => Some("password"),
        "invalid_fields" => FIELDS.into_iter().find(|field| names(&error.0.detail, field)),
        _ => None,
    };
    Refusal { code: error.code().to_owned(), detail: error.0.detail.clone(), field: field.map(str::to_owned) }
}

/// Fields of the forms, as the API names them.
const FIELDS: [&str; 8] =
    ["username", "email", "password", "max_devices", "month_quota", "download_rate", "upload_rate", "name"];

/// Whether a description names a field: as a whole word.
fn names(detail: &str, field: &str) -> bool {
    detail.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_admin_api::AdminError;

    #[test]
    fn a_refusal_is_shown_at_the_field_that_it_names() {
        let field = |error: AdminError| refusal(&error).field;
        assert_eq!(field(AdminError::invalid("max_devices must be 1 to 10")).as_deref(), Some("max_devices"));
        assert_eq!(field(AdminError::invalid("the password is too short")).as_deref(), Some("password"));
        assert_eq!(field(AdminError::invalid("a new operator requires a role")), None);
        assert_eq!(field(AdminError::new(409, "name_taken", "taken")).as_deref(), Some("username"));
    }

    #[test]
    fn a_fault_keeps_the_number_of_the_request() {
        let mut error = AdminError::new(503, "unavailable", "session does not respond");
        error.0.request_id = Some("r-1".into());
        let shown = Fault::Unavailable { part: "session".into(), code: "unavailable".into(), request: "r-1".into() };
        assert_eq!(fault(&error, "session"), shown);
        assert_eq!(fault(&AdminError::new(401, "signed_out", ""), "session"), Fault::SignedOut);
        let busy = AdminError::new(429, "too_many_requests", "too many requests; try again in 3 seconds");
        assert_eq!(fault(&busy, "auth"), Fault::TooMany, "auth did respond");
    }
}
