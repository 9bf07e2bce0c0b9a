//! How often one device may have new circuits. Pure: time is an argument; memory is bounded by the devices that used
//! theirs within the last minute.

use std::collections::HashMap;
use tornado_shared::model::{DeviceId, UnixSeconds};

/// Seconds after which all is granted again.
const WINDOW: i64 = 60;

/// Changes of each device within the last minute.
#[derive(Debug)]
pub(crate) struct Quota {
    most: usize,
    used: HashMap<DeviceId, Vec<UnixSeconds>>,
}

impl Quota {
    /// At most `most` in any minute, all of which may come at once.
    pub fn new(most: u32) -> Self {
        Self { most: usize::try_from(most).unwrap_or(usize::MAX), used: HashMap::new() }
    }

    /// Takes one. `Err` holds the seconds until the next is granted.
    pub fn take(&mut self, device: DeviceId, now: UnixSeconds) -> Result<(), u64> {
        // A clock that was set back must not lock anybody out for longer than that.
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
    fn each_device_has_its_own_and_time_gives_it_back() {
        let mut quota = Quota::new(3);
        let (one, two) = (DeviceId::random(), DeviceId::random());
        for at in [100, 110, 120] {
            assert_eq!(quota.take(one, at), Ok(()));
        }
        assert_eq!(quota.take(one, 130), Err(30));
        assert_eq!(quota.take(two, 130), Ok(()));
        assert_eq!(quota.take(one, 160), Ok(()));
        assert_eq!(quota.take(one, 160), Err(10));
        assert_eq!(quota.take(one, 50), Ok(()), "a clock that was set back");
        quota.take(two, 1_000).unwrap();
        assert_eq!(quota.used.len(), 1, "who used none is forgotten");
    }
}
