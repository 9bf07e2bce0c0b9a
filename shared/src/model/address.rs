//! Address pools of the lanes, and the addresses of a slot.

use super::Lane;
use ipnet::{Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A device's position in both pools. Slot `n` is host number `n` of each pool, so one lease of one number grants the
/// addresses of both lanes, and the two cannot diverge. Slot 1 is the server; devices use slots from 2 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Slot(pub u32);

impl Slot {
    /// The server's slot in each pool.
    pub const SERVER: Self = Self(1);
    /// The first slot for devices.
    pub const FIRST: Self = Self(2);
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Reasons for which pools are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// Too small for the server and one device, or larger than a slot number.
    #[error("the pool {0} must be between /8 and /29")]
    Size(Ipv4Net),
    /// The IPv6 pool is too small for the slots of its IPv4 pool.
    #[error("the pool {0} must be /104 or larger")]
    Size6(Ipv6Net),
    /// The pools of the two lanes share addresses.
    #[error("the pools of the two lanes overlap")]
    Overlap,
}

/// The addresses of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanePool {
    /// IPv4 addresses, for example `10.8.0.0/16`.
    pub v4: Ipv4Net,
    /// IPv6 addresses (unique local, RFC 4193).
    pub v6: Ipv6Net,
}

/// One device's addresses on one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LaneAddresses {
    /// IPv4, routed as /32.
    pub v4: Ipv4Addr,
    /// IPv6, routed as /128.
    pub v6: Ipv6Addr,
}

impl LanePool {
    /// The addresses of a slot. `None` if the slot is outside the pool, or is its network or broadcast address.
    #[must_use]
    pub fn addresses(&self, slot: Slot) -> Option<LaneAddresses> {
        let hosts = 1u64 << (32 - self.v4.prefix_len());
        let n = u64::from(slot.0);
        if n == 0 || n + 1 >= hosts {
            return None;
        }
        let v4 = Ipv4Addr::from(u32::from(self.v4.network()) + slot.0);
        let v6 = Ipv6Addr::from(u128::from(self.v6.network()) + u128::from(slot.0));
        Some(LaneAddresses { v4, v6 })
    }

    /// The highest slot of the pool.
    #[must_use]
    pub fn last_slot(&self) -> Slot {
        let hosts = 1u64 << (32 - self.v4.prefix_len());
        Slot(u32::try_from(hosts - 2).unwrap_or(u32::MAX))
    }
}

/// The pools of both lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LanePools {
    /// Pool of the direct lane.
    pub direct: LanePool,
    /// Pool of the tor lane.
    pub tor: LanePool,
}

impl Default for LanePools {
    fn default() -> Self {
        let v4 = |third| Ipv4Net::new_assert(Ipv4Addr::new(10, third, 0, 0), 16);
        let v6 = |last| Ipv6Net::new_assert(Ipv6Addr::new(0xfd74, 0x6f72, 0x6e61, last, 0, 0, 0, 0), 64);
        Self { direct: LanePool { v4: v4(8), v6: v6(8) }, tor: LanePool { v4: v4(9), v6: v6(9) } }
    }
}

impl LanePools {
    /// Returns true if the address belongs to either lane, in either family.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let within = |pool: &LanePool| match address.to_canonical() {
            IpAddr::V4(v4) => pool.v4.contains(&v4),
            IpAddr::V6(v6) => pool.v6.contains(&v6),
        };
        within(&self.direct) || within(&self.tor)
    }

    /// The pool of a lane.
    #[must_use]
    pub const fn of(&self, lane: Lane) -> &LanePool {
        lane.of(&self.direct, &self.tor)
    }

    /// The highest slot that both pools contain.
    #[must_use]
    pub fn last_slot(&self) -> Slot {
        self.direct.last_slot().min(self.tor.last_slot())
    }

    /// The highest slot for devices.
    #[must_use]
    pub fn last_device_slot(&self) -> Slot {
        Slot(self.last_slot().0 - 1)
    }

    /// The slot of the server's leak canary; never leased.
    #[must_use]
    pub fn canary_slot(&self) -> Slot {
        self.last_slot()
    }

    /// Checks the sizes of the pools and that they do not overlap.
    ///
    /// # Errors
    /// A [`PoolError`] for the first pool that is too small or too large, or if the pools overlap.
    pub fn validate(&self) -> Result<(), PoolError> {
        for pool in [&self.direct, &self.tor] {
            if !(8..=29).contains(&pool.v4.prefix_len()) {
                return Err(PoolError::Size(pool.v4));
            }
            if pool.v6.prefix_len() > 104 {
                return Err(PoolError::Size6(pool.v6));
            }
        }
        let (d, t) = (&self.direct, &self.tor);
        if d.v4.contains(&t.v4.network()) || t.v4.contains(&d.v4.network()) {
            return Err(PoolError::Overlap);
        }
        if d.v6.contains(&t.v6.network()) || t.v6.contains(&d.v6.network()) {
            return Err(PoolError::Overlap);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_hold_65_000_devices() {
        let pools = LanePools::default();
        assert_eq!(pools.validate(), Ok(()));
        assert_eq!(pools.last_slot(), Slot(65_534));
        assert_eq!(pools.direct.addresses(Slot::SERVER).unwrap().v4.to_string(), "10.8.0.1");
        assert_eq!(pools.tor.addresses(Slot(300)).unwrap().v4.to_string(), "10.9.1.44");
        assert_eq!(pools.tor.addresses(Slot(300)).unwrap().v6.to_string(), "fd74:6f72:6e61:9::12c");
    }

    #[test]
    fn network_and_broadcast_are_not_given_out() {
        let pools = LanePools::default();
        assert_eq!(pools.direct.addresses(Slot(0)), None);
        assert_eq!(pools.direct.addresses(Slot(65_535)), None);
    }

    #[test]
    fn overlapping_pools_are_refused() {
        let mut pools = LanePools::default();
        pools.tor.v4 = pools.direct.v4;
        assert_eq!(pools.validate(), Err(PoolError::Overlap));
    }
}
