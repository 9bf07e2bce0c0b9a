//! Enables forwarding for the lanes and, as far as the kernel allows, only for them.
//!
//! The kernel decides on IPv4 forwarding by the interface on which a packet arrives, so it is enabled only on the
//! lanes' interfaces and the uplinks. IPv6 has one switch for all interfaces (the kernel's ip-sysctl.rst): it is
//! enabled, and each interface is set back to host mode, in which it accepts router advertisements. The ruleset blocks
//! the forwarding between other interfaces that this enables. The former settings are stored in a file, for the removal
//! of the server.

use super::sysctl::{has_ipv6, interfaces, read, write};
use super::uplinks::{HostInterfaces, is_plain};
use crate::error::{Error, file};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tornado_runtime::files::{Durability, replace};

/// The switches for all interfaces.
const ALL_V4: &str = "net/ipv4/conf/all/forwarding";
const ALL_V6: &str = "net/ipv6/conf/all/forwarding";

/// Settings that were off before this service enabled them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Former {
    /// Interfaces whose IPv4 forwarding was off.
    v4: BTreeSet<String>,
    /// True if IPv6 forwarding was off.
    v6: bool,
}

/// The forwarding settings and their file.
pub(crate) struct Forwarding {
    path: PathBuf,
    former: Mutex<Former>,
    /// Settings that have been on once. If one is off later, another program disabled it.
    enabled: Mutex<BTreeSet<String>>,
}

impl Forwarding {
    /// Loads the settings that an earlier process enabled.
    pub(crate) fn load(directory: &Path) -> Self {
        let path = directory.join("forwarding.json");
        let mut former: Former =
            std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        // The names become part of the ruleset, so they must be safe.
        former.v4.retain(|name| (1..16).contains(&name.len()) && is_plain(name));
        Self { path, former: Mutex::new(former), enabled: Mutex::default() }
    }

    /// Stores the settings that [`Forwarding::enable`] will enable. They are stored before they are enabled, so that
    /// the ruleset closes them to other traffic first.
    pub(crate) fn prepare(&self, host: &HostInterfaces) -> Result<(), Error> {
        let is_off = |key: &str| read(key).is_some_and(|value| value == "0");
        let v4 = host.uplinks4.iter().filter(|name| is_off(&key_v4(name)));
        let (v4, v6): (BTreeSet<String>, _) = (v4.cloned().collect(), has_ipv6() && is_off(ALL_V6));
        let mut former = self.former.lock();
        if v4.is_subset(&former.v4) && (!v6 || former.v6) {
            return Ok(());
        }
        former.v4.extend(v4);
        former.v6 |= v6;
        let bytes = serde_json::to_vec(&*former).unwrap_or_default();
        replace(&self.path, &bytes, Durability::Synced).map_err(file(&self.path))
    }

    /// Enables forwarding. Returns the settings that were on earlier and have been disabled by another program.
    pub(crate) fn enable(&self, host: &HostInterfaces, lanes: [&str; 2]) -> Result<Vec<String>, Error> {
        let mut off = Vec::new();
        for name in host.uplinks4.iter().map(String::as_str).chain(lanes) {
            let key = key_v4(name);
            // A missing interface has no setting; it is handled when it appears.
            if read(&key).is_some_and(|value| value == "0") {
                write(&key, "1")?;
                off.push(key.clone());
            }
            self.note_enabled(key, &mut off);
        }
        if has_ipv6() {
            if read(ALL_V6).is_some_and(|value| value == "0") {
                forward_v6()?;
                off.push(ALL_V6.to_owned());
            }
            self.note_enabled(ALL_V6.to_owned(), &mut off);
        }
        Ok(off)
    }

    /// Adds the interfaces that forward only for the lanes.
    pub(crate) fn with_forwarding(&self, host: HostInterfaces) -> HostInterfaces {
        let former = self.former.lock().clone();
        let is_on = |key: &str| read(key).is_some_and(|value| value == "1");
        // A program that needs forwarding enables it for all interfaces, so forwarding is no longer only for the lanes.
        let closed4 = if is_on(ALL_V4) { BTreeSet::new() } else { former.v4 };
        let open6 = (former.v6 && !is_on("net/ipv6/conf/default/forwarding")).then(|| {
            let all = interfaces("ipv6").into_iter().filter(|name| is_plain(name));
            all.filter(|name| is_on(&format!("net/ipv6/conf/{name}/forwarding"))).collect()
        });
        HostInterfaces { closed4, open6, ..host }
    }

    /// Records a setting as enabled. The first time is not reported as a change.
    fn note_enabled(&self, key: String, off: &mut Vec<String>) {
        let mut enabled = self.enabled.lock();
        if enabled.insert(key.clone()) {
            off.retain(|other| *other != key);
        }
    }
}

fn key_v4(name: &str) -> String {
    format!("net/ipv4/conf/{name}/forwarding")
}

/// Enables the IPv6 switch, which makes every interface a router, and sets the former hosts back to host mode.
fn forward_v6() -> Result<(), Error> {
    let key = |name: &str| format!("net/ipv6/conf/{name}/forwarding");
    let advertised = |name: &str| format!("net/ipv6/conf/{name}/accept_ra");
    // The switch deletes routes from router advertisements unless this is 2 (`rt6_purge_dflt_routers` in the kernel).
    let mut listening = interfaces("ipv6");
    listening.retain(|name| read(&advertised(name)).is_some_and(|value| value == "1"));
    let accept = |value: &str| {
        for name in &listening {
            if let Err(error) = write(&advertised(name), value) {
                tracing::warn!(%error, "could not change accept_ra; routes from router advertisements may be lost");
            }
        }
    };
    let mut hosts = interfaces("ipv6");
    hosts.push("default".to_owned());
    hosts.retain(|name| read(&key(name)).is_some_and(|value| value == "0"));
    accept("2");
    write(ALL_V6, "1").inspect_err(|_| accept("1"))?;
    for name in hosts {
        if let Err(error) = write(&key(&name), "0") {
            tracing::warn!(%error, "could not restore host mode; the interface may ignore router advertisements");
        }
    }
    accept("1");
    Ok(())
}
