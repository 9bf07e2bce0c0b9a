//! Every key in Redis, and for how long it lives there.
//!
//! A time to live only keeps a forgotten key from staying for ever; no decision is made of its end.

use std::time::Duration;
use tornado_shared::model::SessionId;

/// Hash: [`crate::LiveFacts`] of a session.
pub(crate) fn session(session: SessionId) -> String {
    format!("v1:session:{session}")
}

/// Renewed with every heartbeat, each 45 s unless configured otherwise (at most 12 h).
pub(crate) const SESSION_TTL: Duration = Duration::from_secs(86_400);

/// Stream: events of all nodes, field `node` the publisher's number, field `line` the event.
pub(crate) const EVENTS: &str = "v1:events";

/// Bounded by its length instead: what a node missed that was away for longer, it does not need any more.
pub(crate) const EVENTS_LENGTH: usize = 4096;
