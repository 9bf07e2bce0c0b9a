//! What applies to every request of the API: request id, host name, origin, deadline and headers.

use super::Http;
use crate::guard;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, map_response};
use axum::response::Response;
use std::time::Duration;
use tornado_admin_api::AdminError;
use tornado_rpc::{REQUEST_ID, RequestId, problem_response};

/// Maximum duration of a request, including its body; longer than the slowest method of a contract that the API calls,
/// except the check of the audit trail.
const WHOLE_REQUEST: Duration = Duration::from_secs(130);

/// Middleware of all routes of the API.
pub async fn frame(State(http): State<Http>, request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers()).unwrap_or_else(RequestId::random);
    let mut response = id.clone().scope(within_request(http, request, next)).await;
    response.headers_mut().insert(REQUEST_ID, id.header());
    response
}

async fn within_request(http: Http, request: Request, next: Next) -> Response {
    let refusal = refusal(&http, &request);
    let response = match refusal {
        Some(error) => problem_response(&error.0),
        None => match tokio::time::timeout(WHOLE_REQUEST, next.run(request)).await {
            Ok(response) => response,
            Err(_) => problem_response(&AdminError::new(408, "too_slow", "the request took too long").0),
        },
    };
    with_headers(response)
}

fn refusal(http: &Http, request: &Request) -> Option<AdminError> {
    let headers = request.headers();
    if !guard::host_is_ours(headers, &http.config.hosts) {
        let why = "the console does not accept this host name; add it to 'hosts' in [admin] of the configuration";
        return Some(AdminError::new(403, "foreign_host", why));
    }
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return Some(AdminError::new(403, "foreign_origin", "the request was sent by another site"));
    }
    if !request.method().is_safe() && !guard::is_same_origin(headers) {
        return Some(AdminError::new(403, "foreign_origin", "the request was sent by another site"));
    }
    None
}

fn with_headers(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 4] = [
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Makes browsers use TLS only, for a year from each response on.
pub fn strict_transport(router: Router) -> Router {
    router.layer(map_response(|mut response: Response| async move {
        let value = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
        response
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn responses_over_verifiable_tls_forbid_plain_http() {
        let router = strict_transport(Router::new().route("/health", get(|| async { "ok" })));
        for path in ["/health", "/unknown"] {
            let request = axum::http::Request::get(path).body(Body::empty()).unwrap();
            let response = router.clone().oneshot(request).await.unwrap();
            assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000", "{path}");
        }
    }
}
