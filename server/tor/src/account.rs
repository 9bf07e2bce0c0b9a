//! Whose Unix user the Tor process runs as: the service's own, and never root.

use crate::Error;
use nix::unistd::{Gid, Uid, User};
use std::io;
use std::path::Path;
use tokio::process::Command;

/// The user of the Tor process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Account {
    uid: Uid,
    /// Set where this process is root and has to become another.
    gid: Option<Gid>,
}

impl Account {
    /// The service's own user; where that is root, the one that is configured.
    pub(crate) fn of(user: Option<&str>) -> Result<Self, Error> {
        let own = nix::unistd::geteuid();
        let Some(name) = user.filter(|_| own.is_root()) else {
            return Ok(Self { uid: own, gid: None });
        };
        let found = User::from_name(name).map_err(|e| Error::Config(format!("user '{name}': {e}")))?;
        let found = found.ok_or_else(|| Error::Config(format!("there is no user '{name}'")))?;
        Ok(Self { uid: found.uid, gid: Some(found.gid) })
    }

    pub(crate) const fn is_root(&self) -> bool {
        self.uid.is_root()
    }

    pub(crate) const fn uid(&self) -> u32 {
        self.uid.as_raw()
    }

    /// Makes a file the user's.
    pub(crate) fn give(&self, path: &Path) -> io::Result<()> {
        match self.gid {
            Some(gid) => Ok(nix::unistd::chown(path, Some(self.uid), Some(gid))?),
            None => Ok(()),
        }
    }

    /// Lets a command run as the user.
    pub(crate) fn apply(&self, command: &mut Command) {
        if let Some(gid) = self.gid {
            command.uid(self.uid.as_raw()).gid(gid.as_raw());
        }
    }
}
