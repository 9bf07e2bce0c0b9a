//! One HTTP/1.1 connection with deadlines. Callers that never finish their headers get a response too.

use axum::Router;
use futures::future::BoxFuture;
use http::{Extensions, Request, StatusCode};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;
use tornado_shared::problem::{MEDIA_TYPE, Problem};
use tower::ServiceExt as _;

/// Maximum time for the final response and for draining the connection.
const FAREWELL: Duration = Duration::from_secs(2);
/// Maximum time to wait for the first bytes of a rejected connection.
const FIRST_WORD: Duration = Duration::from_secs(1);
/// Maximum number of bytes of a rejected request that are read and discarded, so that a reset does not discard the
/// response.
const DRAIN: u64 = 1024 * 1024;

/// Limits of one listening socket.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of connections served concurrently. Further ones wait for at most `header_read`.
    pub connections: usize,
    /// Maximum number of rejected connections that get a response concurrently. Further ones are closed without one.
    pub strangers: usize,
    /// Timeout for a request's headers, and for an idle connection between requests.
    pub header_read: Duration,
    /// Maximum size of the headers, bytes.
    pub max_headers: usize,
    /// Maximum time without progress while a response is written.
    pub write_stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            strangers: 32,
            header_read: Duration::from_secs(30),
            max_headers: 16 * 1024,
            write_stall: Duration::from_secs(30),
        }
    }
}

/// Any stream.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}

/// Serves HTTP/1.1 on one stream until it ends or `shutdown` is cancelled. It supports no upgrades. Headers that are
/// too slow or too large end the connection with 408 or 431. A caller that does not read its response is disconnected.
///
/// `mark` adds the properties of the connection to each request. Unlike a layer, it does not copy the routes for each
/// connection.
pub fn serve_connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    mark: impl Fn(&mut Extensions) + Send + Sync + 'static,
    limits: Limits,
    shutdown: CancellationToken,
) -> BoxFuture<'static, ()> {
    serve_any(Box::new(stream), router, Box::new(mark), limits, shutdown)
}

/// Adds the properties of a connection to a request.
type Mark = dyn Fn(&mut Extensions) + Send + Sync;

/// Without type parameters and boxed, so that hyper's server is compiled once, in this crate.
fn serve_any(
    stream: Box<dyn Duplex>,
    router: Router,
    mark: Box<Mark>,
    limits: Limits,
    shutdown: CancellationToken,
) -> BoxFuture<'static, ()> {
    Box::pin(serve(stream, router, mark, limits, shutdown))
}

async fn serve(
    mut stream: Box<dyn Duplex>,
    router: Router,
    mark: Box<Mark>,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        mark(request.extensions_mut());
        router.clone().oneshot(request)
    });
    let mut watched = Watched { stream: &mut stream, unanswered: false, stall: limits.write_stall, stalled: None };
    let result = {
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read)
            .max_buf_size(limits.max_headers)
            .serve_connection(TokioIo::new(&mut watched), service);
        let mut connection = std::pin::pin!(connection);
        tokio::select! {
            result = connection.as_mut() => result,
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    let unanswered = watched.unanswered;
    let late = match &result {
        // A rejected body may still be in flight after the response was sent.
        Ok(()) => false,
        Err(error) if error.is_timeout() && unanswered => true,
        Err(error) if error.is_parse() => false,
        Err(error) => return tracing::debug!(%error, "connection ended early"),
    };
    let problem = Problem::new(408, "too_slow", "the headers did not arrive in time; send the request again");
    drop(tokio::time::timeout(FAREWELL, farewell(stream, late.then_some(&problem))).await);
}

/// Sends this response, whatever the request is, and closes the connection.
pub(crate) async fn turn_away<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, problem: &Problem) {
    // Wait for the first bytes: a response before a request is an error for some clients.
    let mut first = [0; 1024];
    drop(tokio::time::timeout(FIRST_WORD, stream.read(&mut first)).await);
    drop(tokio::time::timeout(FAREWELL, farewell(stream, Some(problem))).await);
}

/// Responds to a request that hyper has not responded to (hyper itself responds to malformed and too large headers).
/// Then reads a little more, because closing with unread bytes resets the connection and discards the response.
async fn farewell<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, problem: Option<&Problem>) -> io::Result<()> {
    if let Some(problem) = problem {
        let body = serde_json::to_string(problem)?;
        let length = body.len();
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {MEDIA_TYPE}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
    }
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(DRAIN), &mut tokio::io::sink()).await?;
    Ok(())
}

/// Records whether bytes arrived after the latest response; only then is the caller waiting for one. Fails a write that
/// makes no progress for `stall`.
struct Watched<'a, S> {
    stream: &'a mut S,
    unanswered: bool,
    stall: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl<S> Watched<'_, S> {
    fn bounded<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stall = self.stall;
        let sleep = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(stall)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the caller does not read its response")))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<'_, S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut *self.stream).poll_read(cx, buf))?;
        self.unanswered |= buf.filled().len() > before;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<'_, S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.unanswered = false;
        let written = Pin::new(&mut *self.stream).poll_write(cx, bytes);
        self.bounded(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.unanswered = false;
        let written = Pin::new(&mut *self.stream).poll_write_vectored(cx, bufs);
        self.bounded(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut *self.stream).poll_flush(cx);
        self.bounded(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut *self.stream).poll_shutdown(cx);
        self.bounded(cx, shut)
    }
}
