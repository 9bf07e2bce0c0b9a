//! Compares the packages of two builds.

use super::DIGESTS;
use anyhow::{Context as _, ensure};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

/// Ends of the names of built files.
const ENDS: &[&str] = &[".deb", ".rpm", ".cdx.json", ".msi"];

/// Removes what an earlier build wrote, so that no file of another version is published.
pub fn remove_outputs(out: &Path) -> anyhow::Result<()> {
    for name in outputs(out)? {
        std::fs::remove_file(out.join(&name)).with_context(|| format!("cannot remove {}", name.display()))?;
    }
    for name in [DIGESTS.to_owned(), format!("{DIGESTS}.minisig")] {
        match std::fs::remove_file(out.join(&name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot remove {name}"));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Fails if two directories do not have the same built files with the same bytes.
pub fn check(first: &Path, second: &Path) -> anyhow::Result<()> {
    let names = outputs(first)?;
    ensure!(!names.is_empty(), "{} has no packages", first.display());
    ensure!(names == outputs(second)?, "{} and {} have different files", first.display(), second.display());
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    for name in &names {
        let (one, other) = (read(&first.join(name))?, read(&second.join(name))?);
        let at = one.iter().zip(&other).position(|(a, b)| a != b).unwrap_or_else(|| one.len().min(other.len()));
        ensure!(one == other, "{} differs between two builds, first at byte {at}", name.display());
    }
    Ok(())
}

/// Names of the built files in a directory.
fn outputs(directory: &Path) -> anyhow::Result<BTreeSet<OsString>> {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if ENDS.iter().any(|end| name.to_string_lossy().ends_with(end)) {
            names.insert(name);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_or_a_file_more_is_a_difference() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(check(one.path(), other.path()).is_err(), "nothing is not the same");
        for directory in [&one, &other] {
            std::fs::write(directory.path().join("a_1.deb"), "abc").unwrap();
            std::fs::write(directory.path().join("other"), directory.path().display().to_string()).unwrap();
        }
        check(one.path(), other.path()).unwrap();
        std::fs::write(other.path().join("a_1.deb"), "abd").unwrap();
        let error = check(one.path(), other.path()).unwrap_err().to_string();
        assert_eq!(error, "a_1.deb differs between two builds, first at byte 2");
        remove_outputs(other.path()).unwrap();
        assert!(check(one.path(), other.path()).is_err());
        assert!(other.path().join("other").exists());
    }
}
