//! Token buckets by key. Pure: time is an argument, memory is bounded.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Maximum number of tracked keys. When all are in use, new keys have to wait.
const MOST: usize = 16_384;
/// Pause between two searches for keys that are no longer needed, which visit all keys.
const SEARCH_EVERY: Duration = Duration::from_secs(1);

/// One bucket per key.
pub struct Buckets<K> {
    per_minute: f64,
    buckets: HashMap<K, (f64, Duration)>,
    next_search: Duration,
}

impl<K: Eq + Hash> Buckets<K> {
    /// At most `per_minute` requests per minute, which may arrive in one burst.
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute: f64::from(per_minute.max(1)), buckets: HashMap::new(), next_search: Duration::ZERO }
    }

    /// The seconds that `key` would have to wait at `now`, if it has to. Counts nothing.
    pub fn wait(&self, key: &K, now: Duration) -> Option<u64> {
        let tokens = self.refilled(*self.buckets.get(key)?, now);
        (tokens < 1.0).then(|| self.seconds(tokens))
    }

    /// Counts a request at `now` (time since any fixed instant).
    ///
    /// # Errors
    /// The seconds to wait. A rejected request is not counted.
    pub fn count(&mut self, key: K, now: Duration) -> Result<(), u64> {
        let most = self.per_minute;
        if self.buckets.len() >= MOST && !self.buckets.contains_key(&key) {
            if now >= self.next_search {
                self.next_search = now + SEARCH_EVERY;
                let buckets = std::mem::take(&mut self.buckets);
                self.buckets = buckets.into_iter().filter(|(_, bucket)| self.refilled(*bucket, now) < most).collect();
            }
            if self.buckets.len() >= MOST {
                return Err(60);
            }
        }
        let tokens = self.buckets.get(&key).map_or(most, |bucket| self.refilled(*bucket, now));
        let is_free = tokens >= 1.0;
        self.buckets.insert(key, (if is_free { tokens - 1.0 } else { tokens }, now));
        if is_free { Ok(()) } else { Err(self.seconds(tokens)) }
    }

    /// The tokens of a bucket at `now`.
    fn refilled(&self, (tokens, at): (f64, Duration), now: Duration) -> f64 {
        (tokens + now.saturating_sub(at).as_secs_f64() * self.per_minute / 60.0).min(self.per_minute)
    }

    /// The seconds until a bucket with less than one token has one.
    fn seconds(&self, tokens: f64) -> u64 {
        let seconds = (1.0 - tokens) * 60.0 / self.per_minute;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 60")]
        let seconds = seconds.ceil() as u64;
        seconds.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_waits_and_the_others_do_not() {
        let (mut buckets, now) = (Buckets::new(30), Duration::from_secs(9));
        assert!((0..30).all(|_| buckets.count("a", now).is_ok()));
        assert_eq!((buckets.wait(&"a", now), buckets.wait(&"b", now)), (Some(2), None));
        assert_eq!(buckets.count("a", now), Err(2));
        assert_eq!(buckets.count("b", now), Ok(()));
        assert_eq!(buckets.count("a", now + Duration::from_secs(2)), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_recovers() {
        let mut buckets = Buckets::new(1);
        for key in 0..50_000 {
            let _ = buckets.count(key, Duration::ZERO);
        }
        assert!(buckets.buckets.len() <= MOST);
        assert_eq!(buckets.count(60_000, Duration::from_secs(61)), Ok(()));
    }
}
