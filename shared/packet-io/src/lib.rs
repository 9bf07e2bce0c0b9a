//! WireGuard in user space: a TUN device, a UDP socket, and between them gotatun's handshakes and sessions. Few system calls
//! by segmentation offload on both sides, one worker. Linux only; elsewhere there is only the setting.

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
