//! What this device keeps in its state directory: the account with its login, and the desired state of the tunnel.

mod credentials;
mod desired;
mod lockdown;
mod model;
mod profiles;
mod store;

pub(crate) use credentials::Credentials;
pub(crate) use desired::{DesiredState, DesiredTunnel, Hosts, lockdown_at_start};
pub(crate) use lockdown::{FoundPolicy, blocks_at_boot, load_policy, store_policy, store_split};
pub(crate) use model::{Account, Login, Seed, Version, without_brackets};
pub use store::StoreError;
pub(crate) use store::{Store, advice};
