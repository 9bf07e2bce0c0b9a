//! Sockets whose packets leave outside the tunnels of this process.

use super::routes::routes;
use crate::Route;
use crate::route::outside;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;
use std::os::windows::io::{AsRawSocket, AsSocket};
use windows_sys::Win32::Networking::WinSock::{
    IP_UNICAST_IF, IPPROTO_IP, IPPROTO_IPV6, IPV6_UNICAST_IF, SOCKET, setsockopt,
};

/// The interfaces of this process's tunnels, by their locally unique IDs.
static TUNNELS: Mutex<BTreeSet<u64>> = Mutex::new(BTreeSet::new());

/// Records an interface of a tunnel. [`keep_outside`] never chooses it.
pub fn register_tunnel(luid: u64) {
    TUNNELS.lock().insert(luid);
}

/// Removes it again.
pub fn forget_tunnel(luid: u64) {
    TUNNELS.lock().remove(&luid);
}

/// The route to `to` outside the tunnels.
///
/// # Errors
/// `NetworkUnreachable` if only a tunnel leads there; those of Windows.
pub fn route_outside(to: IpAddr) -> io::Result<Route> {
    let tunnels: Vec<u64> = TUNNELS.lock().iter().copied().collect();
    Ok(*outside(&routes()?, &tunnels, to).ok_or(io::ErrorKind::NetworkUnreachable)?)
}

/// Binds outgoing packets of the socket to the interface that leads to `to` outside the tunnels (`IP_UNICAST_IF`,
/// `IPV6_UNICAST_IF`). The routes of a tunnel then do not apply to the socket. Loopback is not changed.
///
/// # Errors
/// `NetworkUnreachable` if only a tunnel leads there; those of Windows.
pub fn keep_outside(socket: &(impl AsSocket + ?Sized), to: IpAddr) -> io::Result<()> {
    if to.is_loopback() {
        return Ok(());
    }
    let index = route_outside(to)?.index;
    let (level, option, value) = match to {
        // IPv4 takes the index in network byte order, IPv6 in that of the host.
        IpAddr::V4(_) => (IPPROTO_IP, IP_UNICAST_IF, index.to_be_bytes()),
        IpAddr::V6(_) => (IPPROTO_IPV6, IPV6_UNICAST_IF, index.to_ne_bytes()),
    };
    let raw = SOCKET::try_from(socket.as_socket().as_raw_socket()).map_err(io::Error::other)?;
    #[expect(unsafe_code, reason = "a call of the Windows API with a pointer")]
    // SAFETY: the socket is open, and the value has the stated length.
    let result = unsafe { setsockopt(raw, level, option, value.as_ptr(), 4) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
