//! Detects that the server no longer responds over the lane. Pure: counters and time are arguments.

use std::time::Duration;
use tokio::time::Instant;
use tornado_kit::backoff::Backoff;
use tornado_shared::model::Transfer;
use tornado_tunnel::plan::{KEEPALIVE, Observation};

/// Time within which a peer that receives data sends something back, even if only a keepalive: Keepalive-Timeout, 10 s
/// (whitepaper §6.5), plus the delay of a slow path.
const RESPONSE_WITHIN: Duration = Duration::from_secs(12);
/// A handshake of this age should have been renewed by the keepalives alone: after Rekey-After-Time, 120 s (whitepaper
/// §6.1), plus retries for half a minute.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(155);
/// Delays between two attempts to choose another path.
const DELAYS: Backoff = Backoff::new(RESPONSE_WITHIN, Duration::from_secs(60));
/// Size of a keepalive, bytes (whitepaper §5.4.6).
const KEEPALIVE_SIZE: u64 = 32;

/// Counters of one link since data was last received.
#[derive(Debug)]
pub(crate) struct SilenceDetector {
    received: Transfer,
    received_at: Instant,
    /// When the first data without a response was sent.
    waiting_since: Option<Instant>,
    failures: u32,
    not_before: Instant,
}

impl SilenceDetector {
    pub(crate) const fn new(now: Instant) -> Self {
        let received = Transfer { rx_bytes: 0, tx_bytes: 0 };
        Self { received, received_at: now, waiting_since: None, failures: 0, not_before: now }
    }

    /// Processes the latest counters. Returns true if another path to the server should be chosen.
    pub(crate) fn is_silent(&mut self, observed: &Observation, now: Instant) -> bool {
        let transfer = observed.transfer;
        // A new link counts from zero. It was created because its endpoint responded.
        if transfer.rx_bytes != self.received.rx_bytes || transfer.tx_bytes < self.received.tx_bytes {
            *self = Self { received: transfer, received_at: now, waiting_since: None, failures: 0, not_before: now };
        }
        let silence = now.saturating_duration_since(self.received_at);
        let keepalives = silence.as_secs() / u64::from(KEEPALIVE) + 1;
        if transfer.tx_bytes.saturating_sub(self.received.tx_bytes) > keepalives * KEEPALIVE_SIZE {
            self.waiting_since.get_or_insert(now);
        }
        let unanswered = self.waiting_since.is_some_and(|at| now.saturating_duration_since(at) >= RESPONSE_WITHIN);
        let old = observed.handshake_age.is_some_and(|age| age >= HANDSHAKE_WITHIN);
        if !(unanswered || old) || now < self.not_before {
            return false;
        }
        self.not_before = now + DELAYS.pause(self.failures, 0.0);
        self.failures = self.failures.saturating_add(1);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(rx: u64, tx: u64, age: u64) -> Observation {
        Observation {
            handshake_age: Some(Duration::from_secs(age)),
            transfer: Transfer { rx_bytes: rx, tx_bytes: tx },
            ..Observation::default()
        }
    }

    #[test]
    fn data_without_a_response_is_detected_on_a_live_link() {
        let begun = Instant::now();
        let at = |seconds| begun + Duration::from_secs(seconds);
        let mut detector = SilenceDetector::new(begun);
        assert!(!detector.is_silent(&seen(1000, 1000, 1), at(0)));
        // An idle link: one keepalive every 25 s.
        for second in 1..110 {
            assert!(!detector.is_silent(&seen(1000, 1000 + 32 * (second / 25), second), at(second)), "{second}");
        }
        // The first data after a long silence is not a reason; a missing response to it is.
        assert!(!detector.is_silent(&seen(1000, 2000, 110), at(110)));
        assert!(!detector.is_silent(&seen(1000, 2000, 121), at(121)));
        assert!(detector.is_silent(&seen(1000, 9000, 122), at(122)));
        let repeated: Vec<u64> = (123..400).filter(|s| detector.is_silent(&seen(1000, 9000, 130), at(*s))).collect();
        assert_eq!(repeated, [134, 158, 206, 266, 326, 386], "with growing delays");
        // Any received data resets the state.
        assert!(!detector.is_silent(&seen(1032, 9000, 1), at(401)));
        assert!(!detector.is_silent(&seen(1032, 9000, 10), at(410)));
    }

    #[test]
    fn an_old_handshake_is_detected_on_an_idle_link() {
        let begun = Instant::now();
        let mut detector = SilenceDetector::new(begun);
        assert!(!detector.is_silent(&seen(10, 10, 154), begun));
        assert!(detector.is_silent(&seen(10, 10, 155), begun + Duration::from_secs(1)));
    }
}
