//! This machine's resolvers: replaced by the lane's resolver while a tunnel is up, and restored afterwards, even after
//! a crash.
//!
//! The mechanism is the one that maintains `/etc/resolv.conf`: systemd-resolved over D-Bus, otherwise resolvconf,
//! otherwise the file itself, with a copy of its previous content. The choice depends on the content of the file, not
//! on running services: a network namespace may have its own file, and the services that are visible there do not
//! manage it. If the file cannot be changed (immutable, read-only), the firewall redirects DNS queries. If that fails
//! too, the tunnel does not come up, and the error says what to do.

mod file;
mod redirect;
mod resolvconf;
mod resolved;

use crate::os::OsError;
use file::ResolvFile;
use std::net::IpAddr;
use std::path::Path;

/// The copy of the previous resolv.conf(5), in the state directory.
const KEPT: &str = "resolv.conf.before";
/// The file in which systemd-resolved(8) lists the resolvers of all links.
const RESOLVED_SERVERS: &str = "/run/systemd/resolve/resolv.conf";

/// The mechanism that manages this machine's resolvers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manager {
    /// systemd-resolved(8).
    Resolved,
    /// resolvconf(8), Debian's or openresolv's.
    Resolvconf,
    /// None: the file is written directly.
    File,
    /// None that works: the firewall redirects DNS queries.
    Redirect,
}

/// The resolvers of this machine.
pub(super) struct Names {
    file: ResolvFile,
    /// Name of our entry in resolvconf.
    entry: String,
    set: Option<Set>,
}

/// The settings that this process made.
struct Set {
    manager: Manager,
    index: u32,
    servers: Vec<IpAddr>,
    /// True if a failure to write the file again was logged.
    reported: bool,
}

impl Names {
    pub(super) fn new(resolv_conf: &Path, state_dir: &Path, entry: &str) -> Self {
        let kept = state_dir.join(KEPT);
        Self { file: ResolvFile::new(resolv_conf.to_owned(), kept), entry: entry.to_owned(), set: None }
    }

    /// Makes `servers`, reached through the interface `index`, the only resolvers. Tries the machine's own mechanism,
    /// then the file, then redirection by the firewall.
    pub(super) async fn set(&mut self, index: u32, servers: &[IpAddr]) -> Result<(), OsError> {
        let first = match &self.set {
            Some(set) => set.manager,
            None => manager(&self.file.read().unwrap_or_default()),
        };
        let mut managers = vec![first, Manager::File, Manager::Redirect];
        managers.dedup();
        let mut failures = Vec::new();
        for manager in managers {
            match self.set_by(manager, index, servers).await {
                Ok(()) => {
                    if self.set.as_ref().is_none_or(|set| set.manager != manager) {
                        tracing::info!(?manager, failed = failures.join("; "), "DNS queries go to the lane's resolver");
                    }
                    self.set = Some(Set { manager, index, servers: servers.to_vec(), reported: false });
                    return Ok(());
                }
                Err(error) => failures.push(error.to_string()),
            }
        }
        let advice = "make /etc/resolv.conf writable (`chattr -i`, or remount its file system), or install nftables";
        Err(OsError::new("set the lane's resolver", format!("{}; {advice}", failures.join("; "))))
    }

    async fn set_by(&self, manager: Manager, index: u32, servers: &[IpAddr]) -> Result<(), OsError> {
        match manager {
            Manager::Resolved => resolved::set(index, servers).await,
            Manager::Resolvconf => resolvconf::set(&self.entry, servers).await,
            Manager::File => self.file.set(servers),
            Manager::Redirect => redirect::set(servers).await,
        }
    }

    /// Restores the machine's own resolvers, including after a crash.
    pub(super) async fn restore(&mut self) -> Result<(), OsError> {
        match self.set.take() {
            Some(Set { manager: Manager::Resolved, index, .. }) => resolved::revert(index).await,
            Some(Set { manager: Manager::Resolvconf, .. }) => resolvconf::remove(&self.entry).await?,
            Some(Set { manager: Manager::Redirect, .. }) => redirect::remove().await?,
            Some(Set { manager: Manager::File, .. }) => {}
            None => {
                redirect::remove().await?;
                // Settings of a link in systemd-resolved disappear with the link.
                if manager(&self.file.read().unwrap_or_default()) == Manager::Resolvconf {
                    resolvconf::remove(&self.entry).await?;
                }
            }
        }
        self.file.restore()
    }

    /// Writes the file again if another program changed it. The other program's content is restored after the tunnel is
    /// disconnected.
    pub(super) fn check(&mut self) {
        let Some(Set { manager: Manager::File, servers, reported, .. }) = &mut self.set else { return };
        match self.file.set(servers) {
            Ok(()) => *reported = false,
            Err(error) if !*reported => {
                *reported = true;
                tracing::warn!(%error, "cannot restore the lane's resolver in resolv.conf; DNS queries may fail");
            }
            Err(_) => {}
        }
    }
}

/// The resolvers that this machine uses without a tunnel, even while those of a lane are set. The result may include
/// those of the lane. Query them from sockets with the tunnel's mark.
#[must_use]
pub fn own_resolvers(resolv_conf: &Path, state_dir: &Path) -> Vec<IpAddr> {
    let before = std::fs::read_to_string(state_dir.join(KEPT)).ok();
    let before = before.as_deref().and_then(file::before).map(str::to_owned);
    let text = before.unwrap_or_else(|| std::fs::read_to_string(resolv_conf).unwrap_or_default());
    match manager(&text) {
        // The stub queries only the lane's resolver. This file lists the resolvers of the networks.
        Manager::Resolved => servers(&std::fs::read_to_string(RESOLVED_SERVERS).unwrap_or_default()),
        Manager::Resolvconf | Manager::File | Manager::Redirect => servers(&text),
    }
}

/// The addresses in a resolv.conf(5), without zones.
fn servers(text: &str) -> Vec<IpAddr> {
    let values = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    values.filter_map(|value| value.trim().parse().ok()).collect()
}

/// The mechanism that wrote a resolv.conf(5).
fn manager(text: &str) -> Manager {
    let servers: Vec<&str> = text.lines().filter_map(|l| l.trim().strip_prefix("nameserver")).map(str::trim).collect();
    // The two addresses of systemd-resolved(8)'s stub.
    if !servers.is_empty() && servers.iter().all(|s| ["127.0.0.53", "127.0.0.54"].contains(s)) {
        return Manager::Resolved;
    }
    let comments = text.lines().filter(|l| l.starts_with('#'));
    if comments.into_iter().any(|l| l.contains("resolvconf") && l.to_lowercase().contains("generated")) {
        return Manager::Resolvconf;
    }
    Manager::File
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_resolvers_are_known_while_the_lanes_are_set() {
        let directory = tempfile::tempdir().unwrap();
        let (conf, state) = (directory.path().join("resolv.conf"), directory.path().join("state"));
        std::fs::write(&conf, "nameserver 192.0.2.53\nnameserver 2001:db8::53\n").unwrap();
        let own: [IpAddr; 2] = ["192.0.2.53".parse().unwrap(), "2001:db8::53".parse().unwrap()];
        assert_eq!(own_resolvers(&conf, &state), own);
        let names = Names::new(&conf, &state, "tornado");
        names.file.set(&["10.9.0.1".parse().unwrap()]).unwrap();
        assert_eq!(own_resolvers(&conf, &state), own);
        names.file.restore().unwrap();
        assert_eq!(own_resolvers(&conf, &state), own);
    }

    #[test]
    fn the_program_that_wrote_the_file_is_detected() {
        let stub = "# This is /run/systemd/resolve/stub-resolv.conf managed by man:systemd-resolved(8).\n\
                    nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n";
        assert_eq!(manager(stub), Manager::Resolved);
        let debian =
            "# Dynamic resolv.conf(5) file for glibc resolver(3) generated by resolvconf(8)\nnameserver 192.0.2.53\n";
        assert_eq!(manager(debian), Manager::Resolvconf);
        assert_eq!(manager("# Generated by resolvconf\nnameserver 192.0.2.53\n"), Manager::Resolvconf);
        for other in ["", "nameserver 192.0.2.53\n", "# Generated by NetworkManager\nnameserver 192.0.2.53\n"] {
            assert_eq!(manager(other), Manager::File, "{other}");
        }
        assert_eq!(manager("nameserver 127.0.0.53\nnameserver 192.0.2.53\n"), Manager::File, "queries bypass the stub");
    }
}
