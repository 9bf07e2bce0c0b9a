//! Accounts and their devices: changes by operators and by the owners themselves.

pub mod accounts;
mod changes;
pub mod devices;
mod fields;
mod lookup;
pub mod own;

pub use lookup::look_up;
