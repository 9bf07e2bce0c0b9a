//! Windows: adapters of the Wintun driver with WireGuard in this process, addresses and routes by the IP Helper API,
//! the Windows Filtering Platform as firewall, and a rule of the name resolution policy table for DNS.
//!
//! What decides is pure and compiles on every operating system: [`filters`] and [`routes`]. Their tests run anywhere.

#[cfg(windows)]
mod engine;
mod filters;
#[cfg(windows)]
mod link;
mod routes;
#[cfg(windows)]
mod settings;
#[cfg(windows)]
mod system;

#[cfg(windows)]
pub use settings::Settings;
#[cfg(windows)]
pub use system::{Windows, own_resolvers, release};
