//! Rate limit per address. Pure: time is an argument, memory is bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use tornado_shared::model::Origin;

/// Maximum number of tracked networks. When all are in use, new addresses have to wait.
const MOST: usize = 16_384;

/// One token bucket for each network around a caller's address.
pub struct RateLimit {
    per_minute: f64,
    buckets: HashMap<Origin, Bucket>,
    swept: Option<Duration>,
}

#[derive(Clone, Copy)]
struct Bucket {
    tokens: f64,
    most: f64,
    at: Duration,
}

impl RateLimit {
    /// At most `per_minute` requests per minute, which may arrive in one burst.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        Self { per_minute: f64::from(per_minute.max(1)), buckets: HashMap::new(), swept: None }
    }

    /// Counts a request at `now` (time since any fixed instant).
    ///
    /// # Errors
    /// The seconds to wait. A rejected request is not counted.
    pub fn count(&mut self, address: IpAddr, now: Duration) -> Result<(), u64> {
        if self.buckets.len() >= MOST && Origin::steps(address).any(|(origin, _)| !self.buckets.contains_key(&origin)) {
            self.forget_the_idle(now);
            if self.buckets.len() >= MOST {
                return Err(60);
            }
        }
        for (origin, factor) in Origin::steps(address) {
            let most = self.per_minute * as_f64(factor);
            let bucket = self.buckets.entry(origin).or_insert(Bucket { tokens: most, most, at: now });
            *bucket = bucket.at(now);
            if bucket.tokens < 1.0 {
                let seconds = (1.0 - bucket.tokens) * 60.0 / most;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 60")]
                return Err((seconds.ceil() as u64).max(1));
            }
        }
        for (origin, _) in Origin::steps(address) {
            if let Some(bucket) = self.buckets.get_mut(&origin) {
                bucket.tokens -= 1.0;
            }
        }
        Ok(())
    }

    /// Removes full buckets, which carry no information. Runs at most once per second, so a flood of unknown addresses
    /// does not scan all buckets for each request.
    fn forget_the_idle(&mut self, now: Duration) {
        if self.swept.is_some_and(|at| now.saturating_sub(at) < Duration::from_secs(1)) {
            return;
        }
        self.swept = Some(now);
        self.buckets.retain(|_, bucket| bucket.at(now).tokens < bucket.most);
    }
}

impl Bucket {
    fn at(self, now: Duration) -> Self {
        let gained = now.saturating_sub(self.at).as_secs_f64() * self.most / 60.0;
        Self { tokens: (self.tokens + gained).min(self.most), at: now, ..self }
    }
}

fn as_f64(factor: usize) -> f64 {
    f64::from(u32::try_from(factor).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn origin(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn one_address_is_limited_and_the_others_are_not() {
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
    fn networks_of_one_site_share_its_rate() {
        let mut limit = RateLimit::new(10);
        let from = |n: u32| format!("2001:db8:1:{n:x}::1").parse().unwrap();
        let passed = |limit: &mut RateLimit, step: u32| {
            (0..200).filter(|n| limit.count(from(n * step), Duration::ZERO).is_ok()).count()
        };
        assert_eq!(passed(&mut limit, 1), 20, "twice for a /56");
        assert_eq!(passed(&mut limit, 256), 20, "four times for the /48, of which half is spent");
        assert_eq!(limit.count("2001:db8:2::1".parse().unwrap(), Duration::ZERO), Ok(()));
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
