//! A list of the crates in the programs of a package, as CycloneDX 1.5 (ECMA-424).
//!
//! cargo-cyclonedx describes one crate with all of its targets. This list has what is linked into the programs of a
//! package on its platform: dependencies of tests and build scripts are not in it.

use super::linked::{Crate, Graph};
use crate::{machine, shell};
use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;

/// Platform of the packages.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The directory of a crate for Windows, as cargo downloaded it.
///
/// # Errors
///
/// cargo does not know it.
pub fn directory_of(name: &str) -> anyhow::Result<PathBuf> {
    #[derive(Deserialize)]
    struct Known {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        manifest_path: PathBuf,
    }
    let words = ["metadata", "--locked", "--format-version", "1", "--filter-platform", machine::WINDOWS];
    let text = shell::read(shell::cargo(&words))?;
    let known: Known = serde_json::from_str(&text).context("cannot parse the output of cargo metadata")?;
    let found = known.packages.iter().find(|one| one.name == name);
    let manifest = &found.with_context(|| format!("cargo does not know the crate {name}"))?.manifest_path;
    Ok(manifest.parent().context("a manifest is in no directory")?.to_owned())
}

/// The dependencies of all crates on the platform of the packages.
///
/// # Errors
///
/// cargo cannot read them.
pub fn read() -> anyhow::Result<Graph> {
    let words = ["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET];
    Graph::parse(&shell::read(shell::cargo(&words))?)
}

/// The list for a package with the programs of these crates.
///
/// # Errors
///
/// One of the crates does not exist.
pub fn list(graph: &Graph, package: &str, version: &str, time: &str, crates: &[&str]) -> anyhow::Result<Value> {
    let linked = graph.linked(crates)?;
    let names = |crates: &[&Crate]| crates.iter().map(|one| reference(one)).collect::<Vec<_>>();
    let components: Vec<Value> = linked.crates.iter().map(|(one, _)| component(one)).collect();
    let mut dependencies = vec![json!({ "ref": package, "dependsOn": names(&linked.roots) })];
    for (one, direct) in &linked.crates {
        dependencies.push(json!({ "ref": reference(one), "dependsOn": names(direct) }));
    }
    let described = json!({ "type": "application", "bom-ref": package, "name": package, "version": version });
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "timestamp": time, "component": described },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// The package URL; our own crates are on no registry.
fn reference(one: &Crate) -> String {
    let Crate { name, version, source, .. } = one;
    if source.is_some() { format!("pkg:cargo/{name}@{version}") } else { format!("{name}@{version}") }
}

fn component(one: &Crate) -> Value {
    let reference = reference(one);
    let mut component = json!({ "type": "library", "bom-ref": reference, "name": one.name, "version": one.version });
    if let Some(licence) = one.licence() {
        component["licenses"] = json!([{ "expression": licence }]);
    }
    if let Some(description) = &one.description {
        component["description"] = json!(description.trim());
    }
    if one.source.is_some() {
        component["purl"] = json!(reference);
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_list_has_what_is_linked_and_nothing_else() {
        let list = list(&read().unwrap(), "tornado-server", "1.2.3", "2026-01-01T00:00:00Z", &["tornadod"]).unwrap();
        let components = list["components"].as_array().unwrap();
        let find = |name: &str| components.iter().find(|one| one["name"] == name);
        let tls = find("rustls").unwrap();
        assert!(tls["purl"].as_str().unwrap().starts_with("pkg:cargo/rustls@"), "{tls}");
        assert!(tls["licenses"][0]["expression"].as_str().unwrap().contains("MIT"), "{tls}");
        assert!(find("tornado-auth").is_some_and(|one| one.get("purl").is_none()));
        for absent in ["insta", "serde_derive", "tornado-e2e-harness", "tornado-helper"] {
            assert!(find(absent).is_none(), "{absent} is not in the program");
        }
        let references: BTreeSet<&str> = components.iter().filter_map(|one| one["bom-ref"].as_str()).collect();
        assert_eq!(references.len(), components.len(), "references are unique");
        for line in list["dependencies"].as_array().unwrap() {
            for to in line["dependsOn"].as_array().unwrap() {
                assert!(references.contains(to.as_str().unwrap()), "{to}");
            }
        }
    }

    #[test]
    fn an_unknown_crate_is_an_error() {
        assert!(list(&read().unwrap(), "x", "1", "", &["tornado-unknown"]).is_err());
    }
}
