//! Paths of the programs under test.

pub(crate) mod device;
pub(crate) mod mesh;
pub(crate) mod server;
mod services;

use crate::HarnessError;
use std::path::{Path, PathBuf};

/// Directories with built programs.
#[derive(Debug, Clone)]
pub struct Programs {
    dirs: Vec<PathBuf>,
}

impl Programs {
    /// The programs beside the running one: a test in `target/debug/deps` finds `target/debug/tornadod`. The directory
    /// in `TORNADO_BIN_DIR` takes precedence.
    #[must_use]
    pub fn beside() -> Self {
        let named = std::env::var_os("TORNADO_BIN_DIR").map(PathBuf::from);
        let own = std::env::current_exe().unwrap_or_default();
        let near = own.ancestors().skip(1).take(2).map(Path::to_owned);
        Self { dirs: named.into_iter().chain(near).collect() }
    }

    /// The programs in one directory.
    #[must_use]
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self { dirs: vec![dir.into()] }
    }

    /// Path of a program.
    ///
    /// # Errors
    ///
    /// Fails with [`HarnessError::NotBuilt`].
    pub fn find(&self, name: &str) -> Result<PathBuf, HarnessError> {
        let found = self.dirs.iter().map(|dir| dir.join(name)).find(|path| path.is_file());
        found.ok_or_else(|| HarnessError::NotBuilt(name.to_owned()))
    }
}
