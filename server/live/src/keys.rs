//! All Redis keys and their lifetimes.
//!
//! Expiry only removes keys that were never deleted. No decision depends on it.

use std::time::Duration;
use tornado_shared::model::SessionId;

/// Hash with the [`crate::LiveFacts`] of a session.
pub(crate) fn session(session: SessionId) -> String {
    format!("v1:session:{session}")
}

/// Renewed with every heartbeat: every 45 s by default, 12 h at most.
pub(crate) const SESSION_TTL: Duration = Duration::from_secs(86_400);

/// Stream with the events of all nodes. Field `node` is the publisher's random id, field `line` the event.
pub(crate) const EVENTS: &str = "v1:events";

/// Length limit of the stream instead of a time to live. A node that was away for longer does not need the events it
/// missed.
pub(crate) const EVENTS_LENGTH: usize = 4096;
