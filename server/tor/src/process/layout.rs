//! The files of one Tor process.

use std::path::{Path, PathBuf};

/// The files of the Tor process, all below the state directory of the service (mode 0700).
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self { dir: state_dir.to_owned() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Sockets have their own directory that only Tor's user can enter; Tor rejects any other.
    pub(crate) fn sockets(&self) -> PathBuf {
        self.dir.join("sockets")
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.sockets().join("control")
    }

    pub(crate) fn probe(&self) -> PathBuf {
        self.sockets().join("probe")
    }

    pub(crate) fn cookie(&self) -> PathBuf {
        self.sockets().join("cookie")
    }

    pub(crate) fn torrc(&self) -> PathBuf {
        self.dir.join("torrc")
    }

    /// An empty file, so that Tor does not read the torrc of the distribution.
    pub(crate) fn defaults(&self) -> PathBuf {
        self.dir.join("torrc-defaults")
    }

    /// Contains the state directories of the Tor processes of exit countries.
    pub(crate) fn exits(&self) -> PathBuf {
        self.dir.join("exits")
    }

    /// The operator's desired state.
    pub(crate) fn desired(&self) -> PathBuf {
        self.dir.join("wanted.json")
    }
}
