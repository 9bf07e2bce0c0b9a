//! The word about a restored backup, beside the key directory: tokens of the time in between are newer than the database.

use crate::keys::{KeysError, files};
use serde::{Deserialize, Serialize};
use std::path::Path;
use tornado_contracts::token::Claims;
use tornado_shared::model::UnixSeconds;

const FILE: &str = "restored.json";

/// This server's state is that of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restored {
    /// When the backup was begun; of several in a row the oldest.
    pub taken_at: UnixSeconds,
    /// When it was restored.
    pub restored_at: UnixSeconds,
}

impl Restored {
    /// What the state directory `dir` of this service says. None: nothing was restored.
    pub fn read(dir: &Path) -> Result<Option<Self>, KeysError> {
        let path = dir.join(FILE);
        if files::exists(&path)? { files::read(&path).map(Some) } else { Ok(None) }
    }

    /// Says it, or says it anew.
    pub fn write(&self, dir: &Path) -> Result<(), KeysError> {
        let before = Self::read(dir)?.map_or(self.taken_at, |before| before.taken_at);
        files::replace(dir, FILE, &Self { taken_at: before.min(self.taken_at), ..*self })
    }

    /// Was this token made after the backup and before it was restored? The database then does not know it.
    pub(crate) const fn covers(&self, token: &Claims) -> bool {
        self.taken_at <= token.iat && token.iat <= self.restored_at
    }
}
