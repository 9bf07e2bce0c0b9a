//! The files for the browser, as a list for `include_bytes!`.
//!
//! `cargo xtask web` writes them to `target/console`. Without it, an ordinary build embeds the stylesheet alone: all
//! pages can be read, and nothing takes over in the browser.

use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Writes the list.
///
/// # Errors
///
/// A file cannot be read or written.
pub fn generate(root: &Path, target: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let built: PathBuf = match std::env::var_os("TORNADO_CONSOLE_DIR") {
        Some(dir) => dir.into(),
        None => root.join("../target/console"),
    };
    println!("cargo:rerun-if-env-changed=TORNADO_CONSOLE_DIR");
    // Cargo builds again whenever a watched path is missing, so the directory exists from the first build on.
    std::fs::create_dir_all(&built)?;
    println!("cargo:rerun-if-changed={}", built.display());
    let list = built.join("files.txt");
    let mut code = String::from("&[\n");
    match std::fs::read_to_string(&list) {
        Ok(names) => {
            for name in names.lines().filter(|name| !name.is_empty()) {
                let path = |suffix: &str| built.join(format!("{name}{suffix}"));
                writeln!(
                    code,
                    "    Asset {{ name: {name:?}, raw: {}, brotli: {}, gzip: {} }},",
                    include(&path("")),
                    include(&path(".br")),
                    include(&path(".gz"))
                )?;
            }
        }
        Err(_) => {
            let sheet = target.with_file_name("console.css");
            std::fs::write(&sheet, join_sheets(&root.join("style"))?)?;
            writeln!(code, "    Asset {{ name: \"console.css\", raw: {}, brotli: &[], gzip: &[] }},", include(&sheet))?;
        }
    }
    code.push_str("]\n");
    Ok(std::fs::write(target, code)?)
}

fn include(path: &Path) -> String {
    if path.exists() { format!("include_bytes!({:?})", path.display().to_string()) } else { "&[]".to_owned() }
}

/// The sheets in the order of their names, without the one that only imports them.
fn join_sheets(style: &Path) -> std::io::Result<String> {
    println!("cargo:rerun-if-changed={}", style.display());
    let mut sheets: Vec<_> =
        std::fs::read_dir(style)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    sheets.retain(|path| path.file_name().is_some_and(|name| name != "main.css"));
    sheets.sort();
    sheets.iter().map(std::fs::read_to_string).collect()
}
