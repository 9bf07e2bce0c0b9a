//! Checks licences and sources of all dependencies with the rules in `deny.toml`.
//!
//! cargo-deny makes the same checks and reads advisories. Its build takes minutes, so it runs only with `--all`.

use crate::shell;
use anyhow::{Context as _, bail};
use serde::Deserialize;
use spdx::{Expression, Licensee, ParseMode};

/// The only registry that cargo-deny allows by default.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// `deny.toml` without its lists. A rule that is not listed here is not implemented, and therefore rejected.
const RULES: &str = r#"
licenses = { unused-allowed-license = "allow", private = { ignore = false } }
bans = { multiple-versions = "warn", wildcards = "deny", allow-wildcard-paths = true }
sources = { unknown-registry = "deny", unknown-git = "deny" }
advisories = { yanked = "deny", ignore = ["RUSTSEC-2023-0071"] }
graph = {}
"#;

/// Runs the checks. Returns the number of packages.
pub fn check() -> anyhow::Result<usize> {
    let path = shell::root().join("deny.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (targets, allowed) = lists(&text)?;
    let platforms = targets.iter().flat_map(|target| ["--filter-platform", target]);
    let metadata = shell::read(shell::cargo(&["metadata", "--locked", "--format-version", "1"]).args(platforms))?;
    let graph: Graph = serde_json::from_str(&metadata).context("cannot parse the output of cargo metadata")?;
    let faults: Vec<String> = graph.packages.iter().flat_map(|package| package.faults(&allowed)).collect();
    if graph.packages.is_empty() || !faults.is_empty() {
        bail!("{} packages: {}", graph.packages.len(), faults.join("; "));
    }
    Ok(graph.packages.len())
}

/// The targets and the allowed licences in `deny.toml`.
fn lists(text: &str) -> anyhow::Result<(Vec<String>, Vec<Licensee>)> {
    let mut rules: toml::Table = toml::from_str(text).context("cannot read deny.toml")?;
    let mut take = |section: &str, key: &str| {
        let list = rules.get_mut(section).and_then(|section| section.as_table_mut()?.remove(key));
        list.with_context(|| format!("deny.toml has no '{key}' under [{section}]"))?
            .try_into::<Vec<String>>()
            .map_err(anyhow::Error::from)
    };
    let (targets, allowed) = (take("graph", "targets")?, take("licenses", "allow")?);
    if rules != toml::from_str::<toml::Table>(RULES)? {
        bail!("deny.toml contains rules that {} does not implement: {rules}", file!());
    }
    let allowed = allowed.iter().map(|name| Licensee::parse(name).with_context(|| format!("unknown licence '{name}'")));
    Ok((targets, allowed.collect::<anyhow::Result<_>>()?))
}

/// The output of `cargo metadata`.
#[derive(Deserialize)]
struct Graph {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// `None` for our own packages.
    source: Option<String>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    req: String,
    path: Option<String>,
}

impl Package {
    fn faults(&self, allowed: &[Licensee]) -> Vec<String> {
        let name = format!("{} {}", self.name, self.version);
        let mut faults = Vec::new();
        match self.license.as_deref().map(|text| Expression::parse_mode(text, ParseMode::LAX)) {
            None => faults.push(format!("{name} has no licence")),
            Some(Err(error)) => faults.push(format!("{name}: cannot parse the licence: {error}")),
            Some(Ok(licence)) => {
                if !licence.evaluate(|one| allowed.iter().any(|allowed| allowed.satisfies(one))) {
                    faults.push(format!("{name}: the licence {licence} is not allowed"));
                }
            }
        }
        if let Some(source) = self.source.as_ref().filter(|source| *source != REGISTRY) {
            faults.push(format!("{name} comes from {source}"));
        }
        let wild = self.dependencies.iter().filter(|wanted| wanted.req == "*" && wanted.path.is_none());
        faults.extend(wild.map(|wanted| format!("{name} accepts any version of {}", wanted.name)));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deny_toml() -> String {
        std::fs::read_to_string(shell::root().join("deny.toml")).unwrap()
    }

    fn faults(license: Option<&str>, source: Option<&str>, req: &str, path: Option<&str>) -> Vec<String> {
        let own = |text: &str| text.to_owned();
        let wanted = Dependency { name: own("other"), req: own(req), path: path.map(own) };
        let (license, source) = (license.map(own), source.map(own));
        let package = Package { name: own("some"), version: own("1.0.0"), license, source, dependencies: vec![wanted] };
        package.faults(&lists(&deny_toml()).unwrap().1)
    }

    #[test]
    fn allowed_licences_pass_in_every_spelling() {
        for text in ["MIT", "MIT OR Apache-2.0", "MIT/Apache-2.0", "GPL-3.0-or-later", "(MIT AND ISC) OR AGPL-3.0"] {
            assert_eq!(faults(Some(text), Some(REGISTRY), "^1", None), [] as [&str; 0], "{text}");
        }
        assert!(faults(Some("Apache-2.0 WITH LLVM-exception"), None, "^1", None).is_empty());
    }

    #[test]
    fn other_licences_are_refused() {
        for text in [Some("AGPL-3.0"), Some("MIT AND SSPL-1.0"), Some("GPL-2.0-only"), Some("Proprietary"), None] {
            assert_eq!(faults(text, Some(REGISTRY), "^1", None).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn other_sources_and_any_version_are_refused() {
        assert_eq!(faults(Some("MIT"), Some("git+https://example.org/x"), "^1", None).len(), 1);
        assert_eq!(faults(Some("MIT"), Some("registry+https://example.org/index"), "^1", None).len(), 1);
        assert_eq!(faults(Some("MIT"), Some(REGISTRY), "*", None).len(), 1);
        assert!(
            faults(Some("MIT"), None, "*", Some("/some/path")).is_empty(),
            "our own crates refer to each other by path"
        );
    }

    #[test]
    fn a_rule_that_is_not_checked_is_refused() {
        assert!(lists(&deny_toml()).is_ok());
        for more in ["[[bans.deny]]\nname = \"openssl\"\n", "[licenses.clarify]\n", "[output]\n"] {
            assert!(lists(&format!("{}\n{more}", deny_toml())).is_err(), "{more}");
        }
        assert!(lists(&deny_toml().replace("unknown-git = \"deny\"", "unknown-git = \"warn\"")).is_err());
    }
}
