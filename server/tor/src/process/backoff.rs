//! Pauses between starts of Tor.

use std::time::Duration;

const FIRST_MS: u64 = 500;
const LONGEST_MS: u64 = 60_000;
/// A Tor process that ran this long does not count as a failed start.
pub(super) const GOOD_RUN: Duration = Duration::from_secs(60);

/// The pause after the `failures`-th consecutive failure, counted from 1. It doubles from half a second to a minute.
/// `random` shortens it by up to a quarter, so that several servers do not retry at the same time. There is no limit on
/// the number of retries.
pub(super) fn pause(failures: u32, random: u8) -> Duration {
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
        fn pauses_grow_to_a_minute_and_retries_never_end(failures in any::<u32>(), random in any::<u8>()) {
            let this = pause(failures, random);
            prop_assert!(this >= Duration::from_millis(375) && this <= Duration::from_secs(60));
            prop_assert!(pause(failures.saturating_add(1), 0) >= pause(failures, 0));
        }
    }
}
