//! The one file that outlives the helper.

use crate::account::Account;
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
    #[error("{path}: {source}")]
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

/// A directory with `state.json`.
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

    fn path(&self) -> PathBuf {
        self.directory.join("state.json")
    }

    fn io(&self, source: io::Error) -> StoreError {
        StoreError::Io { path: self.path(), source }
    }

    /// `None` only when there certainly is no file. What cannot be read is an error, never "empty".
    pub(crate) fn load(&self) -> Result<Option<Account>, StoreError> {
        let file = match OpenOptions::new().read(true).open(self.path()) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(self.io(e)),
        };
        let mode = file.metadata().map_err(|e| self.io(e))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(StoreError::Exposed { path: self.path() });
        }
        let mut text = Zeroizing::new(Vec::with_capacity(8192));
        file.take(MAX + 1).read_to_end(&mut text).map_err(|e| self.io(e))?;
        let damaged = |detail: String| StoreError::Damaged { path: self.path(), detail };
        if text.len() as u64 > MAX {
            return Err(damaged("too long".into()));
        }
        // serde_json's own text may quote values, and these are secrets.
        let account: Account =
            serde_json::from_slice(&text).map_err(|e| damaged(format!("line {}, column {}", e.line(), e.column())))?;
        account.address().map_err(|e| damaged(e.to_string()))?;
        Ok(Some(account))
    }

    /// Replaces the file in one step: a crash leaves the old one or the new one.
    pub(crate) fn save(&self, account: &Account) -> Result<(), StoreError> {
        let text = serde_json::to_vec_pretty(account).map_err(|e| self.io(io::Error::other(e)))?;
        let text = Zeroizing::new(text);
        let new = self.directory.join("state.json.new");
        let write = || -> io::Result<()> {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
            let _ = fs::remove_file(&new);
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, self.path())?;
            fs::File::open(&self.directory)?.sync_all()
        };
        write().map_err(|e| self.io(e))
    }

    /// Puts a file that cannot be used aside. It is not deleted: somebody may want to know what happened.
    pub(crate) fn set_aside(&self) -> Result<(), StoreError> {
        match fs::rename(self.path(), self.directory.join("state.json.broken")) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(self.io(e)),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
