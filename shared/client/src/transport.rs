//! HTTPS with bounds on everything.

use crate::Error;
use crate::pin::{SpkiVerifier, is_certificate_refusal};
use reqwest::header::{ACCEPT, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Method, Response};
use serde::{Serialize, de::DeserializeOwned};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tornado_shared::crypto::identity::Fingerprint;
use tornado_shared::invitation::ServerAddress;
use tornado_shared::model::Secret;
use tornado_shared::problem::MEDIA_TYPE;
use zeroize::Zeroizing;

/// Largest answer that is read, bytes. The largest of the API, `/openapi.json` apart, has a few kilobytes.
const MAX_REPLY: usize = 256 * 1024;

/// Bounds and addresses of a client.
#[derive(Debug, Clone)]
pub struct Options {
    /// Addresses to use instead of resolving the host's name. Empty: ask the resolver.
    pub addresses: Vec<SocketAddr>,
    /// Longest time for a TCP connection and TLS handshake.
    pub connect_timeout: Duration,
    /// Longest time for a whole call. A login spends up to a few seconds in Argon2.
    pub call_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { addresses: Vec::new(), connect_timeout: Duration::from_secs(8), call_timeout: Duration::from_secs(25) }
    }
}

/// One server, reached over one believed TLS key.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    client: Client,
    base: String,
    verifier: Arc<SpkiVerifier>,
}

impl Transport {
    pub(crate) fn new(server: &ServerAddress, pin: Option<Fingerprint>, options: &Options) -> Result<Self, Error> {
        let verifier = SpkiVerifier::new(pin);
        let mut builder = Client::builder()
            .tls_backend_preconfigured(verifier.config()?)
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(options.connect_timeout)
            .timeout(options.call_timeout)
            .pool_idle_timeout(Duration::from_secs(20))
            .pool_max_idle_per_host(1)
            .user_agent(concat!("tornado/", env!("CARGO_PKG_VERSION")));
        if !options.addresses.is_empty() {
            builder = builder.resolve_to_addrs(&server.host, &options.addresses);
        }
        let client = builder.build().map_err(|e| Error::Setup(e.to_string()))?;
        Ok(Self { client, base: format!("https://{server}"), verifier })
    }

    pub(crate) fn accepted(&self) -> Option<Fingerprint> {
        self.verifier.accepted()
    }

    /// One call.
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
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        request = request.header(ACCEPT, format!("application/json, {MEDIA_TYPE}"));
        if let Some(token) = token {
            request = request.bearer_auth(token.expose());
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|e| failure(&e))?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(seconds);
        let body = read_bounded(response).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|e| Error::Malformed(format!("{path}: {e}")));
        }
        Err(Error::from_answer(status.as_u16(), &body, retry_after))
    }
}

fn seconds(value: &HeaderValue) -> Option<u64> {
    value.to_str().ok()?.trim().parse().ok()
}

/// Answers hold tokens, so the buffer is wiped.
async fn read_bounded(mut response: Response) -> Result<Zeroizing<Vec<u8>>, Error> {
    let mut body = Zeroizing::new(Vec::with_capacity(4096));
    while let Some(chunk) = response.chunk().await.map_err(|e| failure(&e))? {
        if body.len() + chunk.len() > MAX_REPLY {
            return Err(Error::Malformed(format!("longer than {MAX_REPLY} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failure(error: &reqwest::Error) -> Error {
    if is_certificate_refusal(error) {
        return Error::WrongCertificate;
    }
    if error.is_timeout() {
        return Error::Timeout;
    }
    // The deepest cause says it best: "Connection refused", not "error sending request".
    let mut cause: &dyn std::error::Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    Error::Unreachable(cause.to_string())
}
