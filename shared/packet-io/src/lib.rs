//! WireGuard in user space: a TUN device, a UDP socket, and gotatun's handshakes and sessions between them. The
//! [`KernelTunnel`] has the same peers and settings in the kernel's implementation.
//!
//! Segmentation offload on both sides keeps the number of system calls low; one worker thread does all the work. On
//! Windows there is no offload, and no WireGuard in the kernel.

#![cfg(any(target_os = "linux", windows))]

mod offload;

#[cfg(target_os = "linux")]
mod checksum;
#[cfg(target_os = "linux")]
mod coalesce;
mod device;
#[cfg(all(target_os = "linux", feature = "fuzzing"))]
pub mod fuzzing;
#[cfg(target_os = "linux")]
mod header;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(target_os = "linux")]
mod split;
#[cfg(target_os = "linux")]
mod tun;
mod tunnel;
#[cfg(target_os = "linux")]
mod udp;
#[cfg(target_os = "linux")]
mod vnet;
#[cfg(windows)]
mod windows;
mod worker;

#[cfg(all(test, target_os = "linux"))]
mod tests;

pub use device::{Peer, Status};
#[cfg(target_os = "linux")]
pub use kernel::KernelTunnel;
pub use offload::Offload;
#[cfg(target_os = "linux")]
pub use tornado_tun_node::TunNode;
pub use tun::{Pieces, Taken, Tun};
pub use tunnel::{Link, PacketIoError, Settings, Tunnel};
pub use udp::{Narrow, Received, Socket};
#[cfg(windows)]
use windows::{tun, udp};
