//! One value for each lane.

use tornado_shared::model::Lane;

/// A pair of values, one a lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PerLane<T> {
    /// Of the direct lane.
    pub(crate) direct: T,
    /// Of the tor lane.
    pub(crate) tor: T,
}

impl<T> PerLane<T> {
    /// The value of a lane.
    pub(crate) const fn of(&self, lane: Lane) -> &T {
        match lane {
            Lane::Direct => &self.direct,
            Lane::Tor => &self.tor,
        }
    }

    /// The value of a lane, to be changed.
    pub(crate) const fn of_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Direct => &mut self.direct,
            Lane::Tor => &mut self.tor,
        }
    }
}
