//! Converts results to HTTP responses. No other module does this.

use crate::caller::as_caller;
use crate::observer::{CALLS, Observed};
use crate::request::within;
use crate::{Caller, Fault, RequestId, Role, ServiceError};
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::{Serialize, de::DeserializeOwned};
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;
use tornado_shared::problem::{MEDIA_TYPE, Problem};

/// How many deadlines a change may take before it is cancelled halfway.
const OVERTIME: u32 = 4;
/// Timeout for the body of a request.
const BODY_DEADLINE: Duration = Duration::from_secs(5);

/// Converts a problem to a response, with the id of the current request, and with `Retry-After` if it has one.
#[must_use]
pub fn problem_response(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let request_id = RequestId::current().map(|id| id.to_string());
    let body = serde_json::to_vec(&Problem { request_id, ..problem.clone() }).unwrap_or_default();
    let mut response = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], body).into_response();
    if let Some(seconds) = problem.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

pub(crate) fn error_response<E: ServiceError>(error: &E) -> Response {
    problem_response(&error.to_problem())
}

/// Reasons for which a request does not reach the service.
enum Refusal {
    Fault(Fault),
    TooLarge(usize),
    TooSlow,
}

impl Refusal {
    fn into_response<E: ServiceError>(self) -> Response {
        match self {
            Self::Fault(fault) => error_response(&E::from(fault)),
            Self::TooLarge(limit) => problem_response(&Problem::new(
                413,
                "too_large",
                format!("the request is larger than {limit} bytes; nothing was changed"),
            )),
            Self::TooSlow => problem_response(&Problem::new(
                408,
                "too_slow",
                "the request did not arrive within 5 seconds; nothing was changed",
            )),
        }
    }
}

/// How a method is served: who may call it, how long it may take, and how large its request may be.
#[derive(Clone, Copy)]
pub struct Method<R: 'static> {
    /// `Contract.method`, for the log.
    pub name: &'static str,
    /// The roles that may call it.
    pub allowed: &'static [R],
    /// Time after which the caller gets a response at the latest.
    pub deadline: Duration,
    /// Maximum size of the request body, bytes.
    pub max_body: usize,
}

/// Answers a request, and reports the answer to the server's observer and to the log.
pub async fn handle<R, I, O, E, F, Fut>(method: &'static Method<R>, request: Request, call: F) -> Response
where
    R: Role,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: ServiceError,
    F: FnOnce(I) -> Fut + Send + 'static,
    Fut: Future<Output = Result<O, E>> + Send + 'static,
{
    within(RequestId::of(request.headers()), async {
        let began = Instant::now();
        let observed = request.extensions().get::<Observed>().cloned();
        let response = answer(method, request, call).await;
        let (status, took) = (response.status().as_u16(), began.elapsed());
        if let Some(Observed(observer)) = observed {
            observer.answered(method.name, status, took);
        }
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(target: CALLS, method = method.name, status, us, "call");
        response
    })
    .await
}

/// Extracts, authorises, calls and converts. A change continues after the caller disconnects or the deadline passes, so
/// that it is not left halfway. After [`OVERTIME`] deadlines it is cancelled.
async fn answer<R, I, O, E, F, Fut>(method: &'static Method<R>, request: Request, call: F) -> Response
where
    R: Role,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: ServiceError,
    F: FnOnce(I) -> Fut + Send + 'static,
    Fut: Future<Output = Result<O, E>> + Send + 'static,
{
    let overtime = if request.method() == http::Method::GET { 1 } else { OVERTIME };
    let caller = request.extensions().get::<Caller<R>>().cloned();
    let input = match admit::<R, I>(method, request).await {
        Ok(input) => input,
        Err(refusal) => return refusal.into_response::<E>(),
    };
    let work = async move { tokio::time::timeout(method.deadline * overtime, call(input)).await };
    let work = within(RequestId::current(), as_caller(caller, work));
    match tokio::time::timeout(method.deadline, tokio::spawn(work)).await {
        Ok(Ok(Ok(Ok(output)))) => axum::Json(output).into_response(),
        Ok(Ok(Ok(Err(error)))) => {
            if error.status() >= 500 {
                tracing::warn!(method = method.name, code = error.code(), %error, "call failed");
            }
            error_response(&error)
        }
        Err(_) | Ok(Ok(Err(_))) => {
            let detail = format!("{} took longer than {:?}", method.name, method.deadline);
            error_response(&E::from(Fault::Unavailable(detail)))
        }
        Ok(Err(panic)) => {
            tracing::error!(method = method.name, %panic, "handler panicked");
            error_response(&E::from(Fault::Internal("the call panicked; see the log".into())))
        }
    }
}

async fn admit<R: Role, I: DeserializeOwned>(method: &Method<R>, request: Request) -> Result<I, Refusal> {
    authorise(request.extensions().get::<Caller<R>>(), method).map_err(Refusal::Fault)?;
    if request.method() == http::Method::GET {
        let query = request.uri().query().unwrap_or_default();
        return serde_urlencoded::from_str(query).map_err(|e| Refusal::Fault(Fault::Malformed(format!("query: {e}"))));
    }
    let bytes = read_body(request.into_body(), method.max_body).await?;
    let bytes = if bytes.is_empty() { b"{}".as_slice() } else { &bytes };
    serde_json::from_slice(bytes).map_err(|e| Refusal::Fault(Fault::Malformed(e.to_string())))
}

pub(crate) fn authorise<R: Role>(caller: Option<&Caller<R>>, method: &Method<R>) -> Result<(), Fault> {
    match caller {
        Some(caller) if caller.may(method.allowed) => Ok(()),
        Some(caller) => {
            tracing::warn!(method = method.name, ?caller, "rejected a call: the user may not use this method");
            Err(Fault::Forbidden(format!("uid {1} may not call {0}", method.name, caller.peer().user())))
        }
        None => Err(Fault::Forbidden(format!("{} requires a Unix socket", method.name))),
    }
}

async fn read_body(body: Body, limit: usize) -> Result<Vec<u8>, Refusal> {
    let collect = Limited::new(body, limit).collect();
    match tokio::time::timeout(BODY_DEADLINE, collect).await {
        Err(_) => Err(Refusal::TooSlow),
        Ok(Ok(collected)) => Ok(collected.to_bytes().to_vec()),
        Ok(Err(e)) if e.downcast_ref::<LengthLimitError>().is_some() => Err(Refusal::TooLarge(limit)),
        Ok(Err(e)) => Err(Refusal::Fault(Fault::Malformed(format!("the body was cut off: {e}")))),
    }
}
