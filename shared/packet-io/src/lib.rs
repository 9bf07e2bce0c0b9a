//! Moving packets between a TUN device, gotatun and a UDP socket with few system calls: segmentation offload on both
//! sides, one worker. Linux only; elsewhere there is only the setting.

mod offload;

#[cfg(target_os = "linux")]
mod checksum;
#[cfg(target_os = "linux")]
mod coalesce;
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

pub use offload::Offload;
#[cfg(target_os = "linux")]
pub use tun::{TunRx, TunTx, open_tun};
#[cfg(target_os = "linux")]
pub use tunnel::{Device, Link, PacketIoError, Settings, Tunnel};
#[cfg(target_os = "linux")]
pub use udp::KeptSocket;
