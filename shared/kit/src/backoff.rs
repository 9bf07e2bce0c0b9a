//! Exponential back-off. Pure: the caller counts failures and supplies random numbers.

use std::time::Duration;

/// Limits of the pauses between attempts.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    /// Fraction of a pause, 0 to 1, by which a random number may shorten it.
    spread: f64,
}

impl Backoff {
    /// Pauses that double from `first` to at most `longest`.
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, spread: 0.0 }
    }

    /// Random numbers shorten pauses by up to `share`, so that many clients do not retry at the same time.
    #[must_use]
    pub const fn spread(self, share: f64) -> Self {
        Self { spread: share, ..self }
    }

    /// The pause after a failure. `earlier` is the number of consecutive failures before it, `random` is in 0 to 1.
    #[must_use]
    pub fn pause(&self, earlier: u32, random: f64) -> Duration {
        let full = self.first.saturating_mul(2u32.saturating_pow(earlier)).min(self.longest);
        full.mul_f64(1.0 - self.spread * random.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn pauses_double_within_their_limits(earlier in any::<u32>(), random in -1.0f64..2.0) {
            let (first, longest) = (Duration::from_millis(100), Duration::from_secs(10));
            let backoff = Backoff::new(first, longest).spread(0.5);
            let pause = backoff.pause(earlier, random);
            prop_assert!(pause >= first / 2 && pause <= longest);
            let next = backoff.pause(earlier.saturating_add(1), 0.0);
            prop_assert_eq!(next, (backoff.pause(earlier, 0.0) * 2).min(longest));
        }
    }
}
