//! The manifest of a backup.

use crate::error::{Error, PathError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use tornado_shared::model::UnixSeconds;

/// Version of the manifest format.
pub(crate) const VERSION: u32 = 1;
/// Maximum length of a path, bytes.
const LONGEST: usize = 255;
/// Maximum depth of a path.
const DEEPEST: usize = 8;
/// Maximum number of files.
const MOST_FILES: usize = 20_000;
/// Maximum total size of all files, bytes: more than any disk holds, far below an overflow of sums.
const MOST_BYTES: u64 = 1 << 50;
/// Maximum length of a program version, bytes.
const LONGEST_PROGRAM: usize = 64;
/// Last second of the year 9999.
const LAST_SECOND: UnixSeconds = 253_402_300_799;

/// The list of files, and their origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    /// Start time of the backup: no part of it is older than the state at this time.
    pub taken_at: UnixSeconds,
    /// Version of the program that wrote the backup.
    pub program: String,
    /// Storage profile of the server.
    pub profile: Profile,
    /// The files, in the order of their contents.
    pub files: Vec<Entry>,
}

/// Storage of durable state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Files, which are part of the backup.
    Embedded,
    /// PostgreSQL, which is not part of the backup.
    Cluster,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name in the backup.
    pub path: EntryPath,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

impl Manifest {
    /// A manifest without files.
    #[must_use]
    pub fn new(taken_at: UnixSeconds, program: &str, profile: Profile) -> Self {
        Self { version: VERSION, taken_at, program: program.to_owned(), profile, files: Vec::new() }
    }

    /// Rejects newer manifest versions, values that this program never writes, and names that are duplicates or that
    /// use another file's name as a directory.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.version != VERSION {
            return Err(Error::Damaged("the manifest has an unknown version"));
        }
        if self.files.len() > MOST_FILES {
            return Err(Error::Damaged("too many files"));
        }
        let total = self.files.iter().try_fold(0_u64, |sum, entry| sum.checked_add(entry.size));
        if total.is_none_or(|total| total > MOST_BYTES) {
            return Err(Error::Damaged("the files are too large"));
        }
        let is_hash =
            |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !self.files.iter().all(|entry| is_hash(&entry.sha256)) {
            return Err(Error::Damaged("the manifest contains an invalid checksum"));
        }
        let is_plain =
            self.program.len() <= LONGEST_PROGRAM && self.program.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || !(0..=LAST_SECOND).contains(&self.taken_at) {
            return Err(Error::Damaged("the manifest contains invalid values"));
        }
        let names: BTreeSet<&str> = self.files.iter().map(|entry| entry.path.as_str()).collect();
        // A name that sorts between a file and a path below it must not hide the conflict.
        let is_below = |name: &str| name.match_indices('/').any(|(at, _)| names.contains(&name[..at]));
        if names.len() != self.files.len() || names.iter().copied().any(is_below) {
            return Err(Error::Damaged("conflicting names in the manifest"));
        }
        Ok(())
    }
}

/// A relative path of plain names: no `..`, no hidden names, no characters with a special meaning in a file system.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryPath(String);

impl EntryPath {
    /// The path as text, with `/` between names.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for EntryPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let good = |name: &str| !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain);
        let is_good = text.len() <= LONGEST && text.split('/').count() <= DEEPEST && text.split('/').all(good);
        if is_good { Ok(Self(text)) } else { Err(PathError) }
    }
}

impl From<EntryPath> for String {
    fn from(path: EntryPath) -> Self {
        path.0
    }
}

impl fmt::Display for EntryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_where_they_are_put() {
        for good in ["state/auth/identity.db", "a", "state/tor/wanted.json", "x_1-2.3"] {
            assert!(EntryPath::try_from(good.to_owned()).is_ok(), "{good}");
        }
        let long = "a/".repeat(8) + "a";
        for bad in ["", "/etc/passwd", "a//b", "a/", "../a", "a/../b", "a/.", ".a", "a b", "a\0", "ä", "a\\b", &long] {
            assert!(EntryPath::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert!(EntryPath::try_from("a".repeat(256)).is_err());
    }

    #[test]
    fn no_name_twice_and_no_file_that_is_a_directory() {
        let with = |names: &[&str]| {
            let entry = |name: &&str| Entry {
                path: EntryPath::try_from((*name).to_owned()).unwrap(),
                size: 0,
                sha256: "0".repeat(64),
            };
            let files = names.iter().map(entry).collect();
            Manifest { files, ..Manifest::new(0, "1", Profile::Embedded) }.check()
        };
        assert!(with(&["a/b", "a/c", "ab"]).is_ok());
        assert!(with(&["a/b", "a/c", "a/b"]).is_err());
        assert!(with(&["a/b", "a"]).is_err());
        // `a-b` sorts between the two.
        assert!(with(&["a", "a-b", "a/c"]).is_err());
    }

    #[test]
    fn values_that_no_backup_has_are_refused() {
        let entry = |number: usize, size| Entry {
            path: EntryPath::try_from(format!("f{number}")).unwrap(),
            size,
            sha256: "0".repeat(64),
        };
        let good = Manifest { files: vec![entry(0, 1)], ..Manifest::new(0, "0.1.0", Profile::Embedded) };
        assert!(good.check().is_ok());
        let with = |change: &dyn Fn(&mut Manifest)| {
            let mut changed = good.clone();
            change(&mut changed);
            changed.check().is_err()
        };
        assert!(with(&|m| m.taken_at = i64::MIN) && with(&|m| m.taken_at = i64::MAX));
        assert!(with(&|m| m.program = "\u{1b}[2J".into()) && with(&|m| m.program = "1".repeat(65)));
        assert!(with(&|m| m.files = vec![entry(0, u64::MAX), entry(1, 2)]));
        assert!(with(&|m| m.files = (0..=MOST_FILES).map(|number| entry(number, 0)).collect()));
        assert!(with(&|m| m.files[0].sha256 = "\u{1b}".repeat(64)) && with(&|m| m.files[0].sha256.clear()));
    }
}
