//! What is linked into programs, after what `cargo metadata` reports. Dependencies of tests and build scripts, and
//! procedural macros, are in no program.
//!
//! `xtask/web` includes this file.

use anyhow::Context as _;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The part of the output of `cargo metadata` that is needed.
#[derive(Deserialize)]
pub struct Graph {
    packages: Vec<Crate>,
    resolve: Resolve,
}

/// A crate.
#[derive(Deserialize)]
pub struct Crate {
    id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence as its author wrote it.
    pub license: Option<String>,
    /// One line about it.
    pub description: Option<String>,
    /// `None` for our own crates.
    pub source: Option<String>,
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

/// The crates in programs.
pub struct Linked<'a> {
    /// The crates of the programs.
    pub roots: Vec<&'a Crate>,
    /// All, with those that each links directly; ordered.
    pub crates: Vec<(&'a Crate, Vec<&'a Crate>)>,
}

impl Graph {
    /// Reads the output of `cargo metadata`.
    ///
    /// # Errors
    ///
    /// It has another format.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        serde_json::from_str(text).context("cannot parse the output of cargo metadata")
    }

    /// What is linked into the programs of these crates.
    ///
    /// # Errors
    ///
    /// One of the crates does not exist.
    pub fn linked(&self, crates: &[&str]) -> anyhow::Result<Linked<'_>> {
        let by_id: BTreeMap<&str, &Crate> = self.packages.iter().map(|one| (one.id.as_str(), one)).collect();
        let roots: Vec<&Crate> = self.packages.iter().filter(|one| crates.contains(&one.name.as_str())).collect();
        anyhow::ensure!(roots.len() == crates.len(), "cargo does not know all of {}", crates.join(", "));
        let edges = self.edges(&by_id);
        let mut found = BTreeSet::new();
        let mut left: Vec<&str> = roots.iter().map(|one| one.id.as_str()).collect();
        while let Some(id) = left.pop() {
            if found.insert(id) {
                left.extend(edges.get(id).into_iter().flatten());
            }
        }
        let direct = |id: &&str| edges.get(id).into_iter().flatten().filter_map(|id| by_id.get(id).copied()).collect();
        let crates = found.iter().filter_map(|id| Some((*by_id.get(id)?, direct(id)))).collect();
        Ok(Linked { roots, crates })
    }

    /// The crates that each crate links.
    fn edges<'a>(&'a self, by_id: &BTreeMap<&str, &Crate>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
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
    fn is_macro(&self) -> bool {
        self.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
    }

    /// The licence as SPDX writes it, which has no `/`; old crates use it for OR.
    #[must_use]
    pub fn licence(&self) -> Option<String> {
        self.license.as_ref().map(|licence| licence.replace('/', " OR "))
    }
}
