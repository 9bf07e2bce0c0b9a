//! Decides whether the configuration of a backup may be put in place without a review by an operator.
//!
//! A configuration contains paths that root and services read and write, programs that they run, and hosts that they
//! trust and send passwords to. None of these may come from an archive: an operator must set such keys on this machine.

use crate::config::Config;
use toml::Value;

/// Text keys that refer to nothing on this machine and to no trusted host. A table covers all keys below it.
const PLAIN: [&[&str]; 8] = [
    &["server", "host"],
    &["lanes", "pools"],
    &["client_api", "listen"],
    &["session", "node_id"],
    &["tor", "exit_countries"],
    &["tor", "virtual_v4"],
    &["tor", "virtual_v6"],
    &["log", "level"],
];

/// Returns the keys that an operator must review, as `[table] key = value`. If there are none, the configuration may be
/// put in place.
///
/// # Errors
///
/// Fails if the text is not valid TOML.
pub(super) fn to_read(text: &str) -> Result<Vec<String>, String> {
    let table: toml::Table = toml::from_str(text).map_err(|error| printable(error.message()))?;
    let defaults =
        Config::parse("").and_then(|defaults| Value::try_from(defaults).map_err(|error| error.to_string()))?;
    let mut found = Vec::new();
    look(&mut Vec::new(), &Value::Table(table), Some(&defaults), &mut found);
    Ok(found)
}

/// Every other text needs a review; numbers and booleans refer to nothing.
fn look<'a>(path: &mut Vec<&'a str>, value: &'a Value, default: Option<&Value>, found: &mut Vec<String>) {
    if default == Some(value) || PLAIN.iter().any(|plain| path.starts_with(plain)) {
        return;
    }
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                path.push(key);
                look(path, value, default.and_then(|default| default.get(key)), found);
                path.pop();
            }
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {}
        Value::String(_) | Value::Array(_) => {
            let (key, tables) = path.split_last().unwrap_or((&"", &[]));
            found.push(printable(&format!("[{}] {key} = {value}", tables.join("."))));
        }
    }
}

/// Escapes characters that move a terminal's cursor or change the direction of text.
pub(super) fn printable(text: &str) -> String {
    let safe = |c: char| matches!(c, '\n' | '\t' | '"' | '\'' | '\\') || !is_escaped(c);
    text.chars().flat_map(|c| if safe(c) { vec![c] } else { c.escape_debug().collect() }).collect()
}

fn is_escaped(c: char) -> bool {
    c.escape_debug().len() > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_files_hosts_and_programs_must_be_read() {
        for text in [
            "[paths]\nstate = '/etc'",
            "[paths]\nrun = '/etc'",
            "[paths]\nsecrets = '/root/keys'",
            "[client_api]\ncertificate = '/etc/shadow'\nkey = '/etc/x'",
            "[store]\nurl = 'postgres://evil.example/x'\n[live]\nurl = 'redis://evil.example'",
            "[live]\nca = '/x'",
            "[tor]\nextra_torrc = '/x'",
            "[tor]\nbinary = '/bin/sh'",
            "[tor]\nuser = 'root'",
            "[tor]\nbridges = ['192.0.2.1:1 x']",
            "[[tor.transports]]\nname = 'obfs4'\nprogram = '/bin/sh'",
            "[tor.probe]\ntarget = 'evil.example:1'",
            "[dns]\nupstreams = ['192.0.2.1']",
            "[dns]\ntrust_anchor = '/x'",
            "[dns]\nprivate_names = ['bank.example']",
            "[wg]\ntable = 'filter'",
            "[wg]\ndirect = 'eth0'",
            "[admin]\nlisten = '0.0.0.0:8000'",
            "[admin]\nhosts = ['evil.example']",
            "[unknown]\nkey = 'x'",
        ] {
            let found = to_read(text).unwrap();
            assert!(!found.is_empty(), "{text}");
        }
    }

    #[test]
    fn the_default_and_what_names_nothing_may_be_put_in_place() {
        let example = include_str!("../../../../../installers/tornado.toml");
        let own = "[server]\nhost = 'vpn.example.org'\n[lanes]\ndirect_port = 5\n[lanes.pools.direct]\n\
                   v4 = '10.1.0.0/16'\nv6 = 'fd00:1::/64'\n[paths]\nstate = '/var/lib/tornado'\n[log]\nlevel = 'debug'";
        for text in ["", example, own] {
            assert_eq!(to_read(text).unwrap(), Vec::<String>::new(), "{text}");
        }
    }

    /// A new text key needs a review until it is listed in this test or in `PLAIN`.
    #[test]
    fn every_text_of_the_default_is_to_be_read_or_known_as_plain() {
        fn changed(value: &Value) -> Value {
            match value {
                Value::String(text) => Value::String(format!("{text}x")),
                Value::Array(items) => Value::Array([items.clone(), vec![Value::String("x".into())]].concat()),
                Value::Table(table) => Value::Table(table.iter().map(|(k, v)| (k.clone(), changed(v))).collect()),
                Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => value.clone(),
            }
        }
        let defaults = Value::try_from(Config::parse("").unwrap()).unwrap();
        let found = to_read(&toml::to_string(&changed(&defaults)).unwrap()).unwrap();
        for key in
            ["[paths] state", "[paths] secrets", "[tor] binary", "[wg] table", "[admin] listen", "[dns] upstreams"]
        {
            assert!(found.iter().any(|line| line.starts_with(key)), "{key}: {found:?}");
        }
    }

    #[test]
    fn nothing_in_it_moves_a_terminals_cursor() {
        let found = to_read("[paths]\nstate = \"/x\\u001b[2J\\u202e\"").unwrap();
        assert!(
            found[0].starts_with("[paths] state") && found[0].bytes().all(|byte| (b' '..=b'~').contains(&byte)),
            "{found:?}"
        );
        assert_eq!(printable("a\u{9b}b\nc"), "a\\u{9b}b\nc");
    }
}
