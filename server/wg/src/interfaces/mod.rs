//! The lanes' WireGuard interfaces: their keys, their creation and the implementations behind them.

mod backend;
mod factory;
pub(crate) mod keys;

pub use backend::BackendError;
#[cfg(test)]
pub(crate) use backend::FakeInterface;
pub(crate) use backend::{Absent, Interface, Interfaces, LanePeer};
pub(crate) use factory::Factory;
