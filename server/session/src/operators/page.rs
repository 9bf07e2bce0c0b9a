//! Pages of live sessions, in the order of their ids.

use crate::registry::Entry;
use std::sync::Arc;
use tornado_contracts::operator::sessions::{LivePage, LivePageQuery};
use tornado_contracts::session::LiveSession;
use tornado_shared::model::{LaneAddresses, SessionState, UnixSeconds};

/// The page of `entries` that a query describes. `limit` is at least 1.
pub fn page(mut entries: Vec<Arc<Entry>>, query: &LivePageQuery, limit: usize, now: UnixSeconds) -> LivePage {
    entries.retain(|entry| {
        query.user_id.is_none_or(|user| entry.user_id == user)
            && query.after.is_none_or(|after| entry.session_id > after)
    });
    entries.sort_unstable_by_key(|entry| entry.session_id);
    let search = query.search.as_deref().map(str::to_lowercase).filter(|text| !text.is_empty());
    let views = entries.iter().map(|entry| entry.view(now));
    let matching = views.filter(|view| {
        view.state != SessionState::Closed
            && query.state.is_none_or(|state| view.state == state)
            && query.lane.is_none_or(|lane| view.lane == Some(lane))
            && search.as_ref().is_none_or(|text| contains(view, text))
    });
    // One more than the page, which shows whether another page follows.
    let mut sessions: Vec<_> = matching.take(limit.saturating_add(1)).collect();
    let is_last = sessions.len() <= limit;
    sessions.truncate(limit);
    let next = sessions.last().filter(|_| !is_last).map(|last| last.session_id);
    LivePage { sessions, next }
}

/// True if one of the session's searchable texts contains `text`, which is in lower case.
fn contains(view: &LiveSession, text: &str) -> bool {
    let has = |value: &str| value.to_lowercase().contains(text);
    let is_in = |of: LaneAddresses| has(&of.v4.to_string()) || has(&of.v6.to_string());
    has(view.username.as_str())
        || has(&view.device_id.to_string())
        || has(&view.public_key.to_string())
        || view.endpoint.is_some_and(|endpoint| has(&endpoint.to_string()))
        || is_in(view.direct)
        || is_in(view.tor)
}
