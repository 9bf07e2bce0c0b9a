//! Streams of a contract: NDJSON over one long GET, for callers with the right role.

use crate::request::within;
use crate::respond::{Method, authorise, error_response};
use crate::{Caller, Channel, Fault, NoInput, RequestId, Role, ServiceError};
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use http::header;
use serde::de::DeserializeOwned;
use std::convert::Infallible;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// The media type of NDJSON streams.
const NDJSON: &str = "application/x-ndjson";

/// One stream of a contract: a JSON text of type `T` per line. The service or the reader ends it.
pub struct Lines<R: 'static, T, E> {
    method: Method<R>,
    path: &'static str,
    item: PhantomData<fn() -> (T, E)>,
}

impl<R: Role, T: DeserializeOwned + Send + 'static, E: ServiceError> Lines<R, T, E> {
    /// Declares a stream that is read with `GET path`.
    #[must_use]
    pub const fn new(name: &'static str, path: &'static str, allowed: &'static [R]) -> Self {
        let method = Method { name, allowed, deadline: Duration::from_secs(5), max_body: 0 };
        Self { method, path, item: PhantomData }
    }

    /// The route of the stream. `open` is called for each reader and returns JSON texts without line ends. It must
    /// limit what it buffers for a slow reader.
    pub fn router<F, Fut, S, L>(self, open: F) -> Router
    where
        F: Fn() -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<S, E>> + Send,
        S: Stream<Item = L> + Send + 'static,
        L: AsRef<str>,
    {
        let Self { method, path, .. } = self;
        let read = move |request: Request| -> BoxFuture<'static, Response> {
            let open = open.clone();
            let id = RequestId::of(request.headers());
            let reply = async move {
                if let Err(fault) = authorise(request.extensions().get::<Caller<R>>(), &method) {
                    return error_response(&E::from(fault));
                }
                match tokio::time::timeout(method.deadline, open()).await {
                    Ok(Ok(lines)) => respond(lines),
                    Ok(Err(error)) => error_response(&error),
                    Err(_) => {
                        error_response(&E::from(Fault::Unavailable(format!("{} did not open in time", method.name))))
                    }
                }
            };
            Box::pin(within(id, reply))
        };
        mount(path, Arc::new(read))
    }

    /// Reads the stream. It ends with the connection, or at the first line that cannot be parsed.
    ///
    /// # Errors
    /// If the service does not respond or rejects the call.
    pub async fn open(self, channel: &Channel) -> Result<impl Stream<Item = T> + Send + Unpin + use<R, T, E>, E> {
        channel.stream::<_, T, E>(self.path, &NoInput {}).await
    }
}

/// Without type parameters, so that it is compiled once.
fn mount(path: &'static str, read: Arc<dyn Fn(Request) -> BoxFuture<'static, Response> + Send + Sync>) -> Router {
    Router::new().route(path, get(move |request: Request| read(request)))
}

fn respond<L: AsRef<str>>(lines: impl Stream<Item = L> + Send + 'static) -> Response {
    send(lines.map(|line| Ok(format!("{}\n", line.as_ref()))).boxed())
}

fn send(chunks: BoxStream<'static, Result<String, Infallible>>) -> Response {
    ([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(chunks)).into_response()
}
