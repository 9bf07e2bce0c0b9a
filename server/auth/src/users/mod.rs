//! Accounts and their devices: changes by operators and by the owners themselves.

mod accounts;
mod changes;
mod devices;
mod fields;
mod lookup;
mod own;

pub use accounts::Accounts;
pub use devices::Devices;
pub use lookup::look_up;
pub use own::OwnAccount;
