//! The routing table.

use super::adapters::{Adapter, adapters};
use super::address_of;
use crate::Route;
use crate::os::succeeded;
use ipnet::IpNet;
use std::io;
use std::ptr::{null_mut, slice_from_raw_parts};
use windows_sys::Win32::NetworkManagement::IpHelper::{
    FreeMibTable, GetIpForwardTable2, MIB_IPFORWARD_ROW2, MIB_IPFORWARD_TABLE2,
};
use windows_sys::Win32::Networking::WinSock::AF_UNSPEC;

/// Lists the routes of interfaces that are up.
///
/// # Errors
/// Those of Windows.
pub fn routes() -> io::Result<Vec<Route>> {
    let adapters = adapters()?;
    let table = Table::read()?;
    Ok(table.rows().iter().filter_map(|row| read(row, &adapters)).collect())
}

#[expect(unsafe_code, reason = "a union")]
fn read(row: &MIB_IPFORWARD_ROW2, adapters: &[Adapter]) -> Option<Route> {
    // SAFETY: any bits are a valid number.
    let luid = unsafe { row.InterfaceLuid.Value };
    let adapter = adapters.iter().find(|adapter| adapter.luid == luid && adapter.is_up)?;
    let net = IpNet::new(address_of(&row.DestinationPrefix.Prefix)?, row.DestinationPrefix.PrefixLength).ok()?;
    let [v4, v6] = adapter.metrics;
    let metric = row.Metric.saturating_add(if net.addr().is_ipv4() { v4 } else { v6 });
    let gateway = address_of(&row.NextHop).filter(|gateway| !gateway.is_unspecified());
    Some(Route { net, luid, index: row.InterfaceIndex, gateway, metric })
}

/// A table that Windows allocated.
struct Table(*mut MIB_IPFORWARD_TABLE2);

#[expect(unsafe_code, reason = "a structure of variable length")]
impl Table {
    fn read() -> io::Result<Self> {
        let mut table = null_mut();
        // SAFETY: the variable receives an allocated table.
        succeeded(unsafe { GetIpForwardTable2(AF_UNSPEC, &raw mut table) })?;
        Ok(Self(table))
    }

    fn rows(&self) -> &[MIB_IPFORWARD_ROW2] {
        // SAFETY: the table is valid until it is dropped, and has this many rows from its first one on.
        unsafe { &*slice_from_raw_parts((&raw const (*self.0).Table).cast(), (*self.0).NumEntries as usize) }
    }
}

impl Drop for Table {
    #[expect(unsafe_code, reason = "Windows allocated it")]
    fn drop(&mut self) {
        // SAFETY: it was allocated by the function above, and is freed only here.
        unsafe { FreeMibTable(self.0.cast()) };
    }
}
