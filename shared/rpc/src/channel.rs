//! The client side of a contract.

use crate::transport::{self, ClientStream};
use crate::verb::{self, Encoded, Verb, not_encoded};
use crate::{Fault, REQUEST_ID, RequestId, ServiceError};
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt as _};
use http::{Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::{Serialize, de::DeserializeOwned};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tower::util::BoxCloneSyncService;

/// Default maximum size of a reply. Bytes from a socket are hostile, even our own.
const MAX_REPLY: usize = 64 * 1024 * 1024;
/// Timeout for the head of a stream.
const OPENING: Duration = Duration::from_secs(15);
/// Maximum length of a line of an NDJSON stream.
const MAX_LINE: usize = 1024 * 1024;

/// Pooled connections to one service's socket. Cheap to clone; reconnects automatically.
#[derive(Clone)]
pub struct Channel {
    client: Client<Connector, Full<Bytes>>,
    socket: Arc<Path>,
    max_reply: usize,
}

impl Channel {
    /// Creates a channel to the service that listens on `socket`. It opens no connection before the first call.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        let socket: Arc<Path> = socket.into().into();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(32)
            .build(connector(socket.clone()));
        Self { client, socket, max_reply: MAX_REPLY }
    }

    /// Limits replies to `bytes` bytes instead of 64 MiB.
    #[must_use]
    pub const fn with_max_reply(mut self, bytes: usize) -> Self {
        self.max_reply = bytes;
        self
    }

    /// Calls a method. `path` starts with `/v1/`. The input becomes the query of a GET, or the JSON body of other
    /// methods.
    ///
    /// # Errors
    /// The service's own error, or a [`Fault`] converted to the contract's error.
    pub async fn call<V, I, O, E>(&self, verb: V, path: &str, input: &I, deadline: Duration) -> Result<O, E>
    where
        V: Verb,
        I: Serialize + Sync,
        O: DeserializeOwned,
        E: ServiceError,
    {
        let input = V::encode(path, input)?;
        match self.exchange(verb.method(), path, input, deadline).await {
            Ok((status, body)) if status.is_success() => serde_json::from_slice(&body)
                .map_err(|error| Fault::Internal(format!("{path}: invalid response: {error}")).into()),
            Ok((status, body)) => Err(E::from_response(status.as_u16(), &body)),
            Err(failed) => Err(failed.into_error(&self.socket)),
        }
    }

    /// The part of a call that is the same for all methods. An `async fn` would be compiled again in each crate that
    /// calls it, with the client of hyper; a boxed future is compiled here.
    fn exchange<'a>(
        &'a self,
        method: Method,
        path: &'a str,
        input: Encoded,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<(StatusCode, Bytes), Failed>> {
        let exchange = async move {
            let response = self.send(method, path, input).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), self.max_reply).collect().await;
            let cut_off = |e| Fault::Unavailable(format!("{}: the response to {path} was cut off: {e}", self.name()));
            Ok((status, body.map_err(cut_off)?.to_bytes()))
        };
        Box::pin(async move {
            let late = |_| Fault::Unavailable(format!("{} did not respond to {path} within {deadline:?}", self.name()));
            tokio::time::timeout(deadline, exchange).await.map_err(late)?
        })
    }

    /// Opens an NDJSON stream. It ends with the connection, or at the first line that cannot be parsed.
    ///
    /// # Errors
    /// As for [`call`](Self::call).
    pub async fn stream<I, O, E>(
        &self,
        path: &str,
        input: &I,
    ) -> Result<impl Stream<Item = O> + Send + Unpin + use<I, O, E>, E>
    where
        I: Serialize + Sync,
        O: DeserializeOwned + Send + 'static,
        E: ServiceError,
    {
        let input = verb::Query::encode(path, input)?;
        let lines = match self.open(path, input).await {
            Ok(Ok(lines)) => lines,
            Ok(Err((status, body))) => return Err(E::from_response(status.as_u16(), &body)),
            Err(failed) => return Err(failed.into_error(&self.socket)),
        };
        let items = lines
            .map(|line| serde_json::from_slice::<O>(line.as_bytes()).ok())
            .take_while(|item| std::future::ready(item.is_some()))
            .filter_map(std::future::ready);
        Ok(Box::pin(items))
    }

    /// The lines of a stream, or the response of a failed call.
    fn open<'a>(&'a self, path: &'a str, input: Encoded) -> BoxFuture<'a, Result<Opened, Failed>> {
        Box::pin(async move {
            let response = tokio::time::timeout(OPENING, self.send(Method::GET, path, input))
                .await
                .map_err(|_| Fault::Unavailable(format!("{} did not open {path} in time", self.name())))??;
            let status = response.status();
            if !status.is_success() {
                let body = Limited::new(response.into_body(), MAX_LINE).collect().await;
                return Ok(Err((status, body.map(|b| b.to_bytes()).unwrap_or_default())));
            }
            let bytes = response.into_body().into_data_stream().map(|chunk| chunk.map_err(io::Error::other));
            let reader = tokio_util::io::StreamReader::new(bytes);
            let codec = tokio_util::codec::LinesCodec::new_with_max_length(MAX_LINE);
            let lines = tokio_util::codec::FramedRead::new(reader, codec)
                .take_while(|line| std::future::ready(line.is_ok()))
                .filter_map(|line| std::future::ready(line.ok().filter(|l| !l.is_empty())));
            Ok(Ok(lines.boxed()))
        })
    }

    async fn send(&self, method: Method, path: &str, input: Encoded) -> Result<Response<Incoming>, Failed> {
        let mut request = Request::builder()
            .method(method)
            .uri(input.uri)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(input.body))
            .map_err(|error| not_encoded(path, &error))?;
        if let Some(id) = RequestId::current() {
            request.headers_mut().insert(REQUEST_ID, id.header());
        }
        self.client.request(request).await.map_err(|error| Failed::not_running(&error))
    }

    fn name(&self) -> String {
        self.socket.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// The lines of a stream, or status and body of another response.
type Opened = Result<BoxStream<'static, String>, (StatusCode, Bytes)>;

/// Why there is no response.
enum Failed {
    NotRunning(String),
    Fault(Fault),
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Failed {
    /// Uses the innermost cause, because the outer ones only say that a connection failed.
    fn not_running(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut cause = error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Self::NotRunning(cause.to_string())
    }

    fn into_error<E: ServiceError>(self, socket: &Path) -> E {
        match self {
            Self::NotRunning(reason) => E::not_running(socket, &reason),
            Self::Fault(fault) => fault.into(),
        }
    }
}

/// Opens connections to a socket.
type Connector = BoxCloneSyncService<Uri, TokioIo<ClientStream>, io::Error>;

fn connector(socket: Arc<Path>) -> Connector {
    BoxCloneSyncService::new(tower::service_fn(move |_: Uri| {
        let socket = socket.clone();
        async move { Ok(TokioIo::new(transport::connect(&socket).await?)) }
    }))
}
