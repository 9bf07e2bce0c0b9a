//! HTTPS with limits on sizes and times.

use crate::Error;
use crate::dial::{Connector, Dialer};
use crate::events::EventStream;
use crate::failure::failure;
use crate::pin::SpkiVerifier;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tornado_shared::crypto::identity::Fingerprint;
use tornado_shared::invitation::ServerAddress;
use tornado_shared::model::Secret;
use tornado_shared::problem::MEDIA_TYPE;
use zeroize::Zeroizing;

/// Maximum size of a response, bytes. The largest response of the API, apart from `/openapi.json`, has a few kilobytes.
const MAX_REPLY: usize = 256 * 1024;
/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(20);
const CHANGED: &str = "the network changed during the call";

/// Limits and addresses of a client.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses to use instead of resolving the host name, best first; they are raced. If empty, the resolver is used.
    pub addresses: Vec<SocketAddr>,
    /// Timeout of a TCP connection with its TLS handshake.
    pub connect_timeout: Duration,
    /// Timeout of a whole call. A login spends up to a few seconds in Argon2.
    pub call_timeout: Duration,
    /// Mark of the sockets (`SO_MARK`), with which a tunnel's routing lets them bypass it.
    pub mark: Option<u32>,
    /// Changes with the network: connections are then dropped, and calls in progress fail at once.
    pub network: Option<watch::Receiver<u64>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            connect_timeout: Duration::from_secs(8),
            call_timeout: Duration::from_secs(25),
            mark: None,
            network: None,
        }
    }
}

type Https = Client<Connector, Full<Bytes>>;

/// One server, reached with one accepted TLS key.
#[derive(Clone)]
pub(crate) struct Transport {
    dialer: Dialer,
    /// The client, and the number of the network in which its connections were made.
    client: Arc<Mutex<(u64, Https)>>,
    network: Option<watch::Receiver<u64>>,
    base: String,
    call_timeout: Duration,
    verifier: Arc<SpkiVerifier>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Transport {
    pub(crate) fn new(server: &ServerAddress, pin: Option<Fingerprint>, options: &Options) -> Result<Self, Error> {
        let verifier = SpkiVerifier::new(pin);
        let (mark, timeout) = (options.mark, options.connect_timeout);
        let dialer = Dialer::new(server, options.addresses.clone(), verifier.config()?, mark, timeout)?;
        let network = options.network.clone();
        let now = network.as_ref().map_or(0, |network| *network.borrow());
        Ok(Self {
            client: Arc::new(Mutex::new((now, https(&dialer)))),
            dialer,
            network,
            base: format!("https://{server}"),
            call_timeout: options.call_timeout,
            verifier,
        })
    }

    pub(crate) fn accepted(&self) -> Option<Fingerprint> {
        self.verifier.accepted()
    }

    pub(crate) fn proved(&self) -> Option<SocketAddr> {
        self.dialer.proved()
    }

    /// Makes one call.
    pub(crate) async fn call<I, O>(
        &self,
        method: Method,
        path: &str,
        token: Option<&Secret>,
        body: Option<&I>,
    ) -> Result<O, Error>
    where
        I: Serialize + Sync,
        O: DeserializeOwned,
    {
        let exchange = async {
            let response = self.send(method, path, token, body, "application/json").await?;
            let status = response.status();
            let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
            let body = read_bounded(response.into_body()).await?;
            if status.is_success() {
                return serde_json::from_slice(&body).map_err(|e| Error::Malformed(format!("{path}: {e}")));
            }
            Err(Error::from_answer(status.as_u16(), &body, retry_after))
        };
        tokio::select! {
            outcome = tokio::time::timeout(self.call_timeout, exchange) => outcome.map_err(|_| Error::Timeout)?,
            () = self.changed() => Err(Error::Unreachable(CHANGED.into())),
        }
    }

    /// Opens a stream of server-sent events. Only opening it has a timeout; the stream ends when the network changes.
    pub(crate) async fn events(&self, path: &str, token: &Secret) -> Result<EventStream, Error> {
        let open = self.send(Method::GET, path, Some(token), None::<&()>, "text/event-stream");
        let response = tokio::select! {
            opened = tokio::time::timeout(self.call_timeout, open) => opened.map_err(|_| Error::Timeout)??,
            () = self.changed() => return Err(Error::Unreachable(CHANGED.into())),
        };
        let status = response.status();
        if !status.is_success() {
            let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
            let body = read_bounded(response.into_body()).await?;
            return Err(Error::from_answer(status.as_u16(), &body, retry_after));
        }
        Ok(EventStream::new(response.into_body(), self.network.clone()))
    }

    async fn send<I: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        token: Option<&Secret>,
        body: Option<&I>,
        accept: &str,
    ) -> Result<Response<Incoming>, Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(ACCEPT, format!("{accept}, {MEDIA_TYPE}"))
            .header(USER_AGENT, concat!("tornado/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = token {
            let value = Zeroizing::new(format!("Bearer {}", token.expose()));
            let mut value = HeaderValue::from_str(&value).map_err(|e| Error::Setup(e.to_string()))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let bytes = match body {
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                serde_json::to_vec(body).map_err(|e| Error::Malformed(e.to_string()))?
            }
            None => Vec::new(),
        };
        let request = request.body(Full::new(Bytes::from(bytes))).map_err(|e| Error::Setup(e.to_string()))?;
        self.client().request(request).await.map_err(|e| failure(&e))
    }

    /// The client for the current network. Connections from a previous network are dead, which TCP notices only after
    /// minutes.
    fn client(&self) -> Https {
        let mut client = self.client.lock();
        let now = self.network.as_ref().map_or(0, |network| *network.borrow());
        if client.0 != now {
            *client = (now, https(&self.dialer));
        }
        client.1.clone()
    }

    async fn changed(&self) {
        let Some(mut network) = self.network.clone() else { return std::future::pending().await };
        network.mark_unchanged();
        if network.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

fn https(dialer: &Dialer) -> Https {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(1)
        .build(dialer.connector())
}

fn seconds(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.trim().parse().ok()
}

/// Responses contain tokens, so the buffer is zeroised.
async fn read_bounded(mut response: Incoming) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    while let Some(frame) = response.frame().await {
        let Ok(chunk) = frame.map_err(|e| failure(&e))?.into_data() else { continue };
        if body.len() + chunk.len() > MAX_REPLY {
            return Err(Error::Malformed(format!("longer than {MAX_REPLY} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
