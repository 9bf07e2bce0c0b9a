//! Who has a port.

use crate::commands::doctor::facts::Holder;
use crate::commands::doctor::parse;
use std::path::Path;

/// The process that has a port of this machine, in either family.
pub(super) fn holder(protocol: &str, port: u16) -> Holder {
    let inodes: Vec<u64> = ["", "6"]
        .iter()
        .flat_map(|family| {
            parse::holders(&super::read(&format!("/proc/net/{protocol}{family}")), port, protocol == "tcp")
        })
        .collect();
    if inodes.is_empty() {
        return Holder::Nobody;
    }
    owner(&inodes).unwrap_or(Holder::Unknown)
}

/// The first process that holds one of these sockets (proc(5), `fd`).
fn owner(inodes: &[u64]) -> Option<Holder> {
    let wanted: Vec<String> = inodes.iter().map(|inode| format!("socket:[{inode}]")).collect();
    let holds = |process: &Path| {
        let Ok(descriptors) = std::fs::read_dir(process.join("fd")) else { return false };
        descriptors
            .flatten()
            .filter_map(|fd| std::fs::read_link(fd.path()).ok())
            .any(|target| target.to_str().is_some_and(|target| wanted.iter().any(|socket| socket == target)))
    };
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if holds(&entry.path()) {
            let name = std::fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            return Some(Holder::Process { name: name.trim().to_owned(), pid });
        }
    }
    None
}
