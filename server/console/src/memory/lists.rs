//! The latest readings of the list of sessions, so that pages that show the same read it once.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tornado_admin_api::types::SessionView;
use tornado_admin_ui::model::Lane;
use tornado_admin_ui::model::sessions::SessionState;

/// How long a reading is used while nothing changes, in seconds.
const KEPT: i64 = 1;
/// How long a reading is used in any case, as a multiple of the time that it took: a long list that changes all the
/// time is read during a fifth of the time at most.
const SHARE: u32 = 5;
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

/// When a reading began.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Seconds since 1970.
    pub now: i64,
    /// Number of changes of sessions until then.
    pub changes: u64,
    /// Monotonic time.
    pub instant: Instant,
}

struct Reading {
    start: Start,
    took: Duration,
    sessions: Arc<Vec<SessionView>>,
}

impl Reading {
    /// Whether it was made in this second or the one before.
    fn is_recent(&self, now: i64) -> bool {
        (0..=KEPT).contains(&(now - self.start.now))
    }

    /// Whether a reading that would start now may be left out.
    fn serves(&self, start: Start) -> bool {
        let is_same = self.start.changes == start.changes;
        let age = start.instant.saturating_duration_since(self.start.instant);
        self.is_recent(start.now) && (is_same || age <= self.took.saturating_mul(SHARE))
    }
}

/// The readings.
#[derive(Default)]
pub struct Lists(Mutex<HashMap<Key, Reading>>);

impl Lists {
    /// The reading of this second or the one before, with its time, if no session has changed since it began.
    pub fn find(&self, key: &Key, start: Start) -> Option<(i64, Arc<Vec<SessionView>>)> {
        let all = self.0.lock();
        let reading = all.get(key).filter(|reading| reading.serves(start))?;
        Some((reading.start.now, reading.sessions.clone()))
    }

    /// Keeps a reading that has ended now, and drops older ones.
    pub fn keep(&self, key: Key, sessions: Vec<SessionView>, start: Start) -> (i64, Arc<Vec<SessionView>>) {
        let sessions = Arc::new(sessions);
        let mut all = self.0.lock();
        all.retain(|_, reading| reading.is_recent(start.now));
        if all.len() < MAX || all.contains_key(&key) {
            all.insert(key, Reading { start, took: start.instant.elapsed(), sessions: sessions.clone() });
        }
        (start.now, sessions)
    }

    /// Drops readings that are no longer used.
    pub fn tidy(&self, now: i64) {
        self.0.lock().retain(|_, reading| reading.is_recent(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key { text: Some(text.to_owned()), state: None, lane: None }
    }

    fn start(now: i64, changes: u64) -> Start {
        Start { now, changes, instant: Instant::now() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reading_is_used_for_a_second_and_for_its_query_only() {
        let lists = Lists::default();
        lists.keep(key("heron"), Vec::new(), start(1000, 7));
        tokio::time::advance(Duration::from_millis(900)).await;
        let found = lists.find(&key("heron"), start(1001, 7));
        assert_eq!(found.map(|(at, _)| at), Some(1000), "rates are computed with the time of the reading");
        assert!(lists.find(&key("heron"), start(1002, 7)).is_none());
        assert!(lists.find(&key("heron"), start(999, 7)).is_none(), "the clock was set back");
        assert!(lists.find(&key("otter"), start(1000, 7)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_a_session_is_read_at_once() {
        let lists = Lists::default();
        lists.keep(key("heron"), Vec::new(), start(1000, 7));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(lists.find(&key("heron"), start(1000, 7)).is_some());
        assert!(lists.find(&key("heron"), start(1000, 8)).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_list_that_changes_is_not_read_all_the_time() {
        let lists = Lists::default();
        let begun = start(1000, 7);
        tokio::time::advance(Duration::from_millis(100)).await;
        lists.keep(key("heron"), Vec::new(), begun);
        tokio::time::advance(Duration::from_millis(400)).await;
        assert!(lists.find(&key("heron"), start(1000, 900)).is_some());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(lists.find(&key("heron"), start(1000, 900)).is_none());
    }
}
