//! WireGuard in user space: a TUN device, a UDP socket, and gotatun's handshakes and sessions between them.
//! Segmentation offload on both sides keeps the number of system calls low; one worker thread does all the work. Linux
//! only; on other systems the crate contains only the setting [`Offload`].

mod offload;

#[cfg(target_os = "linux")]
mod checksum;
#[cfg(target_os = "linux")]
mod coalesce;
#[cfg(target_os = "linux")]
mod device;
#[cfg(all(feature = "fuzzing", target_os = "linux"))]
pub mod fuzzing;
#[cfg(target_os = "linux")]
mod header;
#[cfg(target_os = "linux")]
mod split;
#[cfg(target_os = "linux")]
mod tun;
#[cfg(target_os = "linux")]
mod tunnel;
#[cfg(target_os = "linux")]
mod udp;
#[cfg(target_os = "linux")]
mod vnet;
#[cfg(target_os = "linux")]
mod worker;

#[cfg(all(test, target_os = "linux"))]
mod tests;

#[cfg(target_os = "linux")]
pub use device::{Peer, Status};
pub use offload::Offload;
#[cfg(target_os = "linux")]
pub use tornado_tun_node::TunNode;
#[cfg(target_os = "linux")]
pub use tun::{Pieces, Taken, Tun};
#[cfg(target_os = "linux")]
pub use tunnel::{Link, PacketIoError, Settings, Tunnel};
#[cfg(target_os = "linux")]
pub use udp::{Narrow, Received, Socket};
