//! What can be used of a configuration that is refused.

use crate::config::Config;
use std::path::Path;
use toml::{Table, Value};

/// The configuration at `path` without the tables and keys that make it unusable. What checks a broken server must look
/// at that server's directories and ports; the defaults are those of another one on the same machine.
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
    parse(&kept)
}

fn parse(tables: &Table) -> Option<Config> {
    Config::parse(&toml::to_string(tables).ok()?).ok()
}

/// The tables of as many lines from the start as are TOML.
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
}
