//! Windows: a Wintun adapter and two UDP sockets, without offload.

pub(crate) mod tun;
pub(crate) mod udp;
