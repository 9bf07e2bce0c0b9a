//! How much one address may take. Pure: time is an argument; memory is bounded.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Addresses remembered at most. When all are in use, strangers wait.
const MOST: usize = 16_384;

/// Whom a limit counts: an IPv4 address, or the /64 that a customer is given (RFC 6177).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin(IpAddr);

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(IpAddr::V4(v4)),
            IpAddr::V6(v6) => {
                let prefix = u128::from(v6) >> 64 << 64;
                Self(IpAddr::V6(Ipv6Addr::from(prefix)))
            }
        }
    }
}

/// A token bucket for each origin.
pub struct RateLimit {
    per_minute: f64,
    buckets: HashMap<Origin, Bucket>,
    swept: Option<Duration>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Duration,
}

impl RateLimit {
    /// At most `per_minute` requests a minute, all of which may come at once.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute: f64::from(per_minute.max(1)), buckets: HashMap::new(), swept: None }
    }

    /// Counts a request at `now` (time since any fixed instant). `Err` holds the seconds to wait.
    pub fn count(&mut self, origin: Origin, now: Duration) -> Result<(), u64> {
        if self.buckets.len() >= MOST && !self.buckets.contains_key(&origin) {
            self.forget_the_idle(now);
            if self.buckets.len() >= MOST {
                return Err(60);
            }
        }
        let full = Bucket { tokens: self.per_minute, at: now };
        let bucket = self.buckets.entry(origin).or_insert(full);
        bucket.tokens = refilled(*bucket, now, self.per_minute);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            let seconds = (1.0 - bucket.tokens) * 60.0 / self.per_minute;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 60")]
            return Err((seconds.ceil() as u64).max(1));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// A full bucket remembers nothing. Looked for at most once a second: a flood of strangers must not
    /// cost a walk over all buckets each.
    fn forget_the_idle(&mut self, now: Duration) {
        if self.swept.is_some_and(|at| now.saturating_sub(at) < Duration::from_secs(1)) {
            return;
        }
        self.swept = Some(now);
        let per_minute = self.per_minute;
        self.buckets.retain(|_, bucket| refilled(*bucket, now, per_minute) < per_minute);
    }
}

fn refilled(bucket: Bucket, now: Duration, per_minute: f64) -> f64 {
    let gained = now.saturating_sub(bucket.at).as_secs_f64() * per_minute / 60.0;
    (bucket.tokens + gained).min(per_minute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn origin(n: u32) -> Origin {
        Origin::from(IpAddr::from(n.to_be_bytes()))
    }

    #[test]
    fn defect_019_one_address_is_slowed_and_the_others_are_not() {
        let mut limit = RateLimit::new(60);
        let now = Duration::from_secs(5);
        assert!((0..60).all(|_| limit.count(origin(1), now).is_ok()));
        assert_eq!(limit.count(origin(1), now), Err(1));
        assert_eq!(limit.count(origin(2), now), Ok(()));
        assert_eq!(limit.count(origin(1), now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_recovers() {
        let mut limit = RateLimit::new(60);
        for n in 0..100_000 {
            let _ = limit.count(origin(n), Duration::ZERO);
        }
        assert!(limit.buckets.len() <= MOST);
        assert_eq!(limit.count(origin(200_000), Duration::from_secs(61)), Ok(()));
    }

    #[test]
    fn a_mapped_address_is_its_ipv4_address_and_ipv6_counts_by_network() {
        let from = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(from("::ffff:192.0.2.1"), from("192.0.2.1"));
        assert_eq!(from("2001:db8::1"), from("2001:db8::ffff:1"));
        assert_ne!(from("2001:db8::1"), from("2001:db8:0:1::1"));
    }

    proptest! {
        #[test]
        fn never_more_than_twice_the_rate_in_a_minute(waits in proptest::collection::vec(0u64..3000, 0..400)) {
            let mut limit = RateLimit::new(30);
            let (mut now, mut passed) = (0u64, Vec::new());
            for wait in waits {
                now += wait;
                if limit.count(origin(1), Duration::from_millis(now)).is_ok() { passed.push(now); }
            }
            for start in &passed {
                let within = passed.iter().filter(|at| (*start..*start + 60_000).contains(*at)).count();
                prop_assert!(within <= 60);
            }
        }
    }
}
