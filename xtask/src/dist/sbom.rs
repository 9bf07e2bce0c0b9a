//! A list of the crates in the programs of a package, as CycloneDX 1.5 (ECMA-424).
//!
//! cargo-cyclonedx describes one crate with all of its targets. This list has what is linked into the programs of a
//! package on its platform: dependencies of tests and build scripts are not in it.

use crate::{machine, shell};
use anyhow::Context as _;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Platform of the packages.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The directory of a crate for Windows, as cargo downloaded it.
pub fn directory_of(name: &str) -> anyhow::Result<PathBuf> {
    let words = ["metadata", "--locked", "--format-version", "1", "--filter-platform", machine::WINDOWS];
    let text = shell::read(shell::cargo(&words))?;
    let graph: Graph = serde_json::from_str(&text).context("cannot parse the output of cargo metadata")?;
    let found = graph.packages.iter().find(|one| one.name == name);
    let manifest = &found.with_context(|| format!("cargo does not know the crate {name}"))?.manifest_path;
    Ok(manifest.parent().context("a manifest is in no directory")?.to_owned())
}

/// The part of the output of `cargo metadata` that is needed.
#[derive(Deserialize)]
pub struct Graph {
    packages: Vec<Crate>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Crate {
    id: String,
    name: String,
    version: String,
    manifest_path: PathBuf,
    license: Option<String>,
    description: Option<String>,
    /// `None` for our own crates.
    source: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// `dev`, `build`, or `None` for a normal dependency.
    kind: Option<String>,
}

impl Graph {
    /// Reads the dependencies of all crates on the platform of the packages.
    pub fn read() -> anyhow::Result<Self> {
        let words = ["metadata", "--locked", "--format-version", "1", "--filter-platform", TARGET];
        let text = shell::read(shell::cargo(&words))?;
        serde_json::from_str(&text).context("cannot parse the output of cargo metadata")
    }

    /// The list for a package with the programs of these crates.
    pub fn list(&self, package: &str, version: &str, time: &str, crates: &[&str]) -> anyhow::Result<Value> {
        let by_id: BTreeMap<&str, &Crate> = self.packages.iter().map(|one| (one.id.as_str(), one)).collect();
        let roots: Vec<&str> =
            self.packages.iter().filter(|one| crates.contains(&one.name.as_str())).map(Crate::id).collect();
        anyhow::ensure!(roots.len() == crates.len(), "cargo does not know all of {}", crates.join(", "));
        let edges = self.linked(&by_id);
        let mut found = BTreeSet::new();
        let mut left = roots.clone();
        while let Some(id) = left.pop() {
            if found.insert(id) {
                left.extend(edges.get(id).into_iter().flatten());
            }
        }
        let components: Vec<Value> = found.iter().filter_map(|id| Some(by_id.get(id)?.component())).collect();
        let name = |id: &&str| by_id.get(id).map(|one| one.reference());
        let mut dependencies =
            vec![json!({ "ref": package, "dependsOn": roots.iter().filter_map(name).collect::<Vec<_>>() })];
        for id in &found {
            let direct: Vec<String> = edges.get(id).into_iter().flatten().filter_map(name).collect();
            dependencies.push(json!({ "ref": name(id), "dependsOn": direct }));
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

    /// The crates that each crate links. Procedural macros run in the compiler and are in no program.
    fn linked<'a>(&'a self, by_id: &BTreeMap<&str, &Crate>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
        let is_linked = |edge: &&Edge| {
            let is_macro = by_id.get(edge.pkg.as_str()).is_some_and(|one| one.is_macro());
            !is_macro && edge.dep_kinds.iter().any(|kind| kind.kind.is_none())
        };
        let line = |node: &'a Node| {
            let direct = node.deps.iter().filter(is_linked).map(|edge| edge.pkg.as_str()).collect();
            (node.id.as_str(), direct)
        };
        self.resolve.nodes.iter().map(line).collect()
    }
}

impl Crate {
    fn id(&self) -> &str {
        &self.id
    }

    fn is_macro(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
    }

    /// The package URL; our own crates are on no registry.
    fn reference(&self) -> String {
        let Self { name, version, source, .. } = self;
        if source.is_some() { format!("pkg:cargo/{name}@{version}") } else { format!("{name}@{version}") }
    }

    fn component(&self) -> Value {
        let reference = self.reference();
        let mut component =
            json!({ "type": "library", "bom-ref": reference, "name": self.name, "version": self.version });
        if let Some(licence) = &self.license {
            // SPDX has no `/`, which old crates use for OR.
            component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
        }
        if let Some(description) = &self.description {
            component["description"] = json!(description.trim());
        }
        if self.source.is_some() {
            component["purl"] = json!(reference);
        }
        component
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_has_what_is_linked_and_nothing_else() {
        let list =
            Graph::read().unwrap().list("tornado-server", "1.2.3", "2026-01-01T00:00:00Z", &["tornadod"]).unwrap();
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
        assert!(Graph::read().unwrap().list("x", "1", "", &["tornado-unknown"]).is_err());
    }
}
