//! The window's pages: files beside the program, read once at the start.

use anyhow::Context as _;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tauri::utils::assets::{AssetKey, AssetsIter, CspHash};
use tauri::{Assets, Runtime};

/// The page that opens first. Without it, a directory is not that of the window.
const PAGE: &str = "/index.html";

/// The files by their path, with a slash at the start.
#[derive(Debug)]
pub struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    /// Those beside this program: in `../lib/tornado/window` of a package, or in `../window` of the directory of a
    /// build.
    ///
    /// # Errors
    ///
    /// None of the directories has them, or one cannot be read.
    pub fn installed() -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find the path of this program")?;
        let beside = program.parent().map(Path::to_owned).unwrap_or_default();
        let places = ["../lib/tornado/window", "../window"].map(|path| beside.join(path));
        let found = places.iter().find(|place| place.join(PAGE.trim_start_matches('/')).is_file());
        let found = found.with_context(|| {
            let places = places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(" and ");
            format!(
                "cannot find the files of the window in {places}; install the package again, or run \
                 `cargo xtask web -- --window` in a source tree"
            )
        })?;
        Self::read(found)
    }

    /// Reads the files of a directory, without those of folders in it.
    fn read(directory: &Path) -> anyhow::Result<Self> {
        let failed = || format!("cannot read the files of the window in {}", directory.display());
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(directory).with_context(failed)? {
            let path: PathBuf = entry.with_context(failed)?.path();
            if let (true, Some(name)) = (path.is_file(), path.file_name()) {
                files.insert(format!("/{}", name.to_string_lossy()), std::fs::read(&path).with_context(failed)?);
            }
        }
        Ok(Self(files))
    }
}

impl<R: Runtime> Assets<R> for Files {
    fn get(&self, key: &AssetKey) -> Option<Cow<'_, [u8]>> {
        self.0.get(key.as_ref()).map(|content| Cow::Borrowed(content.as_slice()))
    }

    fn iter(&self) -> Box<AssetsIter<'_>> {
        Box::new(self.0.iter().map(|(name, content)| (Cow::from(name), Cow::from(content))))
    }

    // The pages have no scripts and styles inside.
    fn csp_hashes(&self, _: &AssetKey) -> Box<dyn Iterator<Item = CspHash<'_>> + '_> {
        Box::new(std::iter::empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_directory_are_served() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("index.html"), "page").unwrap();
        std::fs::create_dir(directory.path().join("more")).unwrap();
        let files = Files::read(directory.path()).unwrap();
        let get = |path: &str| Assets::<tauri::Wry>::get(&files, &AssetKey::from(path)).map(Cow::into_owned);
        assert_eq!(get("/index.html"), Some(b"page".to_vec()));
        for path in ["/../index.html", "/more", "/absent"] {
            assert_eq!(get(path), None, "{path}");
        }
    }
}
