//! The latest readings of the list of sessions, so that pages that show the same read it once.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tornado_admin_api::types::SessionView;
use tornado_admin_ui::model::Lane;
use tornado_admin_ui::model::sessions::SessionState;

/// How long a reading is used, in seconds.
const KEPT: i64 = 1;
/// Readings that are kept.
const MAX: usize = 8;

/// What a reading contains.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Part of a name or an address.
    pub text: Option<String>,
    /// Only this state.
    pub state: Option<SessionState>,
    /// Only this lane.
    pub lane: Option<Lane>,
}

struct Reading {
    at: i64,
    sessions: Arc<Vec<SessionView>>,
}

/// The readings.
#[derive(Default)]
pub struct Lists(Mutex<HashMap<Key, Reading>>);

impl Lists {
    /// The reading of this second or the one before.
    pub fn find(&self, key: &Key, now: i64) -> Option<Arc<Vec<SessionView>>> {
        let all = self.0.lock();
        all.get(key).filter(|reading| (0..=KEPT).contains(&(now - reading.at))).map(|reading| reading.sessions.clone())
    }

    /// Keeps a reading, and drops older ones.
    pub fn keep(&self, key: Key, sessions: Vec<SessionView>, now: i64) -> Arc<Vec<SessionView>> {
        let sessions = Arc::new(sessions);
        let mut all = self.0.lock();
        all.retain(|_, reading| (0..=KEPT).contains(&(now - reading.at)));
        if all.len() < MAX {
            all.insert(key, Reading { at: now, sessions: sessions.clone() });
        }
        sessions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_used_for_a_second_and_for_its_query_only() {
        let lists = Lists::default();
        let key = |text: &str| Key { text: Some(text.to_owned()), state: None, lane: None };
        lists.keep(key("heron"), Vec::new(), 1000);
        assert!(lists.find(&key("heron"), 1001).is_some());
        assert!(lists.find(&key("heron"), 1002).is_none());
        assert!(lists.find(&key("heron"), 999).is_none(), "the clock was set back");
        assert!(lists.find(&key("otter"), 1000).is_none());
    }
}
