//! A pair of values, one for each lane.

use tornado_shared::model::Lane;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PerLane<T> {
    pub(crate) direct: T,
    pub(crate) tor: T,
}

impl<T> PerLane<T> {
    pub(crate) const fn of(&self, lane: Lane) -> &T {
        match lane {
            Lane::Direct => &self.direct,
            Lane::Tor => &self.tor,
        }
    }

    pub(crate) const fn of_mut(&mut self, lane: Lane) -> &mut T {
        match lane {
            Lane::Direct => &mut self.direct,
            Lane::Tor => &mut self.tor,
        }
    }
}
