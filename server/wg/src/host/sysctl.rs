//! Kernel settings under `/proc/sys`. Those under `net` need CAP_NET_ADMIN.

use crate::error::Error;
use std::path::Path;
pub(crate) use tornado_runtime::ground::has_ipv6;

/// Enables IPv6 on one of our interfaces, without a link-local address, which no peer could use.
pub(crate) fn prepare_interface(name: &str) -> Result<(), Error> {
    if !has_ipv6() {
        return Ok(());
    }
    write(&format!("net/ipv6/conf/{name}/disable_ipv6"), "0")?;
    // The link-local address is useless but harmless, so a read-only /proc/sys is not an error.
    if let Err(error) = write(&format!("net/ipv6/conf/{name}/addr_gen_mode"), "1") {
        tracing::debug!(%error, "the interface keeps its link-local address");
    }
    Ok(())
}

/// Names of the interfaces that have settings of a family (`ipv4` or `ipv6`).
pub(crate) fn interfaces(family: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/sys/net/{family}/conf")) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name != "all" && name != "default").collect()
}

/// The value of a setting; `None` if it does not exist.
pub(crate) fn read(name: &str) -> Option<String> {
    std::fs::read_to_string(Path::new("/proc/sys").join(name)).ok().map(|v| v.trim().to_owned())
}

/// Changes a setting unless it already has this value.
pub(crate) fn write(name: &str, value: &str) -> Result<(), Error> {
    if read(name).is_some_and(|now| now == value) {
        return Ok(());
    }
    std::fs::write(Path::new("/proc/sys").join(name), value)
        .map_err(|source| Error::Sysctl { name: name.to_owned(), source })
}
