//! Readiness of a service.

use axum::extract::RawQuery;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::watch;
use tornado_rpc::{Stopping, problem_response};
use tornado_shared::problem::Problem;

/// Longest time for which a readiness response is held; shorter than the idle timeout of a connection.
const LONGEST_HOLD: Duration = Duration::from_secs(10);

/// Query of `GET /v1/ready`. The service holds the response while its readiness equals `ready`, so that the caller
/// learns of a change immediately without polling. Without the query the response is immediate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HoldReady {
    /// Readiness as the caller knows it.
    pub ready: bool,
    /// Longest time to hold the response, in milliseconds; values above 10,000 count as 10,000.
    pub hold_ms: u64,
}

/// Readable end of a service's readiness, served as `GET /v1/ready`.
#[derive(Clone)]
pub struct Readiness(watch::Receiver<Result<(), String>>);

/// Writable end of [`Readiness`].
pub struct ReadySetter(watch::Sender<Result<(), String>>);

impl Readiness {
    /// Starts as not ready. `reason` is text for an operator.
    #[must_use]
    pub fn new(reason: &str) -> (ReadySetter, Self) {
        let (sender, receiver) = watch::channel(Err(reason.to_owned()));
        (ReadySetter(sender), Self(receiver))
    }

    /// Returns `Ok` if the service is ready.
    ///
    /// # Errors
    /// The reason why it is not ready.
    pub fn get(&self) -> Result<(), String> {
        self.0.borrow().clone()
    }

    /// The route `/v1/ready`. Every caller with a role may read it.
    pub fn router(self) -> Router {
        let ready = move |RawQuery(query): RawQuery, stopping: Option<Extension<Stopping>>| async move {
            match serde_urlencoded::from_str(&query.unwrap_or_default()) {
                Ok(held) => self.hold(held, stopping.map(|Extension(stopping)| stopping)).await,
                Err(error) => {
                    let detail = format!("invalid query: {error}");
                    return problem_response(&Problem::new(400, "malformed", detail));
                }
            }
            self.response()
        };
        Router::new().route("/v1/ready", axum::routing::get(ready))
    }

    /// Waits until readiness differs from what the caller knows, the hold time is over, or the service shuts down.
    async fn hold(&self, held: HoldReady, stopping: Option<Stopping>) {
        let hold = Duration::from_millis(held.hold_ms).min(LONGEST_HOLD);
        if hold.is_zero() {
            return;
        }
        let mut readiness = self.0.clone();
        let stopped = async {
            match stopping {
                Some(Stopping(token)) => token.cancelled_owned().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = readiness.wait_for(|now| now.is_ok() != held.ready) => {}
            () = tokio::time::sleep(hold) => {}
            () = stopped => {}
        }
    }

    fn response(&self) -> Response {
        match self.get() {
            Ok(()) => axum::Json(serde_json::json!({ "ready": true })).into_response(),
            Err(reason) => problem_response(&Problem::new(503, "not_ready", reason)),
        }
    }
}

impl ReadySetter {
    /// Marks the service as ready.
    pub fn ready(&self) {
        drop(self.0.send_replace(Ok(())));
    }

    /// Marks the service as not ready, with the reason.
    pub fn not_ready(&self, reason: impl Into<String>) {
        drop(self.0.send_replace(Err(reason.into())));
    }
}
