//! Kernel settings the lanes need, written to `/proc/sys` (CAP_NET_ADMIN suffices for `net`).
//!
//! They are not put back at the end: other software on the host may have come to rely on them meanwhile.

use crate::Error;
use std::path::Path;
pub(crate) use tornado_mesh::ground::has_ipv6;

/// Lets the host forward both families.
pub(crate) fn enable_forwarding() -> Result<(), Error> {
    write("net/ipv4/ip_forward", "1")?;
    if !has_ipv6() {
        return Ok(());
    }
    keep_router_advertisements();
    write("net/ipv6/conf/all/forwarding", "1")
}

/// Prepares IPv6 on one of our interfaces: on, and without a link-local address, which no peer could use.
pub(crate) fn prepare_interface(name: &str) -> Result<(), Error> {
    if !has_ipv6() {
        return Ok(());
    }
    write(&format!("net/ipv6/conf/{name}/disable_ipv6"), "0")?;
    write(&format!("net/ipv6/conf/{name}/addr_gen_mode"), "1")
}

/// A host that forwards ignores router advertisements unless `accept_ra` is 2 (kernel's ip-sysctl.rst):
/// without this a server that learns its own default route that way would lose it.
fn keep_router_advertisements() {
    if read("net/ipv6/conf/all/forwarding").is_some_and(|v| v == "1") {
        return;
    }
    let Ok(entries) = std::fs::read_dir("/proc/sys/net/ipv6/conf") else { return };
    for entry in entries.flatten() {
        let name = format!("net/ipv6/conf/{}/accept_ra", entry.file_name().to_string_lossy());
        if read(&name).is_some_and(|v| v == "1")
            && let Err(error) = write(&name, "2")
        {
            tracing::warn!(%error, "router advertisements may be ignored from now on");
        }
    }
}

fn read(name: &str) -> Option<String> {
    std::fs::read_to_string(Path::new("/proc/sys").join(name)).ok().map(|v| v.trim().to_owned())
}

fn write(name: &str, value: &str) -> Result<(), Error> {
    if read(name).is_some_and(|now| now == value) {
        return Ok(());
    }
    std::fs::write(Path::new("/proc/sys").join(name), value)
        .map_err(|source| Error::Sysctl { name: name.to_owned(), source })
}
