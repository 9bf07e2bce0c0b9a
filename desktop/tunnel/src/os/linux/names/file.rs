//! Writes `/etc/resolv.conf` directly. It is written in place: a rename cannot replace a file that is a mount point, as
//! in a network namespace, and would replace a symbolic link that another program manages.

use crate::os::OsError;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use tornado_kit::files::{Access, Durability, optional, replace};

/// First line of our file, by which it is recognised.
const OURS: &str = "# Written by Tornado VPN while its tunnel is up.";
/// First line of the copy: whether the file existed.
const PRESENT: &str = "present\n";
const ABSENT: &str = "absent\n";

/// The file, and the copy of its previous content.
pub(super) struct ResolvFile {
    path: PathBuf,
    kept: PathBuf,
}

impl ResolvFile {
    pub(super) const fn new(path: PathBuf, kept: PathBuf) -> Self {
        Self { path, kept }
    }

    /// The content; `None` if the file does not exist or cannot be read.
    pub(super) fn read(&self) -> Option<String> {
        fs::read(&self.path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Makes `servers` the only resolvers. If another program wrote the file in the meantime, its content replaces the
    /// copy.
    pub(super) fn set(&self, servers: &[IpAddr]) -> Result<(), OsError> {
        let content = render(servers);
        let found = read(&self.path)?;
        if found.as_deref() == Some(content.as_bytes()) {
            return Ok(());
        }
        if !found.as_deref().is_some_and(is_ours) {
            self.keep(found.as_deref()).map_err(|e| OsError::new(format!("write {}", self.kept.display()), e))?;
        }
        self.write(content.as_bytes())
    }

    /// Restores the previous content, unless another program wrote the file since: then that content stays.
    pub(super) fn restore(&self) -> Result<(), OsError> {
        let Some(kept) = read(&self.kept)? else { return Ok(()) };
        let ours = read(&self.path)?.as_deref().is_some_and(is_ours);
        if ours && let Some(before) = kept.strip_prefix(PRESENT.as_bytes()) {
            self.write(before)?;
        } else if ours {
            // A dangling symbolic link stays, and dangles again.
            let removed = fs::canonicalize(&self.path).and_then(fs::remove_file);
            removed.map_err(|e| OsError::new(format!("remove {}", self.path.display()), e))?;
            let made = String::from_utf8_lossy(kept.strip_prefix(ABSENT.as_bytes()).unwrap_or_default()).into_owned();
            for directory in made.lines() {
                // Another program may have created files there since.
                let _ = fs::remove_dir(directory);
            }
        }
        fs::remove_file(&self.kept).map_err(|e| OsError::new(format!("remove {}", self.kept.display()), e))
    }

    /// Writes the copy to disk, before the file is changed.
    fn keep(&self, found: Option<&[u8]>) -> io::Result<()> {
        let directory = self.kept.parent().ok_or(io::ErrorKind::InvalidInput)?;
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let copy = match found {
            Some(found) => [PRESENT.as_bytes(), found].concat(),
            None => {
                let target = self.target();
                let lines = missing(&target).into_iter().map(|directory| format!("{}\n", directory.display()));
                (ABSENT.to_owned() + &lines.collect::<String>()).into_bytes()
            }
        };
        replace(&self.kept, &copy, Access::PRIVATE, Durability::Synced)
    }

    /// Path of the file; for a symbolic link, its target, which may not exist.
    fn target(&self) -> PathBuf {
        let Ok(target) = fs::read_link(&self.path) else { return self.path.clone() };
        self.path.parent().map_or_else(|| target.clone(), |directory| directory.join(&target))
    }

    fn write(&self, text: &[u8]) -> Result<(), OsError> {
        let write = || {
            if let Some(directory) = self.target().parent() {
                DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
            }
            let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&self.path);
            open?.write_all(text)
        };
        write().map_err(|e| OsError::new(format!("write {}", self.path.display()), e))
    }
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, OsError> {
    optional(fs::read(path)).map_err(|e| OsError::new(format!("read {}", path.display()), e))
}

/// The previous content in a copy; `None` if the file did not exist.
pub(super) fn before(copy: &str) -> Option<&str> {
    copy.strip_prefix(PRESENT)
}

/// The missing directories above a file, innermost first.
fn missing(file: &Path) -> Vec<&Path> {
    file.ancestors().skip(1).take_while(|directory| !directory.exists()).collect()
}

fn is_ours(text: &[u8]) -> bool {
    text.starts_with(OURS.as_bytes())
}

fn render(servers: &[IpAddr]) -> String {
    let mut text = format!("{OURS}\n# The previous content is restored when the tunnel is disconnected.\n");
    for server in servers {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "nameserver {server}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Place {
        _directory: tempfile::TempDir,
        file: ResolvFile,
    }

    fn place(before: Option<&str>) -> Place {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("resolv.conf");
        if let Some(before) = before {
            fs::write(&path, before).unwrap();
        }
        let file = ResolvFile::new(path, directory.path().join("state/before"));
        Place { _directory: directory, file }
    }

    const LANE: [IpAddr; 1] = [IpAddr::V4(std::net::Ipv4Addr::new(10, 9, 0, 1))];

    #[test]
    fn the_previous_file_is_restored_even_by_the_next_process() {
        for before in [Some("search home.example\nnameserver 192.0.2.53\n"), Some(""), None] {
            let place = place(before);
            place.file.set(&LANE).unwrap();
            place.file.set(&LANE).unwrap();
            let text = place.file.read().unwrap();
            assert!(text.ends_with("nameserver 10.9.0.1\n") && !text.contains("192.0.2.53") && !text.contains("home"));
            let again = ResolvFile::new(place.file.path.clone(), place.file.kept.clone());
            again.restore().unwrap();
            assert_eq!(again.read().as_deref(), before);
            again.restore().unwrap();
            assert_eq!(again.read().as_deref(), before);
        }
    }

    #[test]
    fn a_dangling_link_is_replaced_and_restored() {
        for target in ["run/resolve/stub.conf", "stub.conf"] {
            let place = place(None);
            let root = place.file.path.parent().unwrap().to_owned();
            std::os::unix::fs::symlink(target, &place.file.path).unwrap();
            place.file.set(&LANE).unwrap();
            assert!(place.file.read().unwrap().ends_with("nameserver 10.9.0.1\n"));
            let again = ResolvFile::new(place.file.path.clone(), place.file.kept.clone());
            again.restore().unwrap();
            assert_eq!(fs::read_link(&place.file.path).unwrap(), Path::new(target));
            assert!(!root.join(target).exists() && !root.join("run").exists());
            assert!(!place.file.kept.exists());
        }
    }

    #[test]
    fn changes_by_other_programs_apply_after_the_tunnel() {
        let place = place(Some("nameserver 192.0.2.53\n"));
        place.file.set(&LANE).unwrap();
        fs::write(&place.file.path, "nameserver 203.0.113.53\n").unwrap();
        place.file.set(&LANE).unwrap();
        assert!(place.file.read().unwrap().contains("10.9.0.1"));
        place.file.restore().unwrap();
        assert_eq!(place.file.read().as_deref(), Some("nameserver 203.0.113.53\n"));

        place.file.set(&LANE).unwrap();
        fs::write(&place.file.path, "nameserver 198.51.100.53\n").unwrap();
        place.file.restore().unwrap();
        assert_eq!(place.file.read().as_deref(), Some("nameserver 198.51.100.53\n"), "not our content: it stays");
    }
}
