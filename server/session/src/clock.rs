//! Detects jumps of the wall clock.

use std::time::Instant;
use tornado_shared::model::UnixSeconds;

/// Differences up to this many seconds come from reading two clocks, rounding, or clock adjustment.
const TOLERANCE: i64 = 3;

/// Compares the wall clock with a monotonic clock. The latter stops while the machine sleeps, which counts as a jump:
/// no device could reach the service during that time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JumpDetector {
    wall: UnixSeconds,
    steady: Instant,
}

impl JumpDetector {
    pub const fn new(wall: UnixSeconds, steady: Instant) -> Self {
        Self { wall, steady }
    }

    /// Seconds by which the wall clock jumped since the last call. `None` if it did not.
    pub fn jump(&mut self, wall: UnixSeconds, steady: Instant) -> Option<i64> {
        let passed = i64::try_from(steady.saturating_duration_since(self.steady).as_secs()).unwrap_or(i64::MAX);
        let by = wall.saturating_sub(self.wall).saturating_sub(passed);
        *self = Self { wall, steady };
        (by.saturating_abs() > TOLERANCE).then_some(by)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn only_jumps_are_reported() {
        let start = Instant::now();
        let mut detector = JumpDetector::new(1_000, start);
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(detector.jump(1_010, at(10)), None);
        assert_eq!(detector.jump(1_031, at(30)), None, "rounded");
        assert_eq!(detector.jump(4_731, at(40)), Some(3_690));
        assert_eq!(detector.jump(4_741, at(50)), None, "reported once");
        assert_eq!(detector.jump(1_141, at(50)), Some(-3_600));
        assert_eq!(detector.jump(2_141, at(1_050)), None, "a late call is not a jump");
    }
}
