//! Streams of a contract: NDJSON over one long GET, for callers with the right role.

use crate::MeshFault;
use crate::fault::ServiceError;
use crate::peer::{Caller, Role};
use crate::respond::{Method, authorise, error_response};
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use futures::{Stream, StreamExt as _};
use http::header;
use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

/// The media type of NDJSON streams.
const NDJSON: &str = "application/x-ndjson";

/// A GET route that streams lines to callers that have one of the roles. `open` is called for each caller
/// and gives a stream of JSON texts without line ends; it must bound what it keeps for a slow reader.
pub fn ndjson<E, F, Fut, S, L>(name: &'static str, allowed: &'static [Role], open: F) -> MethodRouter
where
    E: ServiceError,
    F: Fn() -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<S, E>> + Send,
    S: Stream<Item = L> + Send + 'static,
    L: AsRef<str>,
{
    get(move |request: Request| {
        let open = open.clone();
        async move {
            let method = Method { name, allowed, deadline: Duration::from_secs(5), max_body: 0 };
            if let Err(fault) = authorise(request.extensions().get::<Caller>(), &method) {
                return error_response(&E::from(fault));
            }
            match tokio::time::timeout(method.deadline, open()).await {
                Ok(Ok(lines)) => respond(lines),
                Ok(Err(error)) => error_response(&error),
                Err(_) => error_response(&E::from(MeshFault::Unavailable(format!("{name} did not open in time")))),
            }
        }
    })
}

fn respond<L: AsRef<str>>(lines: impl Stream<Item = L> + Send + 'static) -> Response {
    let chunks = lines.map(|line| Ok::<_, Infallible>(format!("{}\n", line.as_ref())));
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(chunks)).into_response()
}
