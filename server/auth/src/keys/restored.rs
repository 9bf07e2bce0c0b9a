//! The restore marker beside the key directory: tokens issued after the backup are newer than the restored database.

use super::error::KeysError;
use super::files;
use serde::{Deserialize, Serialize};
use std::path::Path;
use tornado_contracts::token::Claims;
use tornado_shared::model::UnixSeconds;

const FILE: &str = "restored.json";

/// The server's state comes from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restored {
    /// Start time of the backup; after several restores, of the oldest one.
    pub taken_at: UnixSeconds,
    /// Time of the restore.
    pub restored_at: UnixSeconds,
}

impl Restored {
    /// Reads the marker from this service's state directory `dir`; `None`: no backup was restored.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn read(dir: &Path) -> Result<Option<Self>, KeysError> {
        let path = dir.join(FILE);
        if files::exists(&path)? { files::read(&path).map(Some) } else { Ok(None) }
    }

    /// Writes or updates the marker.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn write(&self, dir: &Path) -> Result<(), KeysError> {
        let before = Self::read(dir)?.map_or(self.taken_at, |before| before.taken_at);
        files::replace(dir, FILE, &Self { taken_at: before.min(self.taken_at), ..*self })
    }

    /// True if the token was issued between the backup and the restore, so that the database does not contain it.
    pub(crate) const fn covers(&self, token: &Claims) -> bool {
        self.taken_at <= token.iat && token.iat <= self.restored_at
    }
}
