//! Server-sent events that are read from a service in a loop, one loop per reader.

use crate::http::limits::Place;
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;
use tornado_admin_api::{AdminError, AdminResult};
use tornado_runtime::rest;

/// Pause between comments on a quiet stream; shorter than the timeouts of reverse proxies.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// Pause after a failure of the service.
const RETRY: Duration = Duration::from_secs(2);
/// Failures in a row after which a stream ends.
const FAILURES: u32 = 5;

/// A source of events for one reader.
pub trait Source: Send + 'static {
    /// Waits for the next events; there may be none yet.
    fn next(&mut self) -> impl Future<Output = AdminResult<Vec<sse::Event>>> + Send;
}

struct State<S> {
    source: S,
    ready: VecDeque<sse::Event>,
    failures: u32,
    has_ended: bool,
    _place: Place,
}

/// The response that sends the events of `source`. A refusal, or the last of several failures in a row, is sent as the
/// event `problem` before the end.
pub fn response(source: impl Source, place: Place) -> Response {
    let state = State { source, ready: VecDeque::new(), failures: 0, has_ended: false, _place: place };
    let events = futures::stream::unfold(state, |mut state| async move {
        let event = state.next().await?;
        Some((Ok::<_, Infallible>(event), state))
    });
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    ([("x-accel-buffering", "no")], Sse::new(events).keep_alive(keep_alive)).into_response()
}

impl<S: Source> State<S> {
    async fn next(&mut self) -> Option<sse::Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.has_ended {
                return None;
            }
            match self.source.next().await {
                Ok(events) => {
                    self.failures = 0;
                    self.ready.extend(events);
                }
                Err(error) => {
                    self.failures += 1;
                    let is_refused = (400..500).contains(&error.status()) && error.status() != 429;
                    if is_refused || self.failures >= FAILURES {
                        self.has_ended = true;
                        return Some(sse::Event::default().event("problem").data(problem_text(&error)));
                    }
                    rest(RETRY).await;
                }
            }
        }
    }
}

fn problem_text(error: &AdminError) -> String {
    serde_json::to_string(&error.0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::limits::Places;
    use axum::body::to_bytes;
    use std::sync::Arc;

    /// Answers in this order.
    struct Script(VecDeque<AdminResult<Vec<sse::Event>>>);

    impl Source for Script {
        async fn next(&mut self) -> AdminResult<Vec<sse::Event>> {
            self.0.pop_front().unwrap()
        }
    }

    async fn text(script: impl IntoIterator<Item = AdminResult<Vec<sse::Event>>>) -> String {
        let places = Arc::new(Places::new(1, 1));
        let place = places.take(None).unwrap();
        assert!(places.take(None).is_err());
        let response = response(Script(script.into_iter().collect()), place);
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
        assert!(places.take(None).is_ok(), "the place is free again");
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_ends_the_stream() {
        let event = || sse::Event::default().event("lines").data("1");
        let ended = || AdminError::new(401, "signed_out", "sign in");
        let sent = text([Ok(vec![event()]), Ok(vec![]), Ok(vec![event(), event()]), Err(ended())]).await;
        assert_eq!(sent.matches("event: lines").count(), 3, "{sent}");
        assert!(sent.contains("event: problem") && sent.contains("signed_out"), "{sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_survives_short_failures() {
        let failure = || Err(AdminError::new(503, "unavailable", "telemetry does not respond"));
        let line = || Ok(vec![sse::Event::default().event("lines").data("1")]);
        let mut script = vec![failure(), failure(), failure(), failure(), line()];
        script.extend([failure(), failure(), failure(), failure(), failure()]);
        let sent = text(script).await;
        assert_eq!((sent.matches("event: lines").count(), sent.matches("event: problem").count()), (1, 1), "{sent}");
    }
}
