//! Limits the log if it is a file. Every process of the server inherits standard error. With systemd it is the journal.
//! Otherwise whatever starts the server may redirect it to a file, as `cargo xtask up` does.
//!
//! The file is copied and then truncated, because all processes have it open. They append, so they continue at its new
//! end (open(2), `O_APPEND`). Lines that are written between the last read of the copy and the truncation are lost.

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tornado_runtime::files::{Access, Durability, beside, create, optional};

/// Interval between two checks.
const LOOK: Duration = Duration::from_secs(10);
/// Standard error of this process.
const OUTPUT: &str = "/proc/self/fd/2";

/// Keeps the log below `mib` MiB, with two older parts of that size, until it is dropped. 0: no limit.
pub async fn watch(mib: u32) {
    let limit = u64::from(mib) * 1024 * 1024;
    if limit == 0 {
        return;
    }
    loop {
        // The file may have been renamed or removed since the last look.
        let look = move || appended(Path::new(OUTPUT)).map_or(Ok(()), |path| cut(&path, limit));
        let cut = tokio::task::spawn_blocking(look).await;
        if let Ok(Err(error)) = cut {
            tracing::warn!(%error, "cannot rotate the log file");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The regular file to which standard error appends, under its current name; `None` if it is something else or was
/// removed.
fn appended(output: &Path) -> Option<PathBuf> {
    let flags = fcntl(io::stderr(), FcntlArg::F_GETFL).ok()?;
    let path = std::fs::read_link(output).ok()?;
    let (open, named) = (std::fs::metadata(output).ok()?, path.symlink_metadata().ok()?);
    let is_same = (open.dev(), open.ino()) == (named.dev(), named.ino());
    (open.is_file() && is_same && OFlag::from_bits_truncate(flags).contains(OFlag::O_APPEND)).then_some(path)
}

/// Moves the content of a file to older parts if it is longer than `limit` bytes.
fn cut(path: &Path, limit: u64) -> io::Result<()> {
    // Do not follow a link that replaced the file.
    let open = |options: &mut OpenOptions| options.custom_flags(OFlag::O_NOFOLLOW.bits()).open(path);
    let mut log = open(OpenOptions::new().read(true).write(true))?;
    let length = log.metadata()?.len();
    if length <= limit {
        return Ok(());
    }
    let [first, second, new] = ["1", "2", "new"].map(|part| beside(path, part));
    // The copy first: where it fails, both older parts are kept.
    let copied = create(&new, Access::PRIVATE, Durability::Unsynced, |new| io::copy(&mut log, new).map(drop))
        .and_then(|()| optional(std::fs::rename(&first, &second)))
        .and_then(|_| std::fs::rename(&new, &first));
    // Without space for a copy the limit still holds.
    if copied.is_ok() || length > limit.saturating_mul(2) {
        log.set_len(0)?;
    }
    if copied.is_err() {
        drop(std::fs::remove_file(&new));
    }
    copied
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            std::fs::read_dir(directory).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_log_and_its_older_parts_stay_bounded_and_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let mut log = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        for number in 0..100 {
            writeln!(log, "{number:0>99}").unwrap();
            cut(&path, 1000).unwrap();
        }
        assert_eq!(names(directory.path()), ["log", "log.1", "log.2"]);
        let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
        let lines = [read("log.2"), read("log.1"), read("log")].concat();
        let numbers: Vec<u32> = lines.lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(numbers, (77..100).collect::<Vec<_>>(), "the newest lines, each once");
        assert_eq!(std::fs::metadata(directory.path().join("log.1")).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn without_room_for_a_copy_the_bound_holds_and_older_parts_stay() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        // These names cannot be replaced by a file.
        std::fs::create_dir_all(directory.path().join("log.new/full")).unwrap();
        let older = ["log.1", "log.2"].map(|name| directory.path().join(name));
        older.iter().for_each(|part| std::fs::write(part, part.as_os_str().as_encoded_bytes()).unwrap());
        std::fs::write(&path, [b'x'; 1500]).unwrap();
        assert!(cut(&path, 1000).is_err());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 1500, "kept up to twice the limit");
        std::fs::write(&path, [b'x'; 2500]).unwrap();
        assert!(cut(&path, 1000).is_err());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
        for part in &older {
            assert_eq!(std::fs::read(part).unwrap(), part.as_os_str().as_encoded_bytes());
        }
    }
}
