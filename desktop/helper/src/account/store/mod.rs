//! Files in the state directory.

#[cfg(unix)]
#[path = "unix.rs"]
mod platform;
#[cfg(windows)]
#[path = "windows.rs"]
mod platform;

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs;
use std::io::{self, Read as _};
use std::path::PathBuf;
use tornado_kit::files::{Access, Durability, optional, replace, sync_directory};
use zeroize::Zeroizing;

/// Maximum size of a file that is read, bytes.
const MAX: u64 = 256 * 1024;

/// Reasons for which the state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An operation of the file system failed.
    #[error("{path}: {source}{}", advice(.source, "--state-dir"))]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The content of the file is invalid.
    #[error(
        "cannot use {path}: invalid content ({detail}); run `tornado logout`, which keeps a copy, then enrol again"
    )]
    Damaged {
        /// Path of the file.
        path: PathBuf,
        /// What is invalid, without any content of the file.
        detail: String,
    },
    /// Other users can read or change the file.
    #[error(
        "cannot use {path}: other users can access it; run `{}`, and log in again if it was not you",
        platform::repair(.path)
    )]
    Exposed {
        /// Path of the file.
        path: PathBuf,
    },
}

/// Advice for the user, if there is any. `option` is the helper's option that sets the path.
pub(crate) fn advice(why: &io::Error, option: &str) -> String {
    if why.kind() != io::ErrorKind::ReadOnlyFilesystem {
        return String::new();
    }
    format!("; {}, or start the helper with another {option}", platform::REMOUNT)
}

const PROBE: &str = "probe.json";

/// The state directory. Its files are private, and their content is JSON.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    directory: PathBuf,
}

impl Store {
    /// Creates a store for `directory`. It accesses no files yet.
    pub(crate) const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn io(&self, name: &str, source: io::Error) -> StoreError {
        StoreError::Io { path: self.path(name), source }
    }

    pub(crate) fn damaged(&self, name: &str, detail: String) -> StoreError {
        StoreError::Damaged { path: self.path(name), detail }
    }

    /// Removes a file, which may not exist.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        let removed = optional(fs::remove_file(self.path(name))).map_err(|e| self.io(name, e))?;
        removed.map_or(Ok(()), |()| sync_directory(&self.directory)).map_err(|e| self.io(name, e))
    }

    /// Renames a file, which may not exist.
    pub(crate) fn rename(&self, name: &str, new: &str) -> Result<(), StoreError> {
        optional(fs::rename(self.path(name), self.path(new))).map(drop).map_err(|e| self.io(name, e))
    }

    /// Fails if [`Self::replace`] would fail.
    pub(crate) fn probe(&self) -> Result<(), StoreError> {
        self.replace(PROBE, &())?;
        fs::remove_file(self.path(PROBE)).map_err(|e| self.io(PROBE, e))
    }

    /// Names of the files; empty if the directory does not exist.
    pub(crate) fn file_names(&self) -> Result<Vec<String>, StoreError> {
        let read = || {
            let Some(entries) = optional(fs::read_dir(&self.directory))? else { return Ok(Vec::new()) };
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        };
        read().map_err(|e| self.io("", e))
    }

    /// Returns `None` only if the file does not exist.
    pub(crate) fn load<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let file = optional(fs::File::open(self.path(name))).map_err(|e| self.io(name, e))?;
        let Some(file) = file else { return Ok(None) };
        if platform::is_exposed(&self.path(name), &file).map_err(|e| self.io(name, e))? {
            return Err(StoreError::Exposed { path: self.path(name) });
        }
        let mut text = Zeroizing::new(Vec::with_capacity(8192));
        file.take(MAX + 1).read_to_end(&mut text).map_err(|e| self.io(name, e))?;
        if text.len() as u64 > MAX {
            return Err(self.damaged(name, "too large".into()));
        }
        // The text of a serde_json error may quote values, and these are secrets.
        let read = serde_json::from_slice(&text);
        read.map(Some).map_err(|e| self.damaged(name, format!("line {}, column {}", e.line(), e.column())))
    }

    /// Gives a file to the owner of the directory.
    pub(crate) fn give_to_owner(&self, name: &str) -> Result<(), StoreError> {
        platform::give_to_owner(&self.directory, &self.path(name)).map_err(|e| self.io(name, e))
    }

    /// Replaces the file atomically: after a crash, either the old or the new content is there.
    pub(crate) fn replace<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let text = serde_json::to_vec_pretty(value).map_err(|e| self.io(name, io::Error::other(e)))?;
        let text = Zeroizing::new(text);
        let made = platform::create(&self.directory);
        let replaced = made.and_then(|()| replace(&self.path(name), &text, Access::PRIVATE, Durability::Synced));
        replaced.map_err(|e| self.io(name, e))
    }
}
