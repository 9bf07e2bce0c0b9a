//! Where the programs under test are.

use crate::HarnessError;
use std::path::{Path, PathBuf};

/// A directory of built programs.
#[derive(Debug, Clone)]
pub struct Programs {
    dirs: Vec<PathBuf>,
}

impl Programs {
    /// Those built beside the running program: a test in `target/debug/deps` finds `target/debug/tornadod`.
    /// `TORNADO_BIN_DIR` goes first.
    #[must_use]
    pub fn beside() -> Self {
        let named = std::env::var_os("TORNADO_BIN_DIR").map(PathBuf::from);
        let own = std::env::current_exe().unwrap_or_default();
        let near = own.ancestors().skip(1).take(2).map(Path::to_owned);
        Self { dirs: named.into_iter().chain(near).collect() }
    }

    /// Those of one directory.
    #[must_use]
    pub fn in_dir(dir: impl Into<PathBuf>) -> Self {
        Self { dirs: vec![dir.into()] }
    }

    /// The path of one.
    ///
    /// # Errors
    /// [`HarnessError::NotBuilt`].
    pub fn find(&self, name: &str) -> Result<PathBuf, HarnessError> {
        let found = self.dirs.iter().map(|dir| dir.join(name)).find(|path| path.is_file());
        found.ok_or_else(|| HarnessError::NotBuilt(name.to_owned()))
    }
}
