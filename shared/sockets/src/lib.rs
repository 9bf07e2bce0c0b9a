//! Resets TCP connections of this network namespace from outside, so that programs notice at once that a path no longer
//! exists, instead of waiting for packets that cannot arrive. Both ends of a lane use it: the gateway when the tor lane
//! closes, and a device when an address of the previous lane is removed.
//!
//! Linux only: sock_diag(7), which requires `CAP_NET_ADMIN` and a kernel with `CONFIG_INET_DIAG_DESTROY`, as in Debian.

#![forbid(unsafe_code)]
#![cfg(target_os = "linux")]

mod diag;

pub use diag::{end_tcp, end_tcp_between};
