//! The files of a machine at two times, and what has changed between them.

use anyhow::Context as _;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Files up to this size are compared by content, larger ones by time.
const SMALL: u64 = 1 << 16;

/// Paths that differ after any installation or boot: logs, and the files of apt and dpkg, of the account tools, of
/// systemd and of Debian's own Tor.
const OF_THE_SYSTEM: &[&str] = &[
    "etc/.pwd.lock",
    "etc/.updated",
    "etc/group-",
    "etc/gshadow-",
    "etc/ld.so.cache",
    "etc/passwd-",
    "etc/shadow-",
    "etc/subgid-",
    "etc/subuid-",
    "root/.",
    "tmp/",
    "var/.updated",
    "var/cache/",
    "var/lib/apt/",
    "var/lib/dpkg/",
    "var/lib/systemd/",
    "var/lib/tor/",
    "var/log/",
    "var/tmp/",
];

/// Paths and states of files.
#[derive(Debug)]
pub struct Files(BTreeMap<String, State>);

#[derive(Debug, PartialEq, Eq)]
struct State {
    mode: u32,
    owner: (u32, u32),
    content: u64,
}

impl Files {
    /// The files below a directory.
    pub(crate) fn below(root: &Path) -> anyhow::Result<Self> {
        let (mut files, mut left) = (BTreeMap::new(), vec![root.to_owned()]);
        while let Some(directory) = left.pop() {
            let entries =
                std::fs::read_dir(&directory).with_context(|| format!("cannot read {}", directory.display()))?;
            for entry in entries {
                let path = entry?.path();
                let found = path.symlink_metadata().with_context(|| format!("cannot read {}", path.display()))?;
                let mut content = DefaultHasher::new();
                if found.is_symlink() {
                    std::fs::read_link(&path)?.hash(&mut content);
                } else if found.is_file() && found.len() <= SMALL {
                    std::fs::read(&path)?.hash(&mut content);
                } else if found.is_file() {
                    (found.len(), found.mtime(), found.mtime_nsec()).hash(&mut content);
                } else if found.is_dir() {
                    left.push(path.clone());
                }
                let state = State { mode: found.mode(), owner: (found.uid(), found.gid()), content: content.finish() };
                files.insert(path.strip_prefix(root)?.display().to_string(), state);
            }
        }
        Ok(Self(files))
    }

    /// The paths that contain a word.
    pub fn named<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().map(String::as_str).filter(move |path| path.contains(word))
    }
}

/// The paths that were added, removed or changed, except those that the system itself changes. A path with the name of
/// a package of ours is always listed.
#[must_use]
pub fn changes(before: &Files, after: &Files) -> Vec<String> {
    let is_relevant =
        |path: &str| path.contains("tornado") || !OF_THE_SYSTEM.iter().any(|prefix| path.starts_with(prefix));
    let added = after.0.keys().filter(|path| !before.0.contains_key(*path)).map(|path| ("added", path));
    let removed = before.0.keys().filter(|path| !after.0.contains_key(*path)).map(|path| ("removed", path));
    let changed = before.0.iter().filter(|(path, state)| after.0.get(*path).is_some_and(|now| now != *state));
    let all = added.chain(removed).chain(changed.map(|(path, _)| ("changed", path)));
    all.filter(|(_, path)| is_relevant(path)).map(|(how, path)| format!("{how}: {path}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_found_and_those_of_the_system_are_not() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("etc/passwd", "a");
        write("etc/gone", "a");
        write("var/lib/dpkg/status", "a");
        write("var/cache/old", "");
        let before = Files::below(root.path()).unwrap();
        write("etc/passwd", "b");
        write("var/lib/dpkg/status", "b");
        write("var/lib/dpkg/info/tornado-server.list", "");
        write("var/cache/new", "");
        std::fs::remove_file(root.path().join("etc/gone")).unwrap();
        let after = Files::below(root.path()).unwrap();
        assert_eq!(
            changes(&before, &after),
            ["added: var/lib/dpkg/info/tornado-server.list", "removed: etc/gone", "changed: etc/passwd"]
        );
        assert_eq!(after.named("tornado").count(), 1);
    }
}
