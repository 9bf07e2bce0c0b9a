//! Implementations of a WireGuard interface.

#[cfg(test)]
mod fake;
mod interface;
mod kernel;
mod userspace;

#[cfg(test)]
pub(crate) use fake::FakeInterface;
pub use interface::BackendError;
pub(crate) use interface::{Absent, Interface, Interfaces, LanePeer};
pub(crate) use kernel::KernelInterface;
pub(crate) use userspace::UserspaceInterface;
