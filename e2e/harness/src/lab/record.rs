//! The record that each lab stores, so that leftovers of killed processes can be found and removed.

use crate::HarnessError;
use crate::lab::topology;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Parent directory of all labs. The path is short, because socket paths have at most 107 bytes.
const ROOT: &str = "/run/tornado-lab";

/// The record of a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabRecord {
    /// Name of the lab.
    pub id: String,
    /// Number of devices.
    pub devices: u16,
    /// The process that created the lab and will remove it; `None` for a permanent lab.
    pub owner: Option<Owner>,
}

/// A process, distinguished from later ones with the same pid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Owner {
    /// Process id.
    pub pid: u32,
    /// Start time in clock ticks after boot, field 22 of proc_pid_stat(5).
    pub start: u64,
}

/// Which labs to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// Labs whose owner has ended without removing them.
    Abandoned,
    /// These, and permanent labs. A lab of a running process is never removed.
    Standing,
}

impl LabRecord {
    /// Directory of the lab.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        dir_of(&self.id)
    }

    /// Returns true if the process that should remove the lab has ended.
    #[must_use]
    pub fn abandoned(&self) -> bool {
        self.owner.is_some_and(|owner| Owner::of(owner.pid) != Some(owner))
    }

    /// Returns true if `sweep` includes this lab.
    #[must_use]
    pub fn swept_by(&self, sweep: Sweep) -> bool {
        match sweep {
            Sweep::Abandoned => self.abandoned(),
            Sweep::Standing => self.owner.is_none() || self.abandoned(),
        }
    }

    /// All labs of this machine, ordered by name. A lab without a readable record is skipped, because it may be under
    /// construction.
    ///
    /// # Errors
    ///
    /// Fails if the directory of the labs cannot be read.
    pub fn all() -> Result<Vec<Self>, HarnessError> {
        let entries = match std::fs::read_dir(ROOT) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(HarnessError::file("read", Path::new(ROOT))(e)),
        };
        let mut found: Vec<Self> =
            entries.filter_map(|entry| Self::read(&entry.ok()?.file_name().to_string_lossy()).ok()).collect();
        found.sort_by(|a, b| a.id.cmp(&b.id));
        Ok(found)
    }

    /// The record of one lab.
    pub(crate) fn read(id: &str) -> Result<Self, HarnessError> {
        check_id(id)?;
        let text = std::fs::read_to_string(note(id)).map_err(|_| HarnessError::NoLab(id.to_owned()))?;
        serde_json::from_str(&text).map_err(|e| HarnessError::answer(format!("the record of the lab '{id}'"), e))
    }

    /// Creates the lab's directory and writes the record, before anything else is created.
    pub(crate) fn claim(&self) -> Result<(), HarnessError> {
        check_id(&self.id)?;
        if !(1..=topology::DEVICES_MAX).contains(&self.devices) {
            return Err(HarnessError::Devices(self.devices));
        }
        let dir = self.dir();
        std::fs::create_dir_all(ROOT).map_err(HarnessError::file("create", Path::new(ROOT)))?;
        if let Err(error) = std::fs::create_dir(&dir) {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                return Err(HarnessError::Exists(self.id.clone()));
            }
            return Err(HarnessError::file("create", &dir)(error));
        }
        let text = serde_json::to_string(self).map_err(|e| HarnessError::answer("the lab's record", e))?;
        let path = note(&self.id);
        std::fs::write(&path, text).map_err(HarnessError::file("write", &path))
    }
}

impl Owner {
    /// This process.
    #[must_use]
    pub fn current() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// The process that has this pid now.
    fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name of the command may contain spaces and brackets, so fields are counted after the last bracket.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        if fields.next()? == "Z" {
            return None;
        }
        let start = fields.nth(18)?.parse().ok()?;
        Some(Self { pid, start })
    }
}

/// Directory of a lab.
pub(crate) fn dir_of(id: &str) -> PathBuf {
    Path::new(ROOT).join(id)
}

/// A lock that is held while namespaces are created or removed: concurrent calls of `ip netns add` interfere, as do
/// shared directories.
pub(crate) fn lock() -> Result<File, HarnessError> {
    let path = Path::new(ROOT).join(".lock");
    std::fs::create_dir_all(ROOT).map_err(HarnessError::file("make", Path::new(ROOT)))?;
    let file = File::create(&path).map_err(HarnessError::file("open", &path))?;
    file.lock().map_err(HarnessError::file("lock", &path))?;
    Ok(file)
}

fn note(id: &str) -> PathBuf {
    dir_of(id).join("lab.json")
}

/// Validates a name, which becomes part of namespaces and paths.
fn check_id(id: &str) -> Result<(), HarnessError> {
    let fits = (1..=8).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if fits { Ok(()) } else { Err(HarnessError::Name(id.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(owner: Option<Owner>) -> LabRecord {
        LabRecord { id: "t".into(), devices: 1, owner }
    }

    #[test]
    fn a_living_owner_keeps_its_lab() {
        let owner = Owner::current().unwrap();
        assert!(!record(Some(owner)).swept_by(Sweep::Standing));
    }

    #[test]
    fn a_reused_pid_is_not_the_owner() {
        let owner = Owner { start: 0, ..Owner::current().unwrap() };
        assert!(record(Some(owner)).swept_by(Sweep::Abandoned));
    }

    #[test]
    fn a_lab_made_to_stay_is_not_abandoned() {
        assert!(!record(None).swept_by(Sweep::Abandoned));
        assert!(record(None).swept_by(Sweep::Standing));
    }

    #[test]
    fn names_that_leave_the_directory_are_refused() {
        for bad in ["", "../x", "a/b", "UPPER", "ninechars", "a b"] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
        assert!(check_id("a1b2c3d4").is_ok());
    }
}
