//! Rate limit for new circuits per device. Pure: time is an argument. Memory is bounded by the devices that requested
//! circuits within the last minute.

use std::collections::HashMap;
use tornado_shared::model::{DeviceId, UnixSeconds};

/// Length of the window in seconds.
const WINDOW: i64 = 60;

/// Changes of each device within the window.
#[derive(Debug)]
pub(crate) struct ChangeLimit {
    most: usize,
    used: HashMap<DeviceId, Vec<UnixSeconds>>,
}

impl ChangeLimit {
    /// Allows `most` changes per minute, also as a burst.
    pub fn new(most: u32) -> Self {
        Self { most: usize::try_from(most).unwrap_or(usize::MAX), used: HashMap::new() }
    }

    /// Takes one change. `Err` contains the seconds until the next one is allowed.
    pub fn take(&mut self, device: DeviceId, now: UnixSeconds) -> Result<(), u64> {
        // Times in the future are dropped, so that a clock that was set back locks no device out.
        let is_recent = |at: &UnixSeconds| *at <= now && now.saturating_sub(*at) < WINDOW;
        self.used.retain(|_, times| {
            times.retain(is_recent);
            !times.is_empty()
        });
        let times = self.used.entry(device).or_default();
        if times.len() < self.most {
            times.push(now);
            return Ok(());
        }
        let oldest = times.first().copied().unwrap_or(now);
        Err(u64::try_from(WINDOW - now.saturating_sub(oldest)).unwrap_or(1).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_device_has_its_own_limit_per_minute() {
        let mut limit = ChangeLimit::new(3);
        let (one, two) = (DeviceId::random(), DeviceId::random());
        for at in [100, 110, 120] {
            assert_eq!(limit.take(one, at), Ok(()));
        }
        assert_eq!(limit.take(one, 130), Err(30));
        assert_eq!(limit.take(two, 130), Ok(()));
        assert_eq!(limit.take(one, 160), Ok(()));
        assert_eq!(limit.take(one, 160), Err(10));
        assert_eq!(limit.take(one, 50), Ok(()), "a clock that was set back");
        limit.take(two, 1_000).unwrap();
        assert_eq!(limit.used.len(), 1, "devices without recent changes are forgotten");
    }
}
