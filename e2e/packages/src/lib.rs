//! Installs the packages on Debian machines that systemd boots in namespaces of this machine, and the installer for
//! Windows under wine.
//!
//! `cargo xtask test packages` and `cargo xtask test windows` create the root file systems, the packages and the
//! installers; the tests find them beside their own program, in `target/debian`, `target/test-packages` and
//! `target/test-installers`.

#![forbid(unsafe_code)]

mod files;
mod machine;
mod wine;

pub use files::{Files, changes};
pub use machine::{Machine, Network};
pub use wine::Wine;

use anyhow::{Context as _, ensure};
use std::path::PathBuf;

/// A release of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// Debian 12.
    Bookworm,
    /// Debian 13.
    Trixie,
}

impl Release {
    /// Code name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    /// Its root file system. Machines write to a layer above it.
    ///
    /// # Errors
    ///
    /// Fails if it was not created.
    pub fn image(self) -> anyhow::Result<PathBuf> {
        existing(target()?.join("debian").join(self.name()))
    }
}

/// A version of the packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The version before.
    Old,
    /// The current one.
    New,
}

impl Version {
    /// Directory of the packages of this version.
    ///
    /// # Errors
    ///
    /// Fails if they were not built.
    pub fn directory(self) -> anyhow::Result<PathBuf> {
        let name = match self {
            Self::Old => "old",
            Self::New => "new",
        };
        existing(target()?.join("test-packages").join(name))
    }

    /// Path of a package.
    ///
    /// # Errors
    ///
    /// Fails if it was not built.
    pub fn package(self, name: &str) -> anyhow::Result<PathBuf> {
        let directory = self.directory()?;
        let names = std::fs::read_dir(&directory)?.flatten().map(|entry| entry.path());
        let is_it = |path: &PathBuf| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.starts_with(&format!("{name}_")) && file.ends_with(".deb")
        };
        let mut found = names.filter(is_it);
        found.next().with_context(|| format!("{} has no package {name}", directory.display()))
    }
}

/// An installer for Windows: `old`, `new`, and the newer one before it was signed, packed twice: `unsigned`, `again`.
///
/// # Errors
///
/// Fails if it was not built.
pub fn installer(kind: &str) -> anyhow::Result<PathBuf> {
    let directory = existing(target()?.join("test-installers").join(kind))?;
    let names = std::fs::read_dir(&directory)?.flatten().map(|entry| entry.path());
    let mut found = names.filter(|path| path.extension().is_some_and(|end| end == "msi"));
    found.next().with_context(|| format!("{} has no installer", directory.display()))
}

/// A path of the source tree.
#[must_use]
pub fn root(path: &str) -> PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).join(path)
}

/// Cargo's target directory, which contains this program.
fn target() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe().context("cannot find the executable of this program")?;
    let target = program.ancestors().find(|directory| directory.join("CACHEDIR.TAG").exists());
    Ok(target.with_context(|| format!("{} is not in a target directory", program.display()))?.to_owned())
}

fn existing(path: PathBuf) -> anyhow::Result<PathBuf> {
    ensure!(path.is_dir(), "{} does not exist; run `cargo xtask test packages`, which creates it", path.display());
    Ok(path)
}
