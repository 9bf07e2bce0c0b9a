//! HTTP requests in a form that mutates well: a line `METHOD PATH`, header lines, an empty line, the body.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http::{HeaderName, HeaderValue, Method, Response, Uri};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

/// Maximum length of a response, in bytes.
const LONGEST: usize = 4 * 1024 * 1024;

/// Parses a request; returns `None` for input that no HTTP library would pass on.
pub fn read(bytes: &[u8]) -> Option<Request> {
    let (head, body) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = lines.next()?;
    let at = first.iter().position(|byte| *byte == b' ')?;
    let (method, path) = (Method::from_bytes(&first[..at]).ok()?, Uri::try_from(&first[at + 1..]).ok()?);
    let mut request = Request::new(Body::from(body.to_vec()));
    (*request.method_mut(), *request.uri_mut()) = (method, path);
    for line in lines.take(32) {
        let at = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..at]).ok()?;
        request.headers_mut().append(name, HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?);
    }
    Some(request)
}

/// Returns the status, headers and body of a router's response.
pub async fn answer(router: Router, request: Request) -> Response<Vec<u8>> {
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (parts, body) = response.into_parts();
    let body = match http_body_util::Limited::new(body, LONGEST).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) => panic!("cannot read the response body: {error}"),
    };
    Response::from_parts(parts, body)
}
