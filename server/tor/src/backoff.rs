//! Pauses between starts of Tor.

use std::time::Duration;

const FIRST_MS: u64 = 500;
const LONGEST_MS: u64 = 60_000;
/// A Tor that ran this long was no failed start.
pub(crate) const GOOD_RUN: Duration = Duration::from_secs(60);

/// The pause after the `failures`-th failure in a row, counted from 1: doubling from half a second to a minute,
/// less up to a quarter by `random`, so that several servers do not knock at once. It never gives up (defect_051).
pub(crate) fn pause(failures: u32, random: u8) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    let full = (FIRST_MS << doublings).min(LONGEST_MS);
    Duration::from_millis(full - full * u64::from(random) / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn defect_051_pauses_grow_to_a_minute_and_never_end(failures in any::<u32>(), random in any::<u8>()) {
            let this = pause(failures, random);
            prop_assert!(this >= Duration::from_millis(375) && this <= Duration::from_secs(60));
            prop_assert!(pause(failures.saturating_add(1), 0) >= pause(failures, 0));
        }
    }
}
