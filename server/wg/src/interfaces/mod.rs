//! The lanes' WireGuard interfaces: their keys, their creation and the implementations behind them.

mod factory;
#[cfg(test)]
mod fake;
mod interface;
pub(crate) mod keys;
mod lane;

pub(crate) use factory::Factory;
#[cfg(test)]
pub(crate) use fake::FakeInterface;
pub use interface::BackendError;
pub(crate) use interface::{Absent, Interface, Interfaces};
