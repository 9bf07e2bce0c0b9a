//! The interfaces of this machine, with their addresses and resolvers.

use super::address_of;
use ipnet::IpNet;
use std::io;
use std::net::IpAddr;
use std::ptr::null;
use windows_sys::Win32::Foundation::{ERROR_BUFFER_OVERFLOW, ERROR_NO_DATA};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    GAA_FLAG_SKIP_ANYCAST, GAA_FLAG_SKIP_MULTICAST, GetAdaptersAddresses, IF_TYPE_SOFTWARE_LOOPBACK,
    IP_ADAPTER_ADDRESSES_LH,
};
use windows_sys::Win32::NetworkManagement::Ndis::IfOperStatusUp;
use windows_sys::Win32::Networking::WinSock::{AF_INET6, AF_UNSPEC, SOCKADDR_INET, SOCKET_ADDRESS};

/// An interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// Locally unique ID (`NET_LUID`).
    pub luid: u64,
    /// Name that users see and can change.
    pub alias: String,
    /// Whether it is the loopback interface.
    pub is_loopback: bool,
    /// Whether it can send packets.
    pub is_up: bool,
    /// Metrics of IPv4 and IPv6, which are added to those of its routes.
    pub metrics: [u32; 2],
    /// Addresses with the lengths of their prefixes.
    pub addresses: Vec<IpNet>,
    /// Resolvers.
    pub resolvers: Vec<IpAddr>,
}

/// Lists the interfaces.
///
/// # Errors
/// Those of Windows.
#[expect(unsafe_code, reason = "a linked list of Windows")]
pub fn adapters() -> io::Result<Vec<Adapter>> {
    let flags = GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST;
    // The size that Microsoft recommends for the first call. The unit makes the buffer aligned.
    let mut buffer = vec![0_u64; 2048];
    loop {
        let mut size = u32::try_from(size_of_val(buffer.as_slice())).map_err(io::Error::other)?;
        // SAFETY: the buffer has the stated size.
        let result =
            unsafe { GetAdaptersAddresses(AF_UNSPEC.into(), flags, null(), buffer.as_mut_ptr().cast(), &raw mut size) };
        match result {
            0 => break,
            ERROR_NO_DATA => return Ok(Vec::new()),
            ERROR_BUFFER_OVERFLOW => buffer.resize((size as usize).div_ceil(8) + 128, 0),
            code => return Err(io::Error::from_raw_os_error(code.cast_signed())),
        }
    }
    let mut found = Vec::new();
    let mut next: *const IP_ADAPTER_ADDRESSES_LH = buffer.as_ptr().cast();
    while !next.is_null() {
        // SAFETY: the pointers of the list lead into the buffer, which Windows filled.
        let adapter = unsafe { &*next };
        // SAFETY: as above.
        found.push(unsafe { read(adapter) });
        next = adapter.Next;
    }
    Ok(found)
}

/// Copies an entry of the list.
///
/// # Safety
/// Its pointers lead to valid memory.
#[expect(unsafe_code, reason = "linked lists of Windows")]
unsafe fn read(adapter: &IP_ADAPTER_ADDRESSES_LH) -> Adapter {
    let (mut addresses, mut resolvers) = (Vec::new(), Vec::new());
    let mut next = adapter.FirstUnicastAddress;
    while !next.is_null() {
        // SAFETY: the caller guarantees that the list is valid.
        let unicast = unsafe { &*next };
        // SAFETY: as above.
        let address = unsafe { read_address(&unicast.Address) };
        addresses.extend(address.and_then(|address| IpNet::new(address, unicast.OnLinkPrefixLength).ok()));
        next = unicast.Next;
    }
    let mut next = adapter.FirstDnsServerAddress;
    while !next.is_null() {
        // SAFETY: the caller guarantees that the list is valid.
        let server = unsafe { &*next };
        // SAFETY: as above.
        resolvers.extend(unsafe { read_address(&server.Address) });
        next = server.Next;
    }
    Adapter {
        // SAFETY: any bits are a valid number.
        luid: unsafe { adapter.Luid.Value },
        // SAFETY: the name ends with NUL.
        alias: unsafe { crate::os::text(adapter.FriendlyName) },
        is_loopback: adapter.IfType == IF_TYPE_SOFTWARE_LOOPBACK,
        is_up: adapter.OperStatus == IfOperStatusUp,
        metrics: [adapter.Ipv4Metric, adapter.Ipv6Metric],
        addresses,
        resolvers,
    }
}

/// Copies an address.
///
/// # Safety
/// The pointer is null, or leads to an address of the stated length.
#[expect(unsafe_code, reason = "a pointer of Windows")]
unsafe fn read_address(address: &SOCKET_ADDRESS) -> Option<IpAddr> {
    let length = usize::try_from(address.iSockaddrLength).ok()?;
    if address.lpSockaddr.is_null() || length < 16 {
        return None;
    }
    // SAFETY: the caller guarantees that the pointer is valid.
    let is_v6 = unsafe { (*address.lpSockaddr).sa_family } == AF_INET6;
    let needed = if is_v6 { 28 } else { 16 };
    if length < needed {
        return None;
    }
    let mut copy = SOCKADDR_INET::default();
    // SAFETY: both sides have at least this many bytes.
    unsafe {
        std::ptr::copy_nonoverlapping(address.lpSockaddr.cast::<u8>(), (&raw mut copy).cast::<u8>(), needed);
    }
    address_of(&copy)
}
