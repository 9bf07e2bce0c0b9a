//! Checks the links between items in the documentation of the libraries, also of private items.

use crate::shell::{self, WINDOW};
use crate::test::build::with_lints;

/// Runs rustdoc with the libraries that the build has made; without a build cargo makes them. The pages are removed.
pub fn check() -> anyhow::Result<()> {
    let pages = shell::target_dir().join("doc-links");
    let mut cargo =
        with_lints(shell::cargo(&["test", "--workspace", "--exclude", WINDOW, "--doc", "--quiet", "--no-fail-fast"]));
    cargo.env("RUSTDOC", shell::root().join("xtask/src/test/lint/rustdoc.sh")).env("TORNADO_DOC_DIR", &pages);
    let result = shell::run(cargo);
    if pages.exists() {
        std::fs::remove_dir_all(&pages)?;
    }
    result
}
