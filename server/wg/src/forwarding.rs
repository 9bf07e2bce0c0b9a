//! Lets the host forward for the lanes and, as far as the kernel can, for nothing else.
//!
//! IPv4 is forwarded by the interface on which a packet came in, so only the lanes' interfaces and those that lead to the
//! internet are switched on. IPv6 knows one switch for all (the kernel's ip-sysctl.rst); it is turned, and each interface
//! is made a host again, which keeps its router advertisements. What this opens between other interfaces the ruleset
//! closes. What was before is remembered in a file, for the day when the server is removed.

use crate::Error;
use crate::error::file;
use crate::files::{Durability, replace};
use crate::firewall::Host;
use crate::sysctl::{has_ipv6, interfaces, read, write};
use crate::uplinks::is_plain;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The switch for all interfaces.
const ALL_V4: &str = "net/ipv4/conf/all/forwarding";
const ALL_V6: &str = "net/ipv6/conf/all/forwarding";

/// What this service switched on that was off.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Former {
    /// Interfaces of IPv4.
    v4: BTreeSet<String>,
    /// The one switch of IPv6.
    v6: bool,
}

/// The switches.
pub(crate) struct Forwarding {
    path: PathBuf,
    former: Mutex<Former>,
    /// On once: what is off later, another program switched off.
    is_held: Mutex<BTreeSet<String>>,
}

impl Forwarding {
    /// With what an earlier run switched on.
    pub(crate) fn load(directory: &Path) -> Self {
        let path = directory.join("forwarding.json");
        let mut former: Former =
            std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        // The names become part of the ruleset.
        former.v4.retain(|name| (1..16).contains(&name.len()) && is_plain(name));
        Self { path, former: Mutex::new(former), is_held: Mutex::default() }
    }

    /// Remembers what [`Forwarding::hold`] is about to switch on: the ruleset closes it to others first.
    pub(crate) fn prepare(&self, host: &Host) -> Result<(), Error> {
        let is_off = |key: &str| read(key).is_some_and(|value| value == "0");
        let v4 = host.uplinks4.iter().filter(|name| is_off(&key_v4(name)));
        let (v4, v6): (BTreeSet<String>, _) = (v4.cloned().collect(), has_ipv6() && is_off(ALL_V6));
        let mut former = self.former();
        if v4.is_subset(&former.v4) && (!v6 || former.v6) {
            return Ok(());
        }
        former.v4.extend(v4);
        former.v6 |= v6;
        let bytes = serde_json::to_vec(&*former).unwrap_or_default();
        replace(&self.path, &bytes, Durability::Synced).map_err(file(&self.path))
    }

    /// Switches on what is off. Returns what had been on already and was off.
    pub(crate) fn hold(&self, host: &Host, lanes: [&str; 2]) -> Result<Vec<String>, Error> {
        let mut off = Vec::new();
        for name in host.uplinks4.iter().map(String::as_str).chain(lanes) {
            let key = key_v4(name);
            // An interface that is away has none; it is seen to when it comes.
            if read(&key).is_some_and(|value| value == "0") {
                write(&key, "1")?;
                off.push(key.clone());
            }
            self.note(key, &mut off);
        }
        if has_ipv6() {
            if read(ALL_V6).is_some_and(|value| value == "0") {
                forward_v6()?;
                off.push(ALL_V6.to_owned());
            }
            self.note(ALL_V6.to_owned(), &mut off);
        }
        Ok(off)
    }

    /// Adds to what the ruleset needs to know which interfaces forward for the lanes only.
    pub(crate) fn strangers(&self, host: Host) -> Host {
        let former = self.former().clone();
        let is_on = |key: &str| read(key).is_some_and(|value| value == "1");
        // Once another program wants forwarding it switches all on.
        let closed4 = if is_on(ALL_V4) { BTreeSet::new() } else { former.v4 };
        let open6 = (former.v6 && !is_on("net/ipv6/conf/default/forwarding")).then(|| {
            let all = interfaces("ipv6").into_iter().filter(|name| is_plain(name));
            all.filter(|name| is_on(&format!("net/ipv6/conf/{name}/forwarding"))).collect()
        });
        Host { closed4, open6, ..host }
    }

    /// A key that is on for the first time is no news.
    fn note(&self, key: String, off: &mut Vec<String>) {
        let mut held = self.is_held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.insert(key.clone()) {
            off.retain(|other| *other != key);
        }
    }

    fn former(&self) -> MutexGuard<'_, Former> {
        self.former.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key_v4(name: &str) -> String {
    format!("net/ipv4/conf/{name}/forwarding")
}

/// Turns the one switch of IPv6, which makes a router of every interface, and makes hosts again of those that were.
fn forward_v6() -> Result<(), Error> {
    let key = |name: &str| format!("net/ipv6/conf/{name}/forwarding");
    let advertised = |name: &str| format!("net/ipv6/conf/{name}/accept_ra");
    // The switch deletes routes that came by router advertisement unless this is 2 (`rt6_purge_dflt_routers` of the kernel).
    let mut listening = interfaces("ipv6");
    listening.retain(|name| read(&advertised(name)).is_some_and(|value| value == "1"));
    let accept = |value: &str| {
        for name in &listening {
            if let Err(error) = write(&advertised(name), value) {
                tracing::warn!(%error, "routes by router advertisement may be lost");
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
            tracing::warn!(%error, "router advertisements may be ignored from now on");
        }
    }
    accept("1");
    Ok(())
}
