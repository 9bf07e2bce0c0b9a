//! The lanes' nftables policy: as data, as text, and the call that applies it.

mod admission;
mod apply;
mod groups;
mod host;
mod listing;
mod networks;
mod nft;
mod ownership;
mod policy;
mod render;
mod seats;
mod states;

pub use apply::FirewallError;
pub(crate) use apply::{Check, Firewall};
pub(crate) use host::{Host, Mac};
#[cfg(feature = "fuzzing")]
pub(crate) use listing::compare;
pub(crate) use listing::drop_handles;
pub(crate) use nft::Nft;
pub use ownership::foreign_tables;
pub(crate) use ownership::{MARK, canary_table, refuse_foreign};
pub(crate) use policy::Policy;
#[cfg(feature = "fuzzing")]
pub(crate) use render::chains;
pub(crate) use render::{IsolationMap, Seat};
pub(crate) use states::refuse as refuse_state;
