//! `GET /api/v1/events`: server-sent events.

use crate::api::Signed;
use crate::events::{Event, Hub, Position, Read};
use crate::http::Http;
use crate::http::answer::{authorised, refuse};
use axum::extract::{Request, State};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::Stream;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tornado_admin_api::types::NoInput;
use tornado_admin_api::{AdminApi as _, AdminError, EVENTS};

/// Pause between comments on a quiet stream; shorter than the timeouts of reverse proxies.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Time after which the sign-in of a stream is checked again.
const CHECKED_EVERY: Duration = Duration::from_secs(5);

/// `GET /api/v1/events`. Continues after `Last-Event-ID`, if those events are still held.
pub async fn events(State(http): State<Http>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let signed = match authorised(&http, &EVENTS, &parts).await {
        Ok(signed) => signed,
        Err(error) => return refuse(&error),
    };
    let rights = match signed.whoami(NoInput {}).await {
        Ok(standing) => standing.rights,
        Err(error) => return refuse(&error),
    };
    let may_read_sessions = rights.iter().any(|right| right == "sessions.read");
    let reader = match http.hub.enter(signed.operator(), may_read_sessions.then(|| signed.token().clone())) {
        Ok(reader) => reader,
        Err(full) => return refuse(&AdminError::new(503, "streams_full", full.to_string())),
    };
    let last = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let after = match last.map(str::parse::<Position>) {
        // An unreadable id is like one that is no longer held.
        Some(position) => position.ok(),
        None => Some(http.hub.end()),
    };
    let stream = Subscription { hub: http.hub.clone(), signed, rights, after, ready: VecDeque::new(), _reader: reader };
    let headers = [("x-accel-buffering", "no")];
    (headers, Sse::new(stream.messages()).keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat")))
        .into_response()
}

struct Subscription<R> {
    hub: Arc<Hub>,
    signed: Signed,
    rights: Vec<String>,
    /// `None`: unknown, so the first event is `resync`.
    after: Option<Position>,
    ready: VecDeque<Event>,
    _reader: R,
}

impl<R: Send + 'static> Subscription<R> {
    fn messages(self) -> impl Stream<Item = Result<sse::Event, Infallible>> + Send {
        let first = Instant::now() + CHECKED_EVERY;
        futures::stream::unfold((self, first), |(mut subscription, mut check)| async move {
            let message = subscription.next(&mut check).await?;
            Some((Ok(message), (subscription, check)))
        })
    }

    /// The next message. `None` when the sign-in has ended.
    async fn next(&mut self, check: &mut Instant) -> Option<sse::Event> {
        loop {
            // Before each message: a reader that is always behind is checked, too.
            if Instant::now() >= *check {
                match self.signed.whoami(NoInput {}).await {
                    Ok(standing) => self.rights = standing.rights,
                    Err(error) if error.status() < 500 => return None,
                    // `auth` does not respond; events continue, as pages do.
                    Err(_) => {}
                }
                self.ready.retain(|event| self.rights.iter().any(|one| one == event.right));
                *check = Instant::now() + CHECKED_EVERY;
            }
            if let Some(event) = self.ready.pop_front() {
                let message = sse::Event::default().id(event.position.to_string()).event(event.kind);
                return Some(message.data(&*event.data));
            }
            let read = match self.after {
                Some(after) => self.hub.read(after),
                None => Read::Resync(self.hub.end()),
            };
            match read {
                Read::Resync(position) => {
                    self.after = Some(position);
                    return Some(sse::Event::default().id(position.to_string()).event("resync").data("{}"));
                }
                Read::Events(events) => {
                    if let Some(last) = events.last() {
                        self.after = Some(last.position);
                    }
                    self.ready
                        .extend(events.into_iter().filter(|event| self.rights.iter().any(|one| one == event.right)));
                }
            }
            if !self.ready.is_empty() {
                continue;
            }
            if let Some(after) = self.after {
                drop(timeout_at(*check, self.hub.wait(after)).await);
            }
        }
    }
}
