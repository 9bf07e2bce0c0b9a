//! Interfaces, addresses and routes: the IP Helper API.

mod adapters;
mod configure;
mod outside;
mod routes;
mod watch;

pub use adapters::{Adapter, adapters};
pub use configure::{AddedRoute, add_address, add_route, configure, remove_route};
pub use outside::{forget_tunnel, keep_outside, register_tunnel, route_outside};
pub use routes::routes;
pub use watch::Watch;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use windows_sys::Win32::Networking::WinSock::{AF_INET, AF_INET6, SOCKADDR_INET};

/// The address in a structure of Windows; `None` for another family.
#[expect(unsafe_code, reason = "a union")]
fn address_of(socket: &SOCKADDR_INET) -> Option<IpAddr> {
    // SAFETY: all members of the union begin with the family.
    let family = unsafe { socket.si_family };
    match family {
        // SAFETY: the family says which member is valid; each of its bytes may have any value.
        AF_INET => Some(Ipv4Addr::from(u32::from_be(unsafe { socket.Ipv4.sin_addr.S_un.S_addr })).into()),
        // SAFETY: as above.
        AF_INET6 => Some(Ipv6Addr::from(unsafe { socket.Ipv6.sin6_addr.u.Byte }).into()),
        _ => None,
    }
}
