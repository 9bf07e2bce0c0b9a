//! Finds the process that holds a port.

use crate::commands::doctor::facts::Holder;
use crate::commands::doctor::parse;
use std::path::Path;

/// The process that holds a local port, IPv4 or IPv6.
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
            return Some(Holder::Process { name: name(&entry.path()), pid });
        }
    }
    None
}

/// The name with which a process was started. `comm` is not usable: the supervisor starts services as `/proc/self/exe`.
fn name(process: &Path) -> String {
    let called = std::fs::read(process.join("cmdline")).unwrap_or_default();
    let first = String::from_utf8_lossy(called.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned();
    Path::new(&first).file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
