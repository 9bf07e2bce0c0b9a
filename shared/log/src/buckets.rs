//! Token buckets by key. Pure: time is an argument.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// What happens to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Suppress,
    /// The first suppressed line since the latest [`Buckets::collect`].
    SuppressFirst,
}

#[derive(Debug)]
struct Bucket {
    /// Lines left, and the time up to which lines were added.
    left: u32,
    filled: Duration,
    suppressed: u64,
}

/// One bucket per place in the code.
#[derive(Debug)]
pub(crate) struct Buckets<K> {
    burst: u32,
    refill: Duration,
    buckets: HashMap<K, Bucket>,
}

impl<K: Clone + Eq + Hash> Buckets<K> {
    pub(crate) fn new(burst: u32, refill: Duration) -> Self {
        Self { burst, refill, buckets: HashMap::new() }
    }

    /// Takes one line from the bucket. `now` is the time since any fixed instant.
    pub(crate) fn take(&mut self, key: &K, now: Duration) -> Verdict {
        let full = || Bucket { left: self.burst, filled: now, suppressed: 0 };
        let bucket = self.buckets.entry(key.clone()).or_insert_with(full);
        let passed = now.saturating_sub(bucket.filled).as_nanos() / self.refill.as_nanos().max(1);
        let gained = u32::try_from(passed).unwrap_or(u32::MAX);
        if bucket.left.saturating_add(gained) >= self.burst {
            (bucket.left, bucket.filled) = (self.burst, now);
        } else {
            bucket.left += gained;
            bucket.filled += self.refill * gained;
        }
        if let Some(left) = bucket.left.checked_sub(1) {
            bucket.left = left;
            return Verdict::Pass;
        }
        bucket.suppressed += 1;
        if bucket.suppressed == 1 { Verdict::SuppressFirst } else { Verdict::Suppress }
    }

    /// Lines suppressed for this key since the latest call.
    pub(crate) fn collect(&mut self, key: &K) -> u64 {
        self.buckets.get_mut(key).map_or(0, |bucket| std::mem::take(&mut bucket.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let mut buckets = Buckets::new(3, 10 * SECOND);
        let verdicts: Vec<_> = (0..5).map(|_| buckets.take(&"a", SECOND)).collect();
        let (pass, suppress) = (Verdict::Pass, Verdict::Suppress);
        assert_eq!(verdicts, [pass, pass, pass, Verdict::SuppressFirst, suppress]);
        assert_eq!(buckets.take(&"b", SECOND), pass, "another key");
        assert_eq!((buckets.collect(&"a"), buckets.collect(&"a"), buckets.collect(&"never")), (2, 0, 0));
        assert_eq!(buckets.take(&"a", 10 * SECOND), Verdict::SuppressFirst, "the count restarts after a summary");
        assert_eq!(buckets.take(&"a", 11 * SECOND), pass);
        assert_eq!(buckets.take(&"a", 12 * SECOND), suppress);
    }

    #[test]
    fn a_flood_of_an_hour_is_as_many_lines_as_the_rate_gives() {
        let mut buckets = Buckets::new(50, 10 * SECOND);
        let flood = (0..36_000).map(|tenth| buckets.take(&(), Duration::from_millis(tenth * 100)));
        assert_eq!(flood.filter(|verdict| *verdict == Verdict::Pass).count(), 50 + 359);
        assert_eq!(buckets.take(&(), 100_000 * SECOND), Verdict::Pass);
        assert_eq!(buckets.buckets[&()].left, 49, "a bucket never holds more than a burst");
    }
}
