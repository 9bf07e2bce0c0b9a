//! Addresses, settings and routes of an interface.

use super::address_of;
use crate::os::succeeded;
use ipnet::IpNet;
use std::io;
use std::net::IpAddr;
use windows_sys::Win32::Foundation::{ERROR_NOT_FOUND, ERROR_OBJECT_ALREADY_EXISTS, WIN32_ERROR};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    CreateIpForwardEntry2, CreateUnicastIpAddressEntry, DeleteIpForwardEntry2, GetIpInterfaceEntry, IP_ADDRESS_PREFIX,
    InitializeIpForwardEntry, InitializeIpInterfaceEntry, InitializeUnicastIpAddressEntry, MIB_IPFORWARD_ROW2,
    MIB_IPINTERFACE_ROW, MIB_UNICASTIPADDRESS_ROW, SetIpInterfaceEntry,
};
use windows_sys::Win32::NetworkManagement::Ndis::NET_LUID_LH;
use windows_sys::Win32::Networking::WinSock::{
    ADDRESS_FAMILY, AF_INET, AF_INET6, IpDadStatePreferred, MIB_IPPROTO_NETMGMT, SOCKADDR_INET,
};

/// A route that this process adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AddedRoute {
    /// Destinations.
    pub net: IpNet,
    /// Locally unique ID of the interface.
    pub luid: u64,
    /// Next hop; `None` if the destinations are on the link.
    pub gateway: Option<IpAddr>,
}

/// Adds an address to an interface. It is usable at once.
///
/// # Errors
/// Those of Windows, but not that the address exists.
pub fn add_address(luid: u64, address: IpAddr) -> io::Result<()> {
    let mut row = MIB_UNICASTIPADDRESS_ROW::default();
    #[expect(unsafe_code, reason = "a call of the Windows API")]
    // SAFETY: the structure outlives the call.
    unsafe {
        InitializeUnicastIpAddressEntry(&raw mut row);
    }
    row.InterfaceLuid = NET_LUID_LH { Value: luid };
    row.Address = socket_of(address);
    row.OnLinkPrefixLength = if address.is_ipv4() { 32 } else { 128 };
    // No other host of the tunnel can have the address.
    row.DadState = IpDadStatePreferred;
    #[expect(unsafe_code, reason = "a call of the Windows API")]
    // SAFETY: the structure is complete and outlives the call.
    ignoring(ERROR_OBJECT_ALREADY_EXISTS, unsafe { CreateUnicastIpAddressEntry(&raw const row) })
}

/// Sets MTU and metric of an interface for the family of `family`. With the lowest metric, its resolvers come first.
///
/// # Errors
/// Those of Windows; one of them is that the family is disabled.
pub fn configure(luid: u64, family: IpAddr, mtu: u16) -> io::Result<()> {
    let mut row = MIB_IPINTERFACE_ROW::default();
    #[expect(unsafe_code, reason = "calls of the Windows API")]
    // SAFETY: the structure outlives the calls.
    unsafe {
        InitializeIpInterfaceEntry(&raw mut row);
        row.Family = family_of(family);
        row.InterfaceLuid = NET_LUID_LH { Value: luid };
        succeeded(GetIpInterfaceEntry(&raw mut row))?;
    }
    row.NlMtu = mtu.into();
    row.UseAutomaticMetric = false;
    row.Metric = 1;
    row.DadTransmits = 0;
    // The server announces nothing inside the tunnel.
    row.ManagedAddressConfigurationSupported = false;
    row.OtherStatefulConfigurationSupported = false;
    // Windows returns a value for IPv4 that it does not accept.
    row.SitePrefixLength = 0;
    #[expect(unsafe_code, reason = "a call of the Windows API")]
    // SAFETY: the structure was read above and outlives the call.
    succeeded(unsafe { SetIpInterfaceEntry(&raw mut row) })
}

/// Adds a route with the lowest metric.
///
/// # Errors
/// Those of Windows, but not that the route exists.
#[expect(unsafe_code, reason = "a call of the Windows API")]
pub fn add_route(route: &AddedRoute) -> io::Result<()> {
    let row = row_of(route);
    // SAFETY: the structure is complete and outlives the call.
    ignoring(ERROR_OBJECT_ALREADY_EXISTS, unsafe { CreateIpForwardEntry2(&raw const row) })
}

/// Removes a route.
///
/// # Errors
/// Those of Windows, but not that the route does not exist.
#[expect(unsafe_code, reason = "a call of the Windows API")]
pub fn remove_route(route: &AddedRoute) -> io::Result<()> {
    let row = row_of(route);
    // SAFETY: the structure is complete and outlives the call.
    ignoring(ERROR_NOT_FOUND, unsafe { DeleteIpForwardEntry2(&raw const row) })
}

fn row_of(route: &AddedRoute) -> MIB_IPFORWARD_ROW2 {
    let mut row = MIB_IPFORWARD_ROW2::default();
    #[expect(unsafe_code, reason = "a call of the Windows API")]
    // SAFETY: the structure outlives the call.
    unsafe {
        InitializeIpForwardEntry(&raw mut row);
    }
    row.InterfaceLuid = NET_LUID_LH { Value: route.luid };
    row.DestinationPrefix =
        IP_ADDRESS_PREFIX { Prefix: socket_of(route.net.network()), PrefixLength: route.net.prefix_len() };
    let on_link = if route.net.addr().is_ipv4() { IpAddr::from([0; 4]) } else { IpAddr::from([0; 16]) };
    row.NextHop = socket_of(route.gateway.unwrap_or(on_link));
    row.Metric = 0;
    row.Protocol = MIB_IPPROTO_NETMGMT;
    row
}

fn ignoring(code: WIN32_ERROR, result: WIN32_ERROR) -> io::Result<()> {
    if result == code { Ok(()) } else { succeeded(result) }
}

const fn family_of(address: IpAddr) -> ADDRESS_FAMILY {
    match address {
        IpAddr::V4(_) => AF_INET,
        IpAddr::V6(_) => AF_INET6,
    }
}

fn socket_of(address: IpAddr) -> SOCKADDR_INET {
    let mut socket = SOCKADDR_INET { si_family: family_of(address) };
    match address {
        IpAddr::V4(v4) => socket.Ipv4.sin_addr.S_un.S_addr = u32::from(v4).to_be(),
        IpAddr::V6(v6) => socket.Ipv6.sin6_addr.u.Byte = v6.octets(),
    }
    debug_assert_eq!(address_of(&socket), Some(address));
    socket
}
