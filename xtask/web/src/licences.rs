//! The list of the crates in the client's programs, for the window: one line each, the same for the same lock file.

use crate::linked::Graph;
use anyhow::{Context as _, ensure};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The platforms, and the crates of the programs on each.
const PROGRAMS: [(&str, &[&str]); 2] = [
    ("x86_64-unknown-linux-gnu", &["tornado-gui", "tornado-helper", "tornado-cli"]),
    (crate::TARGET, &[crate::window::PACKAGE]),
];

/// The list.
pub fn list(root: &Path) -> anyhow::Result<String> {
    let mut lines = BTreeSet::new();
    for (platform, crates) in PROGRAMS {
        for (one, _) in metadata(root, platform)?.linked(crates)?.crates {
            // Ours have the licence of the whole, which the window shows above the list.
            if one.source.is_some() {
                let licence = one.licence().unwrap_or_else(|| "see its source".to_owned());
                lines.insert(format!("{} {}: {licence}", one.name, one.version));
            }
        }
    }
    Ok(lines.into_iter().map(|line| line + "\n").collect())
}

fn metadata(root: &Path, platform: &str) -> anyhow::Result<Graph> {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root).args(["metadata", "--locked", "--format-version", "1", "--filter-platform", platform]);
    let output = command.output().context("cannot run cargo")?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    Graph::parse(std::str::from_utf8(&output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_the_crates_of_all_programs_and_none_of_the_tests() {
        let list = list(&crate::root()).unwrap();
        let has = |name: &str| list.lines().any(|line| line.starts_with(&format!("{name} ")) && line.contains(": "));
        for name in ["tauri", "gotatun", "clap", "leptos", "rqrr"] {
            assert!(has(name), "{name}");
        }
        for name in ["fantoccini", "serde_derive", "tornado-gui", "tauri-build"] {
            assert!(!has(name), "{name}");
        }
        assert!(list.len() < 64 * 1024, "{} bytes", list.len());
    }
}
