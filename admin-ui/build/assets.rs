//! What the server has of the browser's half: the stylesheet, and the stamp of the sources.

use crate::stamp;
use std::path::Path;

/// Writes the stylesheet, and sets the stamp for the compiler.
///
/// # Errors
///
/// A file cannot be read or written.
pub fn generate(manifest: &Path, sheet: &Path) -> std::io::Result<()> {
    let root = manifest.join("..");
    for source in stamp::SOURCES {
        println!("cargo:rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo:rustc-env=TORNADO_CONSOLE_STAMP={}", stamp::of(&root, &[])?);
    std::fs::write(sheet, join_sheets(&manifest.join("style"))?)
}

/// The sheets in the order of their names, without the one that only imports them.
fn join_sheets(style: &Path) -> std::io::Result<String> {
    let mut sheets: Vec<_> =
        std::fs::read_dir(style)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    sheets.retain(|path| path.file_name().is_some_and(|name| name != "main.css"));
    sheets.sort();
    sheets.iter().map(std::fs::read_to_string).collect()
}
