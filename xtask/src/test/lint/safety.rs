//! Every crate forbids unsafe code, except those of a list. The lint `unsafe_code` of the workspace only denies it, so
//! a single `expect` would be enough to introduce it.

use anyhow::Context as _;
use std::path::Path;

/// Roots of crates that contain unsafe code, and what for. Each place has an `expect` with its own reason.
const UNSAFE: &[(&str, &str)] = &[
    ("desktop/helper/src/main.rs", "inherits descriptors; drops rights between fork and exec"),
    ("e2e/windows/src/lib.rs", "starts a process with another token"),
    ("fuzz/src/main.rs", "the entry point of libFuzzer is an exported function"),
    ("server/master/src/lib.rs", "process descriptors; drops rights between fork and exec"),
    ("server/runtime/src/lib.rs", "inherits sockets; changes the groups of one thread; trims the allocator"),
    ("server/tor/src/lib.rs", "drops rights between fork and exec"),
    ("shared/packet-io/src/lib.rs", "ioctls of TUN devices and socket options without a safe wrapper"),
    ("shared/rights/src/lib.rs", "prctl(2) and capset(2) have no safe wrapper"),
    ("shared/tun-node/src/lib.rs", "takes over descriptors that another process sent"),
    ("shared/windows/src/lib.rs", "calls of the Windows API"),
];
const FORBID: &str = "#![forbid(unsafe_code)]";

/// Returns one line for each finding. `names` are the Rust files of the tree.
pub fn check(root: &Path, names: &[String]) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for name in names.iter().filter(|name| is_root(name)) {
        let text = std::fs::read_to_string(root.join(name)).with_context(|| name.clone())?;
        found.extend(fault(name, text.lines().any(|line| line == FORBID)));
    }
    let gone = UNSAFE.iter().filter(|(name, _)| !names.iter().any(|known| known == name));
    found.extend(gone.map(|(name, _)| format!("{name} is in the list of {}, but does not exist", file!())));
    Ok(found)
}

fn fault(name: &str, forbids: bool) -> Option<String> {
    match (UNSAFE.iter().any(|(listed, _)| *listed == name), forbids) {
        (false, false) => Some(format!("{name}: write {FORBID}, or add it with a reason to the list of {}", file!())),
        (true, true) => Some(format!("{name}: it forbids unsafe code; remove it from the list of {}", file!())),
        (false, true) | (true, false) => None,
    }
}

/// Whether the file is the root of a library or a program.
fn is_root(name: &str) -> bool {
    let Some((_, file)) = name.rsplit_once("src/") else { return false };
    matches!(file, "lib.rs" | "main.rs") || file.strip_prefix("bin/").is_some_and(|rest| !rest.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_without_the_attribute_are_found() {
        assert!(fault("server/wg/src/lib.rs", false).unwrap().starts_with("server/wg/src/lib.rs: write #![forbid"));
        assert!(fault("server/tor/src/lib.rs", true).unwrap().contains("remove it from the list"));
        assert!(fault("server/wg/src/lib.rs", true).is_none() && fault("server/tor/src/lib.rs", false).is_none());
        for name in ["shared/src/lib.rs", "xtask/src/main.rs", "server/store/src/bin/raw_writes.rs"] {
            assert!(is_root(name), "{name}");
        }
        for name in ["fuzz/build.rs", "server/wg/src/peers/lib.rs", "server/wg/tests/lanes_support/main.rs"] {
            assert!(!is_root(name), "{name}");
        }
    }

    #[test]
    fn a_listed_root_that_does_not_exist_is_found() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(check(root.path(), &[]).unwrap().len(), UNSAFE.len());
    }
}
