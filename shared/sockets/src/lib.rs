//! Ends TCP connections of this network namespace from outside, so that programs hear at once that a path is gone
//! instead of waiting for packets that cannot come. Both ends of a lane need it: the gateway when the tor lane is
//! shut, a device when the address of a former lane goes.
//!
//! Linux only: sock_diag(7), which needs `CAP_NET_ADMIN` and a kernel with `CONFIG_INET_DIAG_DESTROY` (Debian's).

#[cfg(target_os = "linux")]
mod diag;

#[cfg(target_os = "linux")]
pub use diag::{end_tcp, end_tcp_between};
