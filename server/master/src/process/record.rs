//! State that one `master` leaves for the next: running processes and the operators' requests.

use super::proc;
use crate::Error;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use tornado_contracts::ServiceName;
use tornado_contracts::master::Wanted;
use tornado_runtime::files::{Access, Durability, replace};
use tornado_shared::model::UnixSeconds;

const FILE: &str = "master.json";

/// Contents of the record file. Valid only in the boot in which it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Boot in which the record was written.
    pub boot_id: String,
    /// One entry per service.
    pub services: Vec<Entry>,
}

/// State of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Service.
    pub name: ServiceName,
    /// State that an operator requested.
    pub wanted: Wanted,
    /// Number of starts so far.
    pub starts: u32,
    /// The running process, if any.
    pub process: Option<Identity>,
}

/// Identifies one process of one boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks after boot.
    pub start_ticks: u64,
    /// Start time by the wall clock.
    pub started_at: UnixSeconds,
    /// Device and inode of its program.
    pub program: (u64, u64),
}

/// Reads the record of this boot. A damaged record, or one of another boot, counts as absent.
#[must_use]
pub fn read(run_dir: &Path) -> Option<Record> {
    let bytes = std::fs::read(run_dir.join(FILE)).ok()?;
    match serde_json::from_slice::<Record>(&bytes) {
        Ok(record) => (record.boot_id == proc::boot_id()).then_some(record),
        Err(error) => {
            tracing::error!(%error, "record of the earlier supervisor is damaged; its services were not taken over");
            None
        }
    }
}

/// Replaces the record atomically. It need not survive a power failure: it is valid only in this boot.
pub fn write(run_dir: &Path, record: &Record) -> std::io::Result<()> {
    replace(&run_dir.join(FILE), &serde_json::to_vec(record)?, Access::PRIVATE, Durability::Unsynced)
}

/// Removes the record after all services have stopped.
pub fn remove(run_dir: &Path) {
    drop(std::fs::remove_file(run_dir.join(FILE)));
}

/// Takes the lock that prevents a second supervisor. Held until the returned value is dropped.
///
/// # Errors
/// When the lock file cannot be opened, or another supervisor holds the lock.
pub fn lock(run_dir: &Path) -> Result<Flock<File>, Error> {
    let path = run_dir.join("master.lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    let file = options.open(&path).map_err(|source| Error::Prepare { path, source })?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| Error::AlreadyRunning(run_dir.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_another_boot_counts_as_none() {
        let dir = tempfile::tempdir().unwrap();
        let process = Some(Identity { pid: 7, start_ticks: 8, started_at: 9, program: (1, 2) });
        let entry = Entry { name: ServiceName::Wg, wanted: Wanted::Running, starts: 3, process };
        let mut record = Record { boot_id: proc::boot_id(), services: vec![entry] };
        write(dir.path(), &record).unwrap();
        assert_eq!(read(dir.path()), Some(record.clone()));
        record.boot_id = "another".into();
        write(dir.path(), &record).unwrap();
        assert_eq!(read(dir.path()), None);
        std::fs::write(dir.path().join(FILE), b"{").unwrap();
        assert_eq!(read(dir.path()), None);
    }

    #[test]
    fn one_directory_has_one_supervisor() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path()).unwrap();
        assert!(matches!(lock(dir.path()), Err(Error::AlreadyRunning(_))));
        drop(held);
        assert!(lock(dir.path()).is_ok());
    }
}
