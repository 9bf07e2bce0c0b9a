//! The console's pages. They call the API in this process, with the sign-in and the limits of their request.

use super::answer::{address, checked};
use super::body::receive;
use super::entry::{by_password, cookie_of, create_first};
use super::limits::Rate;
use super::{Http, credentials};
use crate::events::SESSION;
use crate::{guard, setup};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_admin_api::types::{SessionEventView, SetUp, SignIn};
use tornado_admin_api::{AdminApi, AdminError, AdminResult};
use tornado_admin_ui::serve::Assets;
use tornado_console::{Caller, Console, Use};
use tornado_contracts::auth::passkeys::Site;
use tornado_rpc::{REQUEST_ID, RequestId};
use tornado_runtime::rest;
use tornado_shared::model::Secret;

/// Maximum duration of a request, including its body. Pages carry out every method of the API.
const WHOLE_REQUEST: Duration = Duration::from_secs(130);

/// Pause between two removals of what the console no longer needs.
const TIDIED_EVERY: Duration = Duration::from_secs(10);

/// The browser of one request.
struct Browser {
    http: Http,
    address: IpAddr,
    site: Site,
    token: Option<Secret>,
}

/// Removes what the console no longer needs from memory, until `stop`.
pub async fn tidy(console: Arc<Console>, stop: CancellationToken) {
    while stop.run_until_cancelled(rest(TIDIED_EVERY)).await.is_some() {
        console.tidy();
    }
}

/// Pages, their data and files, sign-in and set-up.
pub fn router(http: Http, console: Arc<Console>) -> Router {
    let of = http.clone();
    let make_caller = move |parts: &Parts| -> Arc<dyn Caller> {
        Arc::new(Browser {
            address: address(&of, parts),
            site: guard::site(&parts.headers),
            token: credentials::token(&parts.headers),
            http: of.clone(),
        })
    };
    tornado_console::router(console, Assets::installed(), Arc::new(make_caller))
        .layer(middleware::from_fn_with_state(http, frame))
}

#[async_trait::async_trait]
impl Caller for Browser {
    async fn api(&self, what_for: Use) -> AdminResult<Arc<dyn AdminApi>> {
        let Some(token) = self.token.clone() else {
            self.http.limits.count_refused(self.address)?;
            return Err(AdminError::new(401, "signed_out", "sign in first"));
        };
        let rate = match what_for {
            Use::Frame => Rate::Frame,
            Use::Page => Rate::Page,
            Use::Change => Rate::Costly,
        };
        // The service that carries out a method checks the right of the method.
        let signed = checked(&self.http, ("own.read", rate), self.address, self.site.clone(), token).await?;
        Ok(Arc::new(signed))
    }

    fn session_changes(&self) -> u64 {
        self.http.hub.session_changes()
    }

    fn session_events(&self) -> Vec<SessionEventView> {
        self.http.hub.latest(SESSION).iter().filter_map(|data| serde_json::from_str(data).ok()).collect()
    }

    fn csrf_token(&self) -> String {
        self.token.as_ref().map(credentials::csrf_token).unwrap_or_default()
    }

    fn is_csrf_token(&self, text: &str) -> bool {
        self.token.as_ref().is_some_and(|token| credentials::is_csrf_token(text.as_bytes(), token))
    }

    async fn sign_in(&self, name: String, password: Secret, code: Option<Secret>) -> AdminResult<HeaderValue> {
        self.http.limits.count_refused(self.address)?;
        let input = SignIn { name, password, code };
        Ok(cookie_of(&by_password(&self.http, self.address, input).await?))
    }

    async fn set_up(&self, input: SetUp) -> AdminResult<HeaderValue> {
        self.http.limits.count_refused(self.address)?;
        Ok(cookie_of(&create_first(&self.http, input).await?))
    }

    fn no_cookie(&self) -> HeaderValue {
        credentials::no_cookie()
    }
}

/// Middleware of all pages: request id, host name, origin, size, deadline and headers.
async fn frame(State(http): State<Http>, request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers()).unwrap_or_else(RequestId::random);
    let mut response = id.clone().scope(within_request(http, request, next)).await;
    response.headers_mut().insert(REQUEST_ID, id.header());
    response
}

async fn within_request(http: Http, request: Request, next: Next) -> Response {
    if let Some(refusal) = setup::refusal(&http.config, &request) {
        return refusal;
    }
    let (parts, body) = request.into_parts();
    let body = match receive(&http, address(&http, &parts), body).await {
        Ok(body) => Body::from(body),
        Err(error) => return with_headers(refused(&error)),
    };
    let request = Request::from_parts(parts, body);
    let late = |_| (StatusCode::REQUEST_TIMEOUT, "The request took too long. Try again.").into_response();
    with_headers(tokio::time::timeout(WHOLE_REQUEST, next.run(request)).await.unwrap_or_else(late))
}

/// Forms of people and requests of the page's program both read the status; nothing here is markup.
fn refused(error: &AdminError) -> Response {
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = (status, format!("{error}\n")).into_response();
    if let Some(seconds) = error.0.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// Adds the headers that a response does not have. Pages have a separate policy, with the nonce of their script.
fn with_headers(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Services;
    use crate::config::Config;
    use crate::events::Hub;
    use crate::http::body::MAX_BODY;
    use axum::body::to_bytes;
    use std::collections::BTreeSet;
    use std::path::PathBuf;
    use tornado_rpc::Channel;
    use tornado_runtime::clock::Clock;
    use tower::ServiceExt as _;

    const ORIGIN: &str = "http://localhost:8000";

    /// The pages of a server whose services are absent.
    fn pages() -> Router {
        let channel = || Channel::new(PathBuf::from("/nonexistent"));
        let services = Arc::new(Services::over(|_| channel(), channel()));
        let http = Http::new(services, Arc::new(Hub::new(1)), Config::default());
        router(http, Arc::new(Console::new(Clock::new(|| 1000))))
    }

    async fn send(request: axum::http::request::Builder, body: impl Into<Body>) -> Response {
        let request = request.header("host", "localhost:8000").body(body.into()).unwrap();
        pages().oneshot(request).await.unwrap()
    }

    async fn opened(path: &str) -> Response {
        send(axum::http::Request::get(path), Body::empty()).await
    }

    #[tokio::test]
    async fn pages_have_a_strict_policy_and_no_cache_keeps_them() {
        let mut policies = BTreeSet::new();
        for path in ["/sign-in", "/sign-in", "/unknown"] {
            let response = opened(path).await;
            let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
            let policy = header("content-security-policy");
            for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(policy.contains("'nonce-") && !policy.contains("unsafe-inline"), "{path}: {policy}");
            assert!(policies.insert(policy), "each response has its own nonce");
            assert_eq!(header("cache-control"), "no-store", "the back button after sign-out shows nothing");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("cross-origin-opener-policy"), "same-origin");
            assert!(!header("x-request-id").is_empty());
        }
    }

    #[tokio::test]
    async fn words_of_an_address_are_not_markup() {
        let script = "%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E";
        for path in ["/sign-in?back=/", "/sign-in?problem=", "/sign-in/code?back=/", "/setup?code=", "/setup?problem="]
        {
            let response = opened(&format!("{path}{script}")).await;
            let text = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            assert!(!String::from_utf8_lossy(&text).contains("<script>alert"), "{path}");
        }
    }

    #[tokio::test]
    async fn a_form_that_is_too_large_is_refused() {
        let post = axum::http::Request::post("/sign-in").header("origin", ORIGIN);
        let post = post.header("content-type", "application/x-www-form-urlencoded");
        let response = send(post, format!("name=olga&password={}", "x".repeat(MAX_BODY))).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn bytes_that_are_no_request_are_the_callers_fault() {
        for path in ["/data/read", "/data/act"] {
            for body in [&b""[..], &[0xff; 20], &[2; 5000]] {
                let post = axum::http::Request::post(path).header("origin", ORIGIN);
                let response = send(post.header("content-type", "application/x-postcard"), body).await;
                assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path} {body:?}");
            }
        }
    }

    #[tokio::test]
    async fn forms_and_server_functions_of_other_sites_are_refused() {
        for path in ["/sign-in", "/sign-out", "/setup", "/data/act", "/look"] {
            for origin in ["https://evil.example", "null"] {
                let response = send(axum::http::Request::post(path).header("origin", origin), Body::empty()).await;
                assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {origin}");
            }
        }
    }
}
