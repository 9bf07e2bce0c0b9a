//! One request: extract, authorise, call, convert.

use super::{Http, credentials};
use crate::api::Signed;
use crate::client;
use crate::guard;
use crate::listener::Peer;
use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::net::{IpAddr, Ipv4Addr};
use tornado_admin_api::{AdminError, AdminResult, Cost, Method};
use tornado_contracts::auth::passkeys::Site;
use tornado_rpc::problem_response;
use tornado_shared::model::Secret;

/// Maximum size of a request body, bytes.
const MAX_BODY: usize = 64 * 1024;

/// Answers a request with the output of `call`.
pub async fn answer<I, O, F>(
    http: Http,
    method: &Method,
    request: Request,
    call: impl FnOnce(Signed, I) -> F,
) -> Response
where
    I: DeserializeOwned,
    O: Serialize,
    F: Future<Output = AdminResult<O>>,
{
    match admit(&http, method, request).await {
        Ok((signed, input)) => match call(signed, input).await {
            Ok(output) => Json(output).into_response(),
            Err(error) => refuse(&error),
        },
        Err(error) => refuse(&error),
    }
}

/// The response of an error.
pub fn refuse(error: &AdminError) -> Response {
    problem_response(&error.0)
}

/// The address of the client.
pub fn address(http: &Http, parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |Peer(address)| *address);
    client::address(peer, &parts.headers, &http.config.trusted_proxies)
}

async fn admit<I: DeserializeOwned>(http: &Http, method: &Method, request: Request) -> AdminResult<(Signed, I)> {
    let (mut parts, body) = request.into_parts();
    let signed = authorised(http, method, &parts).await?;
    let path = RawPathParams::from_request_parts(&mut parts, &()).await;
    let path = path.map_err(|_| AdminError::invalid("the path is not valid"))?;
    let path: Vec<_> = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let input = if method.verb.changes() {
        from_body(&path, &read_json(&parts.headers, body).await?)
    } else {
        from_query(&path, parts.uri.query().unwrap_or_default())
    };
    Ok((signed, input?))
}

/// Admits a request to a route whose response is not JSON. The input is in the query.
pub async fn admit_reader<I: DeserializeOwned>(
    http: &Http,
    method: &Method,
    parts: &Parts,
) -> AdminResult<(Signed, I)> {
    let signed = authorised(http, method, parts).await?;
    Ok((signed, from_query(&[], parts.uri.query().unwrap_or_default())?))
}

/// Checks sign-in and CSRF token, or API token, then right and rate. The service that carries out the method checks the
/// right again.
pub async fn authorised(http: &Http, method: &Method, parts: &Parts) -> AdminResult<Signed> {
    let signed_out = || AdminError::new(401, "signed_out", "sign in first");
    let refused = |error| http.limits.count_refused(address(http, parts)).and(Err(error));
    let api_token = match credentials::api_token(&parts.headers) {
        Ok(token) => token,
        Err(error) => return refused(error),
    };
    let (client, site) = (address(http, parts), guard::site(&parts.headers));
    if let Some(token) = api_token {
        return checked(http, (method.right, method.cost), client, site, token).await;
    }
    let Some(token) = credentials::token(&parts.headers) else { return refused(signed_out()) };
    if method.verb.changes() && !credentials::has_csrf_token(&parts.headers, &token) {
        let why = "the request does not have the CSRF token of its sign-in; reload the page and try again";
        return Err(AdminError::new(403, "csrf", why));
    }
    checked(http, (method.right, method.cost), client, site, token).await
}

/// Checks a right, then the rate.
pub async fn checked(
    http: &Http,
    (right, cost): (&str, Cost),
    client: IpAddr,
    site: Site,
    token: Secret,
) -> AdminResult<Signed> {
    let signed = Signed::new(http.services.clone(), token).on(site);
    match signed.check(right).await {
        Ok(operator) => http.limits.count(operator.id, cost).map(|()| signed),
        Err(error) if [401, 403].contains(&error.status()) => {
            http.limits.count_refused(client)?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// The JSON body of a request, at most 64 KiB.
pub async fn read_json(headers: &HeaderMap, body: Body) -> AdminResult<Vec<u8>> {
    let too_large = |_| AdminError::new(413, "too_large", format!("the request is larger than {MAX_BODY} bytes"));
    let bytes = to_bytes(body, MAX_BODY).await.map_err(too_large)?;
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = media_type.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"));
    if !bytes.is_empty() && !is_json {
        return Err(AdminError::new(415, "not_json", "the body must be application/json"));
    }
    Ok(bytes.to_vec())
}

fn malformed(error: impl std::fmt::Display) -> AdminError {
    AdminError::new(400, "malformed", format!("invalid request: {error}"))
}

/// The fields of the path and those of the body; a field in both is not accepted.
fn from_body<I: DeserializeOwned>(path: &[(String, String)], body: &[u8]) -> AdminResult<I> {
    let body = if body.is_empty() { b"{}".as_slice() } else { body };
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(body).map_err(malformed)?;
    for (name, value) in path {
        if fields.insert(name.clone(), value.clone().into()).is_some() {
            return Err(malformed(format!("'{name}' is a part of the path")));
        }
    }
    serde_json::from_value(fields.into()).map_err(malformed)
}

/// The fields of the path and those of the query.
fn from_query<I: DeserializeOwned>(path: &[(String, String)], query: &str) -> AdminResult<I> {
    let mut fields: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(malformed)?;
    fields.extend(path.iter().cloned());
    let all = serde_urlencoded::to_string(&fields).map_err(malformed)?;
    serde_urlencoded::from_str(&all).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_admin_api::types::{ByUser, SavedQuery, SessionsQuery};

    #[test]
    fn fields_come_from_path_query_and_body() {
        let path = [("name".to_owned(), "a b".to_owned())];
        let saved: SavedQuery = from_body(&path, br#"{"text":"level:error"}"#).unwrap();
        assert_eq!((saved.name.as_str(), saved.text.as_str()), ("a b", "level:error"));
        let user: ByUser = from_query(&[("user".to_owned(), "a&b=c".to_owned())], "").unwrap();
        assert_eq!(user.user, "a&b=c");
        let query: SessionsQuery = from_query(&[], "state=online&limit=7&lane=tor").unwrap();
        assert_eq!(query.limit, Some(7));
    }

    #[test]
    fn a_field_in_two_places_is_refused() {
        let path = [("name".to_owned(), "a".to_owned())];
        assert_eq!(from_body::<SavedQuery>(&path, br#"{"name":"b","text":""}"#).unwrap_err().status(), 400);
        let path = [("user".to_owned(), "a".to_owned())];
        assert_eq!(from_query::<ByUser>(&path, "user=b").unwrap_err().status(), 400);
        assert_eq!(from_query::<ByUser>(&path, "other=b").unwrap_err().status(), 400);
        assert_eq!(from_body::<SavedQuery>(&[], b"[]").unwrap_err().status(), 400);
    }
}
