//! The Unix user that the Tor process runs as: the user of the service, and never root.

use crate::error::Error;
use nix::unistd::{Gid, Uid, User};
use std::io;
use std::path::Path;
use tokio::process::Command;

/// The Unix user of the Tor process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    uid: Uid,
    /// Set if this process is root and must switch to another user.
    gid: Option<Gid>,
}

impl Account {
    /// Returns the user of this process. If that is root and `user` is configured, returns the configured user.
    ///
    /// # Errors
    ///
    /// Fails if the configured user does not exist or the user database cannot be read.
    pub(crate) fn of(user: Option<&str>) -> Result<Self, Error> {
        let own = nix::unistd::geteuid();
        let Some(name) = user.filter(|_| own.is_root()) else {
            return Ok(Self { uid: own, gid: None });
        };
        let found = User::from_name(name).map_err(|e| Error::Config(format!("cannot look up user '{name}': {e}")))?;
        let found = found.ok_or_else(|| Error::Config(format!("user '{name}' does not exist")))?;
        Ok(Self { uid: found.uid, gid: Some(found.gid) })
    }

    pub(crate) const fn is_root(&self) -> bool {
        self.uid.is_root()
    }

    pub(crate) const fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    /// Changes the owner of a file to this user. Does nothing if this process does not switch users.
    pub(crate) fn give(&self, path: &Path) -> io::Result<()> {
        match self.gid {
            Some(gid) => Ok(nix::unistd::chown(path, Some(self.uid), Some(gid))?),
            None => Ok(()),
        }
    }

    /// Makes a command run as this user.
    pub(crate) fn apply(&self, command: &mut Command) {
        if let Some(gid) = self.gid {
            command.uid(self.uid.as_raw()).gid(gid.as_raw());
        }
    }
}
