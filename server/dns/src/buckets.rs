//! Rate limit of queries per device. Pure: time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Size of a bucket in seconds of the rate. A web page causes many queries at once.
const BURST: u32 = 4;
/// A bucket without queries for this long is full at any rate and can be dropped.
const FORGET: Duration = Duration::from_secs(BURST as u64);

/// A token bucket for each address.
#[derive(Debug)]
pub(crate) struct Buckets {
    /// Time in which one token accrues.
    each: Duration,
    /// When each bucket will be full again; the time until then represents the tokens taken.
    full_at: HashMap<IpAddr, Instant>,
    swept: Instant,
}

impl Buckets {
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        Self { each: Duration::from_secs(1) / per_second.max(1), full_at: HashMap::new(), swept: now }
    }

    /// Takes a token. Returns false if the bucket is empty.
    pub(crate) fn take(&mut self, who: IpAddr, now: Instant) -> bool {
        if now.saturating_duration_since(self.swept) > FORGET {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.swept = now;
        }
        let full_at = self.full_at.entry(who).or_insert(now);
        let after = (*full_at).max(now) + self.each;
        // The bucket holds the tokens that accrue in [`FORGET`].
        if after.saturating_duration_since(now) > FORGET {
            return false;
        }
        *full_at = after;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate_and_others_are_not_touched() {
        let start = Instant::now();
        let mut buckets = Buckets::new(10, start);
        let (one, other): (IpAddr, IpAddr) = ([10, 8, 0, 2].into(), [10, 8, 0, 3].into());
        let taken = (0..100).filter(|_| buckets.take(one, start)).count();
        assert_eq!(taken, 40);
        assert!(buckets.take(other, start));
        let later = start + Duration::from_secs(1);
        assert_eq!((0..100).filter(|_| buckets.take(one, later)).count(), 10);
        assert!(buckets.take(one, later + Duration::from_secs(60)));
        assert_eq!(buckets.full_at.len(), 1, "full buckets must be dropped");
    }
}
