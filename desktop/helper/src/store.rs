//! The files that outlive the helper: the login, and whether a tunnel is wanted.

use crate::account::Account;
use crate::wish::Wanted;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Largest file that is read, bytes.
const MAX: u64 = 256 * 1024;

/// The state cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system.
    #[error("{path}: {source}{}", cure(.source, "--state-dir"))]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The content.
    #[error("{path} is damaged ({detail}); `tornado logout` puts it aside, then enrol again")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it; quotes nothing of it.
        detail: String,
    },
    /// Others can read or change it.
    #[error("{path} can be read or changed by others; `chmod 600` it, and log in again if that was not you")]
    Exposed {
        /// Which file.
        path: PathBuf,
    },
}

/// What helps, where that is known. `option` is the helper's for the place.
pub(crate) fn cure(why: &io::Error, option: &str) -> String {
    if why.kind() != io::ErrorKind::ReadOnlyFilesystem {
        return String::new();
    }
    format!("; as root mount it read-write (`mount -o remount,rw`), or start the helper with {option} elsewhere")
}

const LOGIN: &str = "state.json";
const PROBE: &str = "probe.json";
const WANTED: &str = "wanted.json";

/// A directory with `state.json` and, while a tunnel is wanted, `wanted.json`.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// Nothing is touched before the first call.
    #[must_use]
    pub const fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn io(&self, name: &str, source: io::Error) -> StoreError {
        StoreError::Io { path: self.path(name), source }
    }

    fn damaged(&self, name: &str, detail: String) -> StoreError {
        StoreError::Damaged { path: self.path(name), detail }
    }

    /// `None` only when there certainly is no file. What cannot be read is an error, never "empty".
    pub(crate) fn load(&self) -> Result<Option<Account>, StoreError> {
        let Some(account) = self.read::<Account>(LOGIN)? else { return Ok(None) };
        account.address().map_err(|e| self.damaged(LOGIN, e.to_string()))?;
        Ok(Some(account))
    }

    /// The tunnel that is wanted; `None` only when there certainly is no file.
    pub(crate) fn load_wanted(&self) -> Result<Option<Wanted>, StoreError> {
        self.read(WANTED)
    }

    /// Replaces the file in one step: a crash leaves the old one or the new one.
    pub(crate) fn save(&self, account: &Account) -> Result<(), StoreError> {
        self.replace(LOGIN, account)
    }

    /// The same for the tunnel that is wanted.
    pub(crate) fn save_wanted(&self, wanted: &Wanted) -> Result<(), StoreError> {
        self.replace(WANTED, wanted)
    }

    /// No tunnel is wanted.
    pub(crate) fn forget_wanted(&self) -> Result<(), StoreError> {
        match fs::remove_file(self.path(WANTED)) {
            Ok(()) => {
                let synced = fs::File::open(&self.directory).and_then(|directory| directory.sync_all());
                synced.map_err(|e| self.io(WANTED, e))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(self.io(WANTED, e)),
        }
    }

    /// Puts a file that cannot be used aside. It is not deleted: somebody may want to know what happened.
    pub(crate) fn set_aside(&self) -> Result<(), StoreError> {
        match fs::rename(self.path(LOGIN), self.directory.join("state.json.broken")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(self.io(LOGIN, e)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Fails where [`Self::save`] would.
    pub(crate) fn probe(&self) -> Result<(), StoreError> {
        self.replace(PROBE, &())?;
        fs::remove_file(self.path(PROBE)).map_err(|e| self.io(PROBE, e))
    }

    fn read<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let file = match OpenOptions::new().read(true).open(self.path(name)) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(self.io(name, e)),
        };
        let mode = file.metadata().map_err(|e| self.io(name, e))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(StoreError::Exposed { path: self.path(name) });
        }
        let mut text = Zeroizing::new(Vec::with_capacity(8192));
        file.take(MAX + 1).read_to_end(&mut text).map_err(|e| self.io(name, e))?;
        if text.len() as u64 > MAX {
            return Err(self.damaged(name, "too long".into()));
        }
        // serde_json's own text may quote values, and these are secrets.
        let read = serde_json::from_slice(&text);
        read.map(Some).map_err(|e| self.damaged(name, format!("line {}, column {}", e.line(), e.column())))
    }

    fn replace<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let text = serde_json::to_vec_pretty(value).map_err(|e| self.io(name, io::Error::other(e)))?;
        let text = Zeroizing::new(text);
        let new = self.directory.join(format!("{name}.new"));
        let write = || -> io::Result<()> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
            let _ = fs::remove_file(&new);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, self.path(name))?;
            fs::File::open(&self.directory)?.sync_all()
        };
        write().map_err(|e| self.io(name, e))
    }
}
