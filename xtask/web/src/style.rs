//! The stylesheet.

use lightningcss::stylesheet::{MinifyOptions, ParserOptions, PrinterOptions, StyleSheet};
use lightningcss::targets::{Browsers, Targets};
use std::path::{Path, PathBuf};

/// The sheets of folders in the order of their names, without those that only import others, as one small sheet.
pub fn join(folders: &[&Path]) -> anyhow::Result<String> {
    let mut sheets: Vec<PathBuf> = Vec::new();
    for folder in folders {
        let mut found: Vec<PathBuf> =
            std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
        found.retain(|path| path.file_name().is_some_and(|name| name != "main.css"));
        found.sort();
        sheets.extend(found);
    }
    let joined: String = sheets.iter().map(std::fs::read_to_string).collect::<std::io::Result<_>>()?;
    // Browsers that know `light-dark()`, `:has()` and layers: nothing is lowered for older ones.
    let version = |major: u32| Some(major << 16);
    let browsers = Browsers {
        chrome: version(123),
        firefox: version(121),
        safari: Some(17 << 16 | 5 << 8),
        ..Browsers::default()
    };
    let targets = Targets::from(browsers);
    let mut sheet = StyleSheet::parse(&joined, ParserOptions::default()).map_err(|error| anyhow::anyhow!("{error}"))?;
    sheet.minify(MinifyOptions { targets, ..MinifyOptions::default() }).map_err(|error| anyhow::anyhow!("{error}"))?;
    let printed = sheet.to_css(PrinterOptions { minify: true, targets, ..PrinterOptions::default() })?;
    Ok(printed.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stylesheet_is_valid_and_keeps_both_themes() {
        let sheet = join(&[crate::root().join("admin-ui/style").as_path()]).unwrap();
        assert!(sheet.contains("light-dark("), "colours of both themes");
        assert!(!sheet.contains("@import"), "one file");
    }
}
