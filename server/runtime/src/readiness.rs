//! Whether a service can do its work.

use axum::extract::RawQuery;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::sync::watch;
use tornado_rpc::{Stopping, problem_response};
use tornado_shared::problem::Problem;

/// Longest hold of a response about readiness; below the longest idle time of a connection.
const LONGEST_HOLD: Duration = Duration::from_secs(10);

/// Query of `GET /v1/ready`: the response is held while the service is as known, so that a change is reported at once and
/// without polling. Without it the response is immediate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HoldReady {
    /// What the caller knows: whether the service is ready.
    pub ready: bool,
    /// Milliseconds for which the response is held at most; 10,000 is the limit.
    pub hold_ms: u64,
}

/// Shows whether the service is ready; served as `GET /v1/ready`. The service holds the setter.
#[derive(Clone)]
pub struct Readiness(watch::Receiver<Result<(), String>>);

/// The service's end of [`Readiness`].
pub struct ReadySetter(watch::Sender<Result<(), String>>);

impl Readiness {
    /// Starts out as not ready, with a reason for people.
    #[must_use]
    pub fn new(reason: &str) -> (ReadySetter, Self) {
        let (sender, receiver) = watch::channel(Err(reason.to_owned()));
        (ReadySetter(sender), Self(receiver))
    }

    /// `Ok` when ready, else why not.
    ///
    /// # Errors
    /// The reason.
    pub fn get(&self) -> Result<(), String> {
        self.0.borrow().clone()
    }

    /// The route `/v1/ready`, which every caller with a role may read.
    pub fn router(self) -> Router {
        let ready = move |RawQuery(query): RawQuery, stopping: Option<Extension<Stopping>>| async move {
            match serde_urlencoded::from_str(&query.unwrap_or_default()) {
                Ok(held) => self.hold(held, stopping.map(|Extension(stopping)| stopping)).await,
                Err(error) => {
                    let detail = format!("in the query: {error}");
                    return problem_response(&Problem::new(400, "malformed", detail));
                }
            }
            self.response()
        };
        Router::new().route("/v1/ready", axum::routing::get(ready))
    }

    /// Waits until the service is not as the caller knows it, until its hold is over, or until the service ends.
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
    /// The service answers with its dependencies satisfied.
    pub fn ready(&self) {
        drop(self.0.send_replace(Ok(())));
    }

    /// The service cannot do its work now.
    pub fn not_ready(&self, reason: impl Into<String>) {
        drop(self.0.send_replace(Err(reason.into())));
    }
}
