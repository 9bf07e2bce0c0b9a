//! The calling end.

use crate::error::HelperError;
use crate::model::{Connect, Devices, Enroll, Export, Exported, Login, RemoveDevice, Status, SwitchLane};
use crate::path;
use futures::{Stream, StreamExt as _};
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UnixStream;
use tornado_shared::api::{ChooseExit, OwnSessions, OwnUsage, SessionsQuery, TorView};

/// Largest answer, bytes.
const MAX_REPLY: usize = 256 * 1024;
/// A little longer than the helper's own limit for a call.
const DEADLINE: Duration = Duration::from_secs(65);

/// Speaks to a helper. One connection a call.
#[derive(Debug, Clone)]
pub struct HelperClient {
    socket: PathBuf,
}

impl HelperClient {
    /// A helper that listens on `socket`. Nothing is opened before the first call.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into() }
    }

    /// See [`Helper::enroll`](crate::Helper::enroll).
    pub async fn enroll(&self, input: &Enroll) -> Result<Status, HelperError> {
        self.call(Method::POST, path::ENROLL, input).await
    }

    /// See [`Helper::login`](crate::Helper::login).
    pub async fn login(&self, input: &Login) -> Result<Status, HelperError> {
        self.call(Method::POST, path::LOGIN, input).await
    }

    /// See [`Helper::connect`](crate::Helper::connect).
    pub async fn connect(&self, input: &Connect) -> Result<Status, HelperError> {
        self.call(Method::POST, path::CONNECT, input).await
    }

    /// See [`Helper::switch_lane`](crate::Helper::switch_lane).
    pub async fn switch_lane(&self, input: &SwitchLane) -> Result<Status, HelperError> {
        self.call(Method::POST, path::LANE, input).await
    }

    /// See [`Helper::new_identity`](crate::Helper::new_identity).
    pub async fn new_identity(&self) -> Result<Status, HelperError> {
        self.call(Method::POST, path::NEW_IDENTITY, &serde_json::json!({})).await
    }

    /// See [`Helper::export`](crate::Helper::export).
    pub async fn export(&self, input: &Export) -> Result<Exported, HelperError> {
        self.call(Method::POST, path::EXPORT, input).await
    }

    /// See [`Helper::tor`](crate::Helper::tor).
    pub async fn tor(&self) -> Result<TorView, HelperError> {
        self.call(Method::GET, path::TOR, &()).await
    }

    /// See [`Helper::choose_exit`](crate::Helper::choose_exit).
    pub async fn choose_exit(&self, input: &ChooseExit) -> Result<Status, HelperError> {
        self.call(Method::PUT, path::TOR_EXIT, input).await
    }

    /// See [`Helper::usage`](crate::Helper::usage).
    pub async fn usage(&self) -> Result<OwnUsage, HelperError> {
        self.call(Method::GET, path::USAGE, &()).await
    }

    /// See [`Helper::sessions`](crate::Helper::sessions).
    pub async fn sessions(&self, input: &SessionsQuery) -> Result<OwnSessions, HelperError> {
        self.call(Method::POST, path::SESSIONS, input).await
    }

    /// See [`Helper::devices`](crate::Helper::devices).
    pub async fn devices(&self) -> Result<Devices, HelperError> {
        self.call(Method::GET, path::DEVICES, &()).await
    }

    /// See [`Helper::remove_device`](crate::Helper::remove_device).
    pub async fn remove_device(&self, input: &RemoveDevice) -> Result<Devices, HelperError> {
        self.call(Method::DELETE, path::DEVICES, input).await
    }

    /// See [`Helper::disconnect`](crate::Helper::disconnect).
    pub async fn disconnect(&self) -> Result<Status, HelperError> {
        self.call(Method::POST, path::DISCONNECT, &serde_json::json!({})).await
    }

    /// See [`Helper::logout`](crate::Helper::logout).
    pub async fn logout(&self) -> Result<Status, HelperError> {
        self.call(Method::POST, path::LOGOUT, &serde_json::json!({})).await
    }

    /// The state now.
    pub async fn status(&self) -> Result<Status, HelperError> {
        self.call(Method::GET, path::STATUS, &()).await
    }

    /// The state now and each time it changes. Ends when the helper stops.
    pub async fn events(&self) -> Result<impl Stream<Item = Status> + Send + Unpin + use<>, HelperError> {
        let response = self.send(Method::GET, path::EVENTS, &()).await?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let bytes = response.into_body().into_data_stream().map(|chunk| chunk.map_err(io::Error::other));
        let codec = tokio_util::codec::LinesCodec::new_with_max_length(MAX_REPLY);
        let lines = tokio_util::codec::FramedRead::new(tokio_util::io::StreamReader::new(bytes), codec);
        let items = lines
            .map(|line| line.ok().and_then(|line| serde_json::from_str::<Status>(&line).ok()))
            .take_while(|item| std::future::ready(item.is_some()))
            .filter_map(std::future::ready);
        Ok(Box::pin(items))
    }

    async fn call<I: Serialize + Sync, O: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        input: &I,
    ) -> Result<O, HelperError> {
        let exchange = async {
            let response = self.send(method, path, input).await?;
            if !response.status().is_success() {
                return Err(refusal(response).await);
            }
            let body = Limited::new(response.into_body(), MAX_REPLY).collect().await;
            let body = body.map_err(|e| HelperError::Internal(format!("its answer broke off: {e}")))?.to_bytes();
            serde_json::from_slice(&body).map_err(|e| HelperError::Internal(format!("its answer makes no sense: {e}")))
        };
        let late = |_| HelperError::Internal("it did not answer in time".into());
        tokio::time::timeout(DEADLINE, exchange).await.map_err(late)?
    }

    async fn send<I: Serialize + Sync>(
        &self,
        method: Method,
        path: &str,
        input: &I,
    ) -> Result<Response<Incoming>, HelperError> {
        let gone = |e: &dyn std::fmt::Display| HelperError::NotRunning(format!("{}: {e}", self.socket.display()));
        let stream = UnixStream::connect(&self.socket).await.map_err(|e| gone(&e))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|e| gone(&e))?;
        tokio::spawn(connection);
        let body = if method == Method::GET { Vec::new() } else { serde_json::to_vec(input).unwrap_or_default() };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "helper")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| HelperError::Internal(e.to_string()))?;
        sender.send_request(request).await.map_err(|e| gone(&e))
    }
}

async fn refusal(response: Response<Incoming>) -> HelperError {
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_REPLY).collect().await;
    HelperError::from_answer(status, &body.map(|b| b.to_bytes()).unwrap_or_default())
}
