//! Extracts the usable part of an invalid configuration.

use crate::config::{Config, pools};
use std::path::Path;
use toml::{Table, Value};

/// The configuration at `path` without the tables and keys that make it invalid. A check of a broken server must
/// examine that server's directories, ports and pools; the defaults may belong to another server on the same machine.
pub(crate) fn salvage(path: &Path) -> Option<Config> {
    of(&std::fs::read_to_string(path).unwrap_or_default())
}

fn of(text: &str) -> Option<Config> {
    let mut kept = Table::new();
    for (name, value) in longest(text) {
        let Value::Table(keys) = value else { continue };
        for (key, value) in keys {
            let mut more = kept.clone();
            if let Value::Table(table) = more.entry(&name).or_insert_with(|| Value::Table(Table::new())) {
                table.insert(key, value);
            }
            if parse(&more).is_some() {
                kept = more;
            }
        }
    }
    let usable = parse(&kept)?;
    match pools::chosen(&usable) {
        Ok(Some(chosen)) => usable.with_pools(chosen).ok(),
        // An invalid file of pools is reported by its own check.
        Ok(None) | Err(_) => Some(usable),
    }
}

fn parse(tables: &Table) -> Option<Config> {
    Config::parse(&toml::to_string(tables).ok()?).ok()
}

/// The tables in the longest prefix of lines that is valid TOML.
fn longest(text: &str) -> Table {
    let lines: Vec<&str> = text.lines().collect();
    let start = |count: usize| toml::from_str(&lines.get(..count).unwrap_or_default().join("\n")).ok();
    (0..=lines.len()).rev().find_map(start).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_configuration_keeps_its_own_directories() {
        let paths = "[paths]\nrun = '/srv/a/run'\nstate = '/srv/a/state'\n\n[wg]\ntable = 'other'\n";
        for broken in ["[nonsense]\nx = 1\n", "[lanes]\ndirect_port = 'x'\n", "[lanes\n", "[log]\nlevel = 1\n=\n"] {
            let text = format!("{paths}{broken}");
            assert!(Config::parse(&text).is_err(), "{broken}");
            let config = of(&text).unwrap();
            assert_eq!(config.paths.run, Path::new("/srv/a/run"), "{broken}");
            assert_eq!(config.paths.state, Path::new("/srv/a/state"), "{broken}");
            assert_eq!(config.wg.table, "other", "{broken}");
        }
        assert_eq!(of("").unwrap().paths.run, Path::new("/run/tornado"));
    }

    #[test]
    fn a_refused_configuration_keeps_the_chosen_pools() {
        let state = tempfile::tempdir().unwrap();
        let mut chosen = tornado_shared::model::LanePools::default();
        chosen.direct.v4 = "10.70.0.0/16".parse().unwrap();
        std::fs::write(state.path().join(pools::FILE), toml::to_string(&chosen).unwrap()).unwrap();
        let text = format!("[paths]\nstate = '{}'\n[nonsense]\nx = 1\n", state.path().display());
        assert!(Config::parse(&text).is_err());
        let config = of(&text).unwrap();
        assert_eq!(config.lanes.pools, chosen);
        let named = format!("{text}[lanes.pools.direct]\nv4 = '10.80.0.0/16'\nv6 = 'fd00:80::/64'\n");
        assert_eq!(
            of(&named).unwrap().lanes.pools.direct.v4,
            "10.80.0.0/16".parse().unwrap(),
            "the operator's pools take precedence"
        );
    }
}
