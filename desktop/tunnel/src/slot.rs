//! The names of the two interfaces.

/// One of two interfaces. With two, a new tunnel can be set up before the old one is removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The first interface.
    A,
    /// The second interface.
    B,
}

impl Slot {
    /// Both interfaces.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The other interface.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}
