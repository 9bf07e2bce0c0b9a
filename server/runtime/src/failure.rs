//! Why a service ended. A failing service writes one line to its own directory; the supervisor reads it and shows it in
//! `tornadod status`, so that no operator has to search the log.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

const FILE: &str = "failure";
/// Longest text in bytes.
const MAX: usize = 1024;

/// Stores the reason. Called by the service itself.
///
/// # Errors
/// When the file cannot be created or written.
pub fn leave(state_dir: &Path, reason: &str) -> io::Result<()> {
    let path = state_dir.join(FILE);
    forget(state_dir);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(reason.as_bytes().get(..MAX).unwrap_or(reason.as_bytes()))
}

/// Removes a stored reason.
pub fn forget(state_dir: &Path) {
    // The file need not exist.
    drop(std::fs::remove_file(state_dir.join(FILE)));
}

/// Removes and returns the reason that user `uid` stored, as one line without control characters. The service owns the
/// directory, so its content is hostile: a link, a file of another owner or a special file counts as absent.
#[must_use]
pub fn take(state_dir: &Path, uid: u32) -> Option<String> {
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(state_dir.join(FILE)).ok()?;
    let found = file.metadata().ok()?;
    if !found.is_file() || found.uid() != uid {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(MAX as u64).read_to_end(&mut bytes).ok()?;
    forget(state_dir);
    let text: String = String::from_utf8_lossy(&bytes).chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_taken_once_and_only_from_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let uid = nix::unistd::geteuid().as_raw();
        assert_eq!(take(dir.path(), uid), None);
        leave(dir.path(), "old").unwrap();
        leave(dir.path(), "cannot open\n\u{1b}[31m/dev/net/tun\n").unwrap();
        assert_eq!(take(dir.path(), uid + 1), None);
        assert_eq!(take(dir.path(), uid).unwrap(), "cannot open  [31m/dev/net/tun");
        assert_eq!(take(dir.path(), uid), None);
    }

    #[test]
    fn links_fifos_and_long_texts_do_no_harm() {
        let dir = tempfile::tempdir().unwrap();
        let uid = nix::unistd::geteuid().as_raw();
        let secret = dir.path().join("secret");
        std::fs::write(&secret, "key").unwrap();
        std::os::unix::fs::symlink(&secret, dir.path().join(FILE)).unwrap();
        assert_eq!(take(dir.path(), uid), None);
        forget(dir.path());
        nix::unistd::mkfifo(&dir.path().join(FILE), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(take(dir.path(), uid), None);
        leave(dir.path(), &"x".repeat(5000)).unwrap();
        assert_eq!(take(dir.path(), uid).unwrap().len(), MAX);
    }
}
