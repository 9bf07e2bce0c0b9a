//! WireGuard in user space: a TUN device, a UDP socket, and gotatun's handshakes and sessions between them. The
//! [`KernelTunnel`] has the same peers and settings in the kernel's implementation.
//!
//! Segmentation offload on both sides keeps the number of system calls low; one worker thread does all the work. Linux
//! only.

#![cfg(target_os = "linux")]

mod offload;

mod checksum;
mod coalesce;
mod device;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod header;
mod kernel;
mod split;
mod tun;
mod tunnel;
mod udp;
mod vnet;
mod worker;

#[cfg(test)]
mod tests;

pub use device::{Peer, Status};
pub use kernel::KernelTunnel;
pub use offload::Offload;
pub use tornado_tun_node::TunNode;
pub use tun::{Pieces, Taken, Tun};
pub use tunnel::{Link, PacketIoError, Settings, Tunnel};
pub use udp::{Narrow, Received, Socket};
