//! Which crate may import which: a table of rules over what `cargo metadata` reports.
//!
//! The reasons are in `docs/project_structure.md`, "Dependencies between crates".

use crate::shell;
use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// A crate or a folder of crates (`dir/*`), and what it may import of ours. The first row that matches counts. Tests
/// may also import [`FOR_TESTS`].
const RULES: &[(&str, &[&str])] = &[
    ("shared", &[]),
    // Tools without dependencies, also for programs that know nothing of the product.
    ("shared/kit", &[]),
    ("shared/*", &["shared", "shared/*"]),
    ("server/contracts", &["shared", "shared/rpc"]),
    ("server/runtime", &["shared", "shared/*", "server/contracts"]),
    // What is stored, where: they know no service.
    ("server/store", &["shared"]),
    ("server/live", &["shared"]),
    ("server/backup", &["shared"]),
    // Services, never another service; those that own data, its store too.
    ("server/auth", &["shared", "shared/*", "server/contracts", "server/runtime", "server/store"]),
    ("server/session", &["shared", "shared/*", "server/contracts", "server/runtime", "server/store", "server/live"]),
    // The console's pages over the admin API, and the service that serves them.
    ("server/console", &["shared", "shared/*", "admin-ui"]),
    ("server/admin", &["shared", "shared/*", "server/contracts", "server/runtime", "server/console", "admin-ui"]),
    // The one crate that names concrete implementations.
    ("server/tornadod", &["shared", "shared/*", "server/*"]),
    ("server/*", &["shared", "shared/*", "server/contracts", "server/runtime"]),
    // Knows the server only through the trait that it calls.
    ("admin-ui", &["shared", "shared/ui"]),
    // The device never imports the server.
    ("desktop/helper-api", &["shared", "shared/rpc", "shared/windows"]),
    // What the window and its program exchange; the window knows nothing else of the product.
    ("desktop/gui-api", &[]),
    ("desktop/ui", &["shared/ui", "desktop/gui-api"]),
    ("desktop/gui", &["shared", "shared/kit", "desktop/helper-api", "desktop/gui-api", "desktop/support"]),
    ("desktop/support", &["shared/windows", "desktop/helper-api"]),
    ("desktop/*", &["shared", "shared/*", "desktop/helper-api", "desktop/support", "desktop/tunnel"]),
    // `xtask` is built before anything else, on every new machine: it and the lab import nothing of the product.
    ("e2e/patience", &[]),
    ("e2e/documents", &[]),
    ("e2e/engines", &[]),
    ("e2e/harness", &["e2e/patience", "e2e/engines"]),
    // Renders the console with invented data.
    ("e2e/console", &["shared", "shared/*", "e2e/*", "admin-ui", "server/backup"]),
    // Calls the helper through its contract, beside the command line.
    ("e2e/windows", &["shared", "shared/*", "desktop/helper-api"]),
    // Tests see the programs from outside: their contracts and files.
    ("e2e/*", &["shared", "shared/*", "e2e/*", "server/contracts", "server/backup"]),
    ("fuzz", &["shared", "shared/*", "server/*", "desktop/*"]),
    ("xtask", &["e2e/harness", "e2e/documents", "e2e/engines", "shared/kit"]),
    // Compiled only for the console's files: it imports nothing, and `xtask` runs it instead of importing it.
    ("xtask/web", &[]),
];

/// What the tests of every crate may import.
const FOR_TESTS: &[&str] = &["shared/endurance", "e2e/*"];

/// Checks; returns the number of imports.
pub fn check() -> anyhow::Result<usize> {
    let metadata = shell::read(shell::cargo(&["metadata", "--locked", "--no-deps", "--format-version", "1"]))?;
    let graph: Graph = serde_json::from_str(&metadata).context("cannot read what cargo reports")?;
    let imports = graph.imports();
    let faults: Vec<String> = imports.iter().filter_map(fault).collect();
    if imports.is_empty() || !faults.is_empty() {
        bail!("{} imports: {}", imports.len(), faults.join("; "));
    }
    Ok(imports.len())
}

/// What `cargo metadata` prints.
#[derive(Deserialize)]
struct Graph {
    workspace_root: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    /// Of our own crates only.
    path: Option<PathBuf>,
    /// `dev` for tests, `build` for build scripts.
    kind: Option<String>,
}

/// One arrow between two folders of the workspace.
#[derive(Debug, PartialEq, Eq)]
struct Import {
    from: String,
    to: String,
    by_tests: bool,
}

impl Graph {
    fn imports(&self) -> Vec<Import> {
        let folder = |path: &Path| path.strip_prefix(&self.workspace_root).unwrap_or(path).display().to_string();
        let of_package = |package: &Package| {
            let from = package.manifest_path.parent().map(folder).unwrap_or_default();
            let ours = package.dependencies.iter().filter_map(|wanted| Some((folder(wanted.path.as_ref()?), wanted)));
            let import = |(to, wanted): (String, &Dependency)| {
                let by_tests = wanted.kind.as_deref() == Some("dev");
                Import { from: from.clone(), to, by_tests }
            };
            ours.map(import).collect::<Vec<_>>()
        };
        self.packages.iter().flat_map(of_package).collect()
    }
}

/// `None` when the import is allowed.
fn fault(import: &Import) -> Option<String> {
    let Import { from, to, by_tests } = import;
    let Some((_, allowed)) = RULES.iter().find(|(of, _)| matches(of, from)) else {
        return Some(format!("{from} has no row in the table of {}", file!()));
    };
    let for_tests = if *by_tests { FOR_TESTS } else { &[] };
    let is_allowed = allowed.iter().chain(for_tests).any(|pattern| matches(pattern, to));
    (!is_allowed).then(|| format!("{from} must not import {to}"))
}

fn matches(pattern: &str, folder: &str) -> bool {
    match pattern.strip_suffix("/*") {
        Some(above) => folder.strip_prefix(above).is_some_and(|rest| rest.starts_with('/')),
        None => pattern == folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn import(from: &str, to: &str, by_tests: bool) -> Option<String> {
        fault(&Import { from: from.into(), to: to.into(), by_tests })
    }

    #[test]
    fn wrong_arrows_are_found() {
        for (from, to) in [
            ("shared", "shared/rpc"),
            ("shared/rpc", "server/contracts"),
            ("server/contracts", "server/runtime"),
            ("server/auth", "server/session"),
            ("server/wg", "server/store"),
            ("server/client-api", "server/live"),
            ("desktop/helper", "server/contracts"),
            ("desktop/cli", "desktop/helper"),
            ("server/wg", "e2e/harness"),
            ("server/master", "server/tornadod"),
            ("e2e/harness", "e2e/support"),
            ("xtask", "shared"),
        ] {
            assert_eq!(import(from, to, false).unwrap(), format!("{from} must not import {to}"));
        }
        assert!(import("somewhere/new", "shared", false).unwrap().contains("no row"));
    }

    #[test]
    fn tests_may_use_the_test_kits_and_nothing_else() {
        assert_eq!(import("server/wg", "e2e/harness", true), None);
        assert!(import("server/wg", "server/session", true).is_some());
        assert!(import("shared/rpc", "server/contracts", true).is_some());
    }

    #[test]
    fn arrows_are_read_from_cargo() {
        let text = r#"{"workspace_root":"/w","packages":[{"manifest_path":"/w/server/wg/Cargo.toml","dependencies":[
            {"path":"/w/shared/rpc","kind":null},{"path":"/w/e2e/harness","kind":"dev"},{"path":null,"kind":null}]}]}"#;
        let graph: Graph = serde_json::from_str(text).unwrap();
        let of_wg = |to: &str, by_tests| Import { from: "server/wg".into(), to: to.into(), by_tests };
        assert_eq!(graph.imports(), [of_wg("shared/rpc", false), of_wg("e2e/harness", true)]);
    }
}
