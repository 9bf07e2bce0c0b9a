//! One request: extract, authorise, call, convert.

use super::body::receive;
use super::limits::Rate;
use super::repeats::{Begun, Keyed, Ticket};
use super::{Http, credentials};
use crate::api::Signed;
use crate::client;
use crate::guard;
use crate::listener::Peer;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts as _, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::net::{IpAddr, Ipv4Addr};
use tornado_admin_api::{AdminError, AdminResult, IDEMPOTENCY_HEADER, Method};
use tornado_contracts::auth::passkeys::Site;
use tornado_rpc::{RequestId, problem_response};
use tornado_shared::model::Secret;

/// Header of a response that was kept for a repeated request.
const REPEATED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Answers a request with the output of `call`.
pub async fn answer<I, O, F>(
    http: Http,
    method: &Method,
    request: Request,
    call: impl FnOnce(Signed, I) -> F,
) -> Response
where
    I: DeserializeOwned,
    O: Serialize + Send + 'static,
    F: Future<Output = AdminResult<O>> + Send + 'static,
{
    match admit(&http, method, request).await {
        Ok((signed, input, None)) => match call(signed, input).await {
            Ok(output) => Json(output).into_response(),
            Err(error) => refuse(&error),
        },
        Ok((signed, input, Some(keyed))) => match http.repeats.begin(keyed) {
            Ok(Begun::First(ticket)) => run_once(&http, ticket, call(signed, input)).await,
            Ok(Begun::Repeated(response)) => repeated(&response),
            Err(error) => refuse(&error),
        },
        Err(error) => refuse(&error),
    }
}

/// Carries out a request with an idempotency key. Its client may disconnect and repeat it, so it runs to its end in any
/// case.
async fn run_once<O, F>(http: &Http, ticket: Ticket, call: F) -> Response
where
    O: Serialize + Send + 'static,
    F: Future<Output = AdminResult<O>> + Send + 'static,
{
    let run = async move {
        let output = call.await?;
        let failed = |error| AdminError::new(500, "internal", format!("cannot write the response: {error}"));
        let text = serde_json::to_string(&output).map_err(failed)?;
        ticket.keep(Secret::new(text.clone()));
        Ok::<_, AdminError>(text)
    };
    let id = RequestId::current().unwrap_or_else(RequestId::random);
    match http.running.spawn(id.scope(run)).await {
        Ok(Ok(text)) => json(text),
        Ok(Err(error)) => refuse(&error),
        Err(_) => refuse(&AdminError::new(500, "internal", "the request could not be carried out")),
    }
}

fn repeated(response: &Secret) -> Response {
    let mut response = json(response.expose().to_owned());
    response.headers_mut().insert(REPEATED, HeaderValue::from_static("true"));
    response
}

fn json(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
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

async fn admit<I: DeserializeOwned>(
    http: &Http,
    method: &Method,
    request: Request,
) -> AdminResult<(Signed, I, Option<Keyed>)> {
    let (mut parts, body) = request.into_parts();
    let signed = authorised(http, method, &parts).await?;
    let path = RawPathParams::from_request_parts(&mut parts, &()).await;
    let path = path.map_err(|_| AdminError::invalid("the path is not valid"))?;
    let path: Vec<_> = path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    if !method.verb.changes() {
        return Ok((signed, from_query(&path, parts.uri.query().unwrap_or_default())?, None));
    }
    let body = read_json(http, &parts, body).await?;
    let input = from_body(&path, &body)?;
    let key = parts.headers.get(IDEMPOTENCY_HEADER).filter(|_| method.creates());
    let content = [method.name.as_bytes(), parts.uri.path().as_bytes(), &body];
    let keyed = key.map(|key| http.repeats.keyed(signed.token(), key.as_bytes(), &content));
    Ok((signed, input, keyed.transpose()?))
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
        return checked(http, (method.right, method.cost.into()), client, site, token).await;
    }
    let Some(token) = credentials::token(&parts.headers) else { return refused(signed_out()) };
    if method.verb.changes() && !credentials::has_csrf_token(&parts.headers, &token) {
        let why = "the request does not have the CSRF token of its sign-in; reload the page and try again";
        return Err(AdminError::new(403, "csrf", why));
    }
    checked(http, (method.right, method.cost.into()), client, site, token).await
}

/// Checks a right, then the rate.
pub async fn checked(
    http: &Http,
    (right, rate): (&str, Rate),
    client: IpAddr,
    site: Site,
    token: Secret,
) -> AdminResult<Signed> {
    http.limits.admit(client, &token)?;
    let signed = Signed::new(http.services.clone(), token).on(site);
    match signed.check(right).await {
        Ok(operator) => {
            http.limits.accepted(signed.token());
            http.admissions.note(client);
            http.limits.count(operator.id, rate).map(|()| signed.of(operator.id))
        }
        Err(error) if [401, 403].contains(&error.status()) => {
            if error.status() == 401 {
                http.limits.rejected(signed.token());
            }
            http.limits.count_refused(client)?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// The JSON body of a request.
pub async fn read_json(http: &Http, parts: &Parts, body: Body) -> AdminResult<Bytes> {
    let bytes = receive(http, address(http, parts), body).await?;
    let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_json = media_type.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("application/json"));
    if !bytes.is_empty() && !is_json {
        return Err(AdminError::new(415, "not_json", "the body must be application/json"));
    }
    Ok(bytes)
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
    use crate::api::Services;
    use crate::config::Config;
    use crate::events::Hub;
    use axum::http::HeaderMap;
    use std::path::PathBuf;
    use std::pin::pin;
    use std::sync::Arc;
    use tornado_admin_api::types::{ByUser, SavedQuery, SessionsQuery};
    use tornado_rpc::Channel;

    fn http() -> Http {
        let channel = || Channel::new(PathBuf::from("/nonexistent"));
        Http::new(Arc::new(Services::over(|_| channel(), channel())), Arc::new(Hub::new(1)), Config::default())
    }

    #[tokio::test]
    async fn a_request_with_a_key_runs_to_its_end() {
        let http = http();
        let keyed = http.repeats.keyed(&Secret::new("TOKEN"), b"key", &[]).unwrap();
        let Begun::First(ticket) = http.repeats.begin(keyed).unwrap() else { panic!("the key is new") };
        let (finish, finished) = tokio::sync::oneshot::channel::<()>();
        let call = async {
            finished.await.unwrap();
            Ok(7)
        };
        {
            let mut response = pin!(run_once(&http, ticket, call));
            assert!(futures::poll!(response.as_mut()).is_pending());
            // The client disconnects here.
        }
        finish.send(()).unwrap();
        http.running.close();
        http.running.wait().await;
        assert!(matches!(http.repeats.begin(keyed).unwrap(), Begun::Repeated(response) if response.expose() == "7"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_without_refusals_left_costs_auth_nothing() {
        let http = http();
        let client = "192.0.2.7".parse().unwrap();
        let ask = async |token: &str| {
            let site = guard::site(&HeaderMap::new());
            let answer = checked(&http, ("own.read", Rate::Usual), client, site, Secret::new(token)).await;
            answer.err().unwrap().code().to_owned()
        };
        let called = ask("UNKNOWN").await;
        assert_ne!(called, "too_many_requests", "auth is called, which does not respond");
        http.limits.accepted(&Secret::new("KNOWN"));
        let exhaust = || while http.limits.count_refused(client).is_ok() {};
        exhaust();
        assert_eq!(ask("UNKNOWN").await, "too_many_requests");
        assert_eq!(ask("KNOWN").await, called, "an operator of the network can go on");
        http.limits.rejected(&Secret::new("KNOWN"));
        exhaust();
        assert_eq!(ask("KNOWN").await, "too_many_requests");
    }

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
