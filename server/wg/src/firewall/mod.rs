//! The lanes' nftables policy: `policy` is data, `render` turns it into text, `apply` loads the text and verifies it.

mod apply;
mod chain;
mod error;
mod policy;
mod render;

#[cfg(feature = "fuzzing")]
pub(crate) use apply::compare;
pub use apply::foreign_tables;
pub(crate) use apply::{Check, Firewall, Nft, canary_table, drop_handles, refuse_foreign};
pub(crate) use chain::MARK;
pub use error::FirewallError;
pub(crate) use policy::Policy;
#[cfg(feature = "fuzzing")]
pub(crate) use render::chains;
pub(crate) use render::tor_states::invalid_reason;
