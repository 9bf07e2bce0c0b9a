//! The files of the desktop client's window: pages, stylesheet, program. They are local, so they keep their names and
//! are not compressed.

use crate::{stamp, style};
use anyhow::Context as _;
use std::path::Path;

/// The package whose library runs in the window.
pub const PACKAGE: &str = "tornado-desktop-ui";
/// The directory of the files, below the directory of builds.
pub const OUT: &str = "window";
/// Folders of stylesheets in their order.
const STYLES: [&str; 2] = ["admin-ui/style", "desktop/ui/style"];
/// The pages, copied as they are.
const PAGES: &str = "desktop/ui/static";
/// What the files depend on besides [`stamp::SOURCES`].
const SOURCES: [&str; 5] =
    ["desktop/ui/src", "desktop/ui/locales", "desktop/ui/style", "desktop/ui/static", "desktop/gui-api/src"];
/// Name of the file with the list of crates and their licences.
const LICENCES: &str = "licences.txt";
/// Name of the file with the stamp of the sources.
const STAMP: &str = "stamp.txt";

/// The content of [`STAMP`] for the sources as they are.
pub fn head(root: &Path, kind: &str) -> anyhow::Result<String> {
    Ok(format!("{} {kind}\n", stamp::of(root, &SOURCES).context("cannot read the sources")?))
}

/// Whether the files were made from the same sources.
pub fn is_up_to_date(out: &Path, head: &str) -> bool {
    std::fs::read_to_string(out.join(STAMP)).is_ok_and(|found| found == head)
}

/// Writes the files: `bound` has the program in JavaScript and WebAssembly, `licences` is the list of crates. They are
/// complete when this returns; until then the stamp is missing.
pub fn write(root: &Path, out: &Path, bound: &Path, wasm: &[u8], licences: &str, head: &str) -> anyhow::Result<()> {
    let sheets = STYLES.map(|folder| root.join(folder));
    let sheet = style::join(&sheets.iter().map(|path| path.as_path()).collect::<Vec<_>>())?;
    std::fs::write(out.join("window.css"), sheet)?;
    std::fs::copy(bound.join("window.js"), out.join("window.js"))?;
    std::fs::write(out.join("window_bg.wasm"), wasm)?;
    for page in std::fs::read_dir(root.join(PAGES)).with_context(|| format!("cannot read {PAGES}"))? {
        let page = page?;
        std::fs::copy(page.path(), out.join(page.file_name()))?;
    }
    std::fs::write(out.join(LICENCES), licences)?;
    println!("  window_bg.wasm: {} bytes", wasm.len());
    std::fs::write(out.join(STAMP), head).context("cannot write the stamp of the files")
}
