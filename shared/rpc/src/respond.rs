//! Converts results to HTTP responses. No other module does this.

use crate::caller::as_caller;
use crate::observer::{CALLS, Observed};
use crate::request::within;
use crate::{Caller, Fault, RequestId, Role, ServiceError};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use futures::future::BoxFuture;
use http::{HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
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

/// A request whose input is not parsed yet.
enum Input {
    Query(String),
    Body(Vec<u8>),
}

impl Input {
    fn parse<I: DeserializeOwned>(&self) -> Result<I, Fault> {
        match self {
            Self::Query(query) => {
                serde_urlencoded::from_str(query).map_err(|error| Fault::Malformed(format!("query: {error}")))
            }
            Self::Body(bytes) => {
                let bytes = if bytes.is_empty() { b"{}".as_slice() } else { bytes };
                serde_json::from_slice(bytes).map_err(|error| Fault::Malformed(error.to_string()))
            }
        }
    }
}

/// The encoded output of a call, or its error.
type Outcome = Result<Vec<u8>, Box<Problem>>;

/// Parses the input, and returns the call that has yet to run.
type Start = dyn Fn(Input) -> Result<BoxFuture<'static, Outcome>, Fault> + Send + Sync;

/// Adds a method to a router. Only parsing, the call and encoding are compiled for each method; the rest, in particular
/// what axum and tokio compile for each type of handler and task, once.
pub fn serve<R, I, O, E, F, Fut>(
    router: Router,
    verb: MethodFilter,
    path: &'static str,
    method: &'static Method<R>,
    call: F,
) -> Router
where
    R: Role,
    I: DeserializeOwned + Send + 'static,
    O: Serialize + Send + 'static,
    E: ServiceError,
    F: Fn(I) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<O, E>> + Send + 'static,
{
    let start = move |input: Input| {
        let work = call(input.parse()?);
        let work =
            async move { work.await.map_err(|error| problem(method.name, &error)).and_then(|output| encode(&output)) };
        Ok(Box::pin(work) as BoxFuture<'static, Outcome>)
    };
    mount(router, verb, path, method, Arc::new(start), |fault| Box::new(E::from(fault).to_problem()))
}

fn mount<R: Role>(
    router: Router,
    verb: MethodFilter,
    path: &'static str,
    method: &'static Method<R>,
    start: Arc<Start>,
    refuse: fn(Fault) -> Box<Problem>,
) -> Router {
    let handler = move |request: Request| handle(method, request, start.clone(), refuse);
    router.route(path, on(verb, handler))
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
async fn handle<R: Role>(
    method: &'static Method<R>,
    request: Request,
    start: Arc<Start>,
    refuse: fn(Fault) -> Box<Problem>,
) -> Response {
    within(RequestId::of(request.headers()), async {
        let began = Instant::now();
        let observed = request.extensions().get::<Observed>().cloned();
        let response = match answer(method, request, start, refuse).await {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(problem) => problem_response(&problem),
        };
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

/// Extracts, authorises and calls. A change continues after the caller disconnects or the deadline passes, so that it
/// is not left halfway. After [`OVERTIME`] deadlines it is cancelled.
async fn answer<R: Role>(
    method: &'static Method<R>,
    request: Request,
    start: Arc<Start>,
    refuse: fn(Fault) -> Box<Problem>,
) -> Outcome {
    let overtime = if request.method() == http::Method::GET { 1 } else { OVERTIME };
    let caller = request.extensions().get::<Caller<R>>().cloned();
    let input = admit(method, request).await.map_err(|refusal| refusal.into_problem(refuse))?;
    let call = start(input).map_err(refuse)?;
    let work = tokio::time::timeout(method.deadline * overtime, call);
    let work = within(RequestId::current(), as_caller(caller, work));
    match tokio::time::timeout(method.deadline, tokio::spawn(work)).await {
        Ok(Ok(Ok(outcome))) => outcome,
        Err(_) | Ok(Ok(Err(_))) => {
            Err(refuse(Fault::Unavailable(format!("{} took longer than {:?}", method.name, method.deadline))))
        }
        Ok(Err(panic)) => {
            tracing::error!(method = method.name, %panic, "handler panicked");
            Err(refuse(Fault::Internal("the call panicked; see the log".into())))
        }
    }
}

async fn admit<R: Role>(method: &Method<R>, request: Request) -> Result<Input, Refusal> {
    authorise(request.extensions().get::<Caller<R>>(), method).map_err(Refusal::Fault)?;
    if request.method() == http::Method::GET {
        return Ok(Input::Query(request.uri().query().unwrap_or_default().to_owned()));
    }
    read_body(request.into_body(), method.max_body).await.map(Input::Body)
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
