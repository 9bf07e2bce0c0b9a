//! Converts results to HTTP responses. No other module does this.

use crate::caller::{AnyCaller, as_caller};
use crate::observer::{CALLS, Observed};
use crate::request::within;
use crate::verb::Verb;
use crate::{Caller, Fault, RequestId, Role, ServiceError};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use futures::future::BoxFuture;
use http::{Extensions, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use std::future::Future;
use std::sync::Arc;
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
    fn into_problem(self, refuse: fn(Fault) -> Box<Problem>) -> Box<Problem> {
        match self {
            Self::Fault(fault) => refuse(fault),
            Self::TooLarge(limit) => {
                let detail = format!("the request is larger than {limit} bytes; nothing was changed");
                Box::new(Problem::new(413, "too_large", detail))
            }
            Self::TooSlow => {
                let detail = "the request did not arrive within 5 seconds; nothing was changed";
                Box::new(Problem::new(408, "too_slow", detail))
            }
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

/// The encoded output of a call, or its error.
type Outcome = Result<Vec<u8>, Box<Problem>>;

/// Parses the query or the body, and returns the call that has yet to run.
type Start = dyn Fn(&[u8]) -> Result<BoxFuture<'static, Outcome>, Fault> + Send + Sync;

/// Returns the caller if it may call the method.
type Authorise = dyn Fn(&Extensions) -> Result<AnyCaller, Fault> + Send + Sync;

/// A method without the types of its contract.
struct Endpoint {
    name: &'static str,
    deadline: Duration,
    max_body: usize,
    in_query: bool,
    authorise: Box<Authorise>,
    start: Box<Start>,
    /// The response of the contract to a failed call.
    refuse: fn(Fault) -> Box<Problem>,
}

/// Adds a method to a router. Only parsing, the call and encoding are compiled for each method. The rest is compiled
/// once, in this crate, in particular what axum and tokio compile for each type of handler and task.
pub fn serve<V, R, I, O, E, F, Fut>(
    router: Router,
    verb: V,
    path: &'static str,
    method: &'static Method<R>,
    call: F,
) -> Router
where
    V: Verb,
    R: Role,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: ServiceError,
    F: Fn(I) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, E>> + Send + 'static,
{
    let start = move |input: &[u8]| -> Result<BoxFuture<'static, Outcome>, Fault> {
        let work = call(V::parse(input)?);
        Ok(Box::pin(async move {
            match work.await {
                Ok(output) => encode(&output),
                Err(error) => Err(problem(method.name, &error)),
            }
        }))
    };
    let authorise = move |extensions: &Extensions| -> Result<AnyCaller, Fault> {
        Ok(Arc::new(authorise(extensions.get::<Caller<R>>(), method)?.clone()))
    };
    let endpoint = Endpoint {
        name: method.name,
        deadline: method.deadline,
        max_body: method.max_body,
        in_query: V::IN_QUERY,
        authorise: Box::new(authorise),
        start: Box::new(start),
        refuse: |fault| Box::new(E::from(fault).to_problem()),
    };
    mount(router, verb.filter(), path, endpoint)
}

fn mount(router: Router, filter: MethodFilter, path: &'static str, endpoint: Endpoint) -> Router {
    let endpoint = Arc::new(endpoint);
    router.route(path, on(filter, move |request: Request| handle(endpoint.clone(), request)))
}

fn problem<E: ServiceError>(method: &str, error: &E) -> Box<Problem> {
    if error.status() >= 500 {
        tracing::warn!(method, code = error.code(), %error, "call failed");
    }
    Box::new(error.to_problem())
}

fn encode<O: Serialize>(output: &O) -> Outcome {
    let failed = |error| Box::new(Problem::new(500, "internal", format!("cannot encode the output: {error}")));
    serde_json::to_vec(output).map_err(failed)
}

/// Answers a request, and reports the answer to the server's observer and to the log.
async fn handle(endpoint: Arc<Endpoint>, request: Request) -> Response {
    within(RequestId::of(request.headers()), async {
        let began = Instant::now();
        let observed = request.extensions().get::<Observed>().cloned();
        let response = match answer(&endpoint, request).await {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(problem) => problem_response(&problem),
        };
        let (status, took) = (response.status().as_u16(), began.elapsed());
        if let Some(Observed(observer)) = observed {
            observer.answered(endpoint.name, status, took);
        }
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        tracing::debug!(target: CALLS, method = endpoint.name, status, us, "call");
        response
    })
    .await
}

/// Extracts, authorises and calls. A change continues after the caller disconnects or the deadline passes, so that it
/// is not left halfway. After [`OVERTIME`] deadlines it is cancelled.
async fn answer(endpoint: &Endpoint, request: Request) -> Outcome {
    let caller = (endpoint.authorise)(request.extensions()).map_err(endpoint.refuse)?;
    let input = input(endpoint, request).await.map_err(|refusal| refusal.into_problem(endpoint.refuse))?;
    let call = (endpoint.start)(&input).map_err(endpoint.refuse)?;
    let overtime = if endpoint.in_query { 1 } else { OVERTIME };
    let work = tokio::time::timeout(endpoint.deadline * overtime, call);
    let work = within(RequestId::current(), as_caller(caller, work));
    match tokio::time::timeout(endpoint.deadline, tokio::spawn(work)).await {
        Ok(Ok(Ok(outcome))) => outcome,
        Err(_) | Ok(Ok(Err(_))) => {
            let detail = format!("{} took longer than {:?}", endpoint.name, endpoint.deadline);
            Err((endpoint.refuse)(Fault::Unavailable(detail)))
        }
        Ok(Err(panic)) => {
            tracing::error!(method = endpoint.name, %panic, "handler panicked");
            Err((endpoint.refuse)(Fault::Internal("the call panicked; see the log".into())))
        }
    }
}

/// The query or the body.
async fn input(endpoint: &Endpoint, request: Request) -> Result<Bytes, Refusal> {
    if endpoint.in_query {
        return Ok(Bytes::copy_from_slice(request.uri().query().unwrap_or_default().as_bytes()));
    }
    read_body(request.into_body(), endpoint.max_body).await
}

pub(crate) fn authorise<'a, R: Role>(
    caller: Option<&'a Caller<R>>,
    method: &Method<R>,
) -> Result<&'a Caller<R>, Fault> {
    match caller {
        Some(caller) if caller.may(method.allowed) => Ok(caller),
        Some(caller) => {
            tracing::warn!(method = method.name, ?caller, "rejected a call: the user may not use this method");
            Err(Fault::Forbidden(format!("uid {1} may not call {0}", method.name, caller.peer().user())))
        }
        None => Err(Fault::Forbidden(format!("{} requires a Unix socket", method.name))),
    }
}

async fn read_body(body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let collect = Limited::new(body, limit).collect();
    match tokio::time::timeout(BODY_DEADLINE, collect).await {
        Err(_) => Err(Refusal::TooSlow),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(e)) if e.downcast_ref::<LengthLimitError>().is_some() => Err(Refusal::TooLarge(limit)),
        Ok(Err(e)) => Err(Refusal::Fault(Fault::Malformed(format!("the body was cut off: {e}")))),
    }
}
