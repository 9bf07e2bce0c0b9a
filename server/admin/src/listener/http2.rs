//! HTTP/2 over TLS: one connection for all event streams of a browser, of which HTTP/1.1 permits six.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tornado_rpc::Limits;
use tornado_runtime::Place;

/// Name of the protocol in ALPN (RFC 9113 §3.2).
pub const PROTOCOL: &[u8] = b"h2";
/// Maximum number of concurrent requests of a connection.
const STREAMS: u32 = 100;
/// Bytes that a client may send before they are read: for each request about the largest body, and for a connection.
const WINDOWS: (u32, u32) = (64 * 1024, 256 * 1024);
/// Pause between pings; a client that does not read also misses them.
const PING: Duration = Duration::from_secs(20);
/// Maximum time for the response to a ping.
const PONG: Duration = Duration::from_secs(10);
/// A connection without requests for this long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// Maximum time to close an idle connection.
const FAREWELL: Duration = Duration::from_secs(5);

/// Serves a connection until it ends, is idle, or `shutdown` is cancelled.
///
/// `admit` takes a place for one more request of the client, if one is free.
pub async fn serve<S, A>(stream: S, router: Router, admit: A, limits: Limits, shutdown: CancellationToken)
where
    A: Fn() -> Option<Place> + Clone + Send + Sync + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let load = watch::Sender::new(Load::default());
    let idle = wait_until_idle(load.subscribe());
    let router = router.layer(from_fn(as_http1)).layer(from_fn_with_state((load, admit), count::<A>));
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .max_header_list_size(u32::try_from(limits.max_headers).unwrap_or(u32::MAX))
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        () = idle => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(FAREWELL, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "HTTP/2 connection ended early");
    }
}

/// Requests of a connection.
#[derive(Default)]
struct Load {
    running: usize,
    /// Number of requests so far.
    started: u64,
}

async fn wait_until_idle(mut load: watch::Receiver<Load>) {
    loop {
        // The sender lives as long as the connection.
        let Ok(started) = load.wait_for(|load| load.running == 0).await.map(|load| load.started) else { return };
        if tokio::time::timeout(IDLE, load.wait_for(|load| load.started != started)).await.is_err() {
            return;
        }
    }
}

struct Running(watch::Sender<Load>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|load| load.running = load.running.saturating_sub(1));
    }
}

/// Counts a request until its response was sent.
async fn count<A>(State((load, admit)): State<(watch::Sender<Load>, A)>, request: Request, next: Next) -> Response
where
    A: Fn() -> Option<Place>,
{
    let Some(place) = admit() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "1")], "too many requests at the same time")
            .into_response();
    };
    load.send_modify(|load| {
        load.running = load.running.saturating_add(1);
        load.started = load.started.wrapping_add(1);
    });
    let running = Running(load);
    next.run(request).await.map(|body| {
        Body::new(body.map_err(move |error| {
            // The closure lives as long as the body.
            let _ = (&running, &place);
            error
        }))
    })
}

/// HTTP/2 has the host in `:authority`, and clients split cookies (RFC 9113 §8.3.1, §8.2.3). The routes read the
/// headers of HTTP/1.1.
async fn as_http1(mut request: Request, next: Next) -> Response {
    let authority = request.uri().authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    let headers = request.headers_mut();
    if let Some(authority) = authority {
        if headers.get(header::HOST).is_some_and(|host| *host != authority) {
            return (StatusCode::BAD_REQUEST, "the request has two different hosts").into_response();
        }
        headers.insert(header::HOST, authority);
    }
    let cookies: Vec<_> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(cookies) = HeaderValue::from_bytes(&cookies.join(b"; ".as_slice()))
    {
        headers.insert(header::COOKIE, cookies);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listener::Admissions;
    use axum::http::HeaderMap;
    use axum::routing::get;
    use http_body_util::Empty;
    use hyper::body::Bytes;
    use hyper::client::conn::http2::SendRequest;
    use std::net::IpAddr;
    use std::sync::Arc;
    use tokio::task::JoinHandle;

    /// A client of `router`, and the task that serves it.
    async fn connect(router: Router, stop: CancellationToken) -> (SendRequest<Empty<Bytes>>, JoinHandle<()>) {
        let admissions = Arc::new(Admissions::new(&[]));
        connect_to(router, move || admissions.request(IpAddr::from([192, 0, 2, 1])), stop).await
    }

    async fn connect_to(
        router: Router,
        admit: impl Fn() -> Option<Place> + Clone + Send + Sync + 'static,
        stop: CancellationToken,
    ) -> (SendRequest<Empty<Bytes>>, JoinHandle<()>) {
        let (here, there) = tokio::io::duplex(1 << 16);
        let server = tokio::spawn(serve(there, router, admit, Limits::default(), stop));
        let (client, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(here)).await.unwrap();
        tokio::spawn(connection);
        (client, server)
    }

    fn request(headers: &[(&str, &str)]) -> Request<Empty<Bytes>> {
        let mut request = Request::get("https://localhost:8000/seen");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Empty::new()).unwrap()
    }

    async fn seen(headers: HeaderMap) -> String {
        let all =
            |name| headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect::<Vec<_>>().join("|");
        format!("{} {}", all(header::HOST), all(header::COOKIE))
    }

    #[tokio::test]
    async fn routes_see_the_host_and_one_line_of_cookies() {
        let (mut client, _server) = connect(Router::new().route("/seen", get(seen)), CancellationToken::new()).await;
        let split = request(&[("cookie", "a=1"), ("cookie", "b=2")]);
        let body = client.send_request(split).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "localhost:8000 a=1; b=2");
        let other = client.send_request(request(&[("host", "console.evil.example")])).await.unwrap();
        assert_eq!(other.status(), StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn a_request_without_a_place_is_refused() {
        let (mut client, _server) =
            connect_to(Router::new().route("/seen", get(seen)), || None, CancellationToken::new()).await;
        let refused = client.send_request(request(&[])).await.unwrap();
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(refused.headers()["retry-after"], "1");
    }

    #[tokio::test(start_paused = true)]
    async fn an_idle_connection_is_closed_and_a_stream_is_not() {
        let endless = get(|| async { Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>()) });
        let router = Router::new().route("/seen", endless);
        let (mut client, server) = connect(router, CancellationToken::new()).await;
        let response = client.send_request(request(&[])).await.unwrap();
        tokio::time::sleep(10 * IDLE).await;
        assert!(!server.is_finished(), "a stream is open");
        drop(response);
        tokio::time::timeout(2 * IDLE, server).await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn shutdown_waits_for_running_requests() {
        let slow = get(|| async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            "done"
        });
        let stop = CancellationToken::new();
        let (mut client, server) = connect(Router::new().route("/seen", slow), stop.clone()).await;
        let running = tokio::spawn(async move { client.send_request(request(&[])).await.unwrap().status() });
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.cancel();
        assert_eq!(running.await.unwrap(), StatusCode::OK);
        server.await.unwrap();
    }
}
