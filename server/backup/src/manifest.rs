//! What is in a backup.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use tornado_shared::model::UnixSeconds;

/// The only format of the manifest so far.
pub(crate) const VERSION: u32 = 1;
/// Longest path, bytes.
const LONGEST: usize = 255;
/// Deepest path.
const DEEPEST: usize = 8;
/// Most files.
const MOST_FILES: usize = 20_000;
/// Most bytes in all files together: more than any disk holds, far below where sums overflow.
const MOST_BYTES: u64 = 1 << 50;
/// Longest version of a program, bytes.
const LONGEST_PROGRAM: usize = 64;
/// The last second of the year 9999.
const LAST_SECOND: UnixSeconds = 253_402_300_799;

/// The list of files, and what they were taken from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    /// When the backup was begun: nothing in it is older than the state of then.
    pub taken_at: UnixSeconds,
    /// Version of the program that wrote it.
    pub program: String,
    /// Where the durable state of that server was.
    pub profile: Profile,
    /// The files, in the order of their contents.
    pub files: Vec<Entry>,
}

/// Where durable state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// In files, which are in the backup.
    Embedded,
    /// In PostgreSQL, which is not.
    Cluster,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name in the backup.
    pub path: EntryPath,
    /// Bytes.
    pub size: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

impl Manifest {
    /// One without files.
    #[must_use]
    pub fn new(taken_at: UnixSeconds, program: &str, profile: Profile) -> Self {
        Self { version: VERSION, taken_at, program: program.to_owned(), profile, files: Vec::new() }
    }

    /// Refuses versions of later programs, values no program of ours writes, and names that stand twice or in each
    /// other's way.
    pub(crate) fn check(&self) -> Result<(), crate::Error> {
        if self.version != VERSION {
            return Err(crate::Error::Damaged("its manifest has an unknown version"));
        }
        if self.files.len() > MOST_FILES {
            return Err(crate::Error::Damaged("there are too many files"));
        }
        let total = self.files.iter().try_fold(0_u64, |sum, entry| sum.checked_add(entry.size));
        if total.is_none_or(|total| total > MOST_BYTES) {
            return Err(crate::Error::Damaged("its files are larger than any disk"));
        }
        let is_hash =
            |text: &str| text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !self.files.iter().all(|entry| is_hash(&entry.sha256)) {
            return Err(crate::Error::Damaged("a checksum in its manifest is none"));
        }
        let is_plain =
            self.program.len() <= LONGEST_PROGRAM && self.program.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || !(0..=LAST_SECOND).contains(&self.taken_at) {
            return Err(crate::Error::Damaged("its manifest has values that no backup has"));
        }
        let names: BTreeSet<&str> = self.files.iter().map(|entry| entry.path.as_str()).collect();
        // Names that sort between a file and what would lie below it do not hide the clash.
        let is_below = |name: &str| name.match_indices('/').any(|(at, _)| names.contains(&name[..at]));
        if names.len() != self.files.len() || names.iter().copied().any(is_below) {
            return Err(crate::Error::Damaged("a name stands twice in its manifest"));
        }
        Ok(())
    }
}

/// A relative path of plain names: no `..`, nothing hidden, nothing that a file system could read otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EntryPath(String);

/// A path that may not stand in a backup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a path in it is not allowed")]
pub struct PathError;

impl EntryPath {
    /// As text, names parted by `/`.
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
