//! The configuration in effect, as a list for the console: each value with its origin, none with a secret.

use super::{Config, pools};
use std::path::Path;
use toml::{Table, Value};
use tornado_admin::{Server, SettingOrigin, SettingView};

/// Keys whose values are not shown.
const HIDDEN: [&str; 1] = ["admin.metrics_token_sha256"];

/// What the console knows about the configuration that was loaded from `path`.
pub fn server(config: &Config, path: &Path) -> Server {
    // The file was read a moment ago; if it is gone since, the console reports a change.
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let is_chosen = pools::chosen(config).is_ok_and(|pools| pools.is_some());
    Server {
        settings: settings(config, &text, is_chosen),
        file: path.to_owned(),
        text,
        host: config.server.host.clone(),
        port: config.api_port(),
    }
}

fn settings(config: &Config, text: &str, chosen_pools: bool) -> Vec<SettingView> {
    let file: Table = toml::from_str(text).unwrap_or_default();
    let mut all = Vec::new();
    for (table, value) in Table::try_from(config).unwrap_or_default() {
        let Value::Table(values) = value else { continue };
        for (key, value) in values {
            add(&mut all, &format!("{table}.{key}"), value, file.get(&table).and_then(|of| of.get(&key)));
        }
    }
    for setting in &mut all {
        if chosen_pools && setting.name.starts_with("lanes.pools.") {
            setting.origin = SettingOrigin::Chosen;
        }
    }
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// Adds a value, or each value of a table.
fn add(all: &mut Vec<SettingView>, name: &str, value: Value, in_file: Option<&Value>) {
    if let Value::Table(values) = value {
        for (key, value) in values {
            add(all, &format!("{name}.{key}"), value, in_file.and_then(|of| of.get(&key)));
        }
        return;
    }
    let origin = if in_file.is_some() { SettingOrigin::File } else { SettingOrigin::Default };
    let value = (!HIDDEN.contains(&name)).then(|| without_password(&value.to_string()));
    all.push(SettingView { name: name.to_owned(), value, origin, is_changeable: false });
}

/// Replaces the password in a URL.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((user, _)) = authority.rsplit_once('@') else { return text.to_owned() };
    let Some((name, _)) = user.split_once(':') else { return text.to_owned() };
    let rest = rest.get(user.len()..).unwrap_or_default();
    format!("{scheme}://{name}:***{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(settings: &'a [SettingView], name: &str) -> &'a SettingView {
        settings.iter().find(|setting| setting.name == name).unwrap()
    }

    #[test]
    fn each_value_has_its_origin() {
        let text = "[auth]\nsign_in_lifetime = 600\n[auth.guard]\n[admin]\nhosts = [\"console.example.org\"]\n";
        let settings = settings(&Config::parse(text).unwrap(), text, true);
        let lifetime = of(&settings, "auth.sign_in_lifetime");
        assert_eq!((lifetime.value.as_deref(), lifetime.origin), (Some("600"), SettingOrigin::File));
        assert_eq!(of(&settings, "auth.access_lifetime").origin, SettingOrigin::Default);
        assert_eq!(of(&settings, "admin.hosts").value.as_deref(), Some("[\"console.example.org\"]"));
        let pools: Vec<_> = settings.iter().filter(|setting| setting.name.starts_with("lanes.pools.")).collect();
        assert!(!pools.is_empty() && pools.iter().all(|setting| setting.origin == SettingOrigin::Chosen));
        assert!(settings.is_sorted_by(|one, other| one.name < other.name));
    }

    #[test]
    fn secrets_are_not_shown() {
        let hash = "0".repeat(64);
        let text = format!("[admin]\nmetrics_token_sha256 = \"{hash}\"\n");
        let settings = settings(&Config::parse(&text).unwrap(), &text, false);
        let token = of(&settings, "admin.metrics_token_sha256");
        assert_eq!((&token.value, token.origin), (&None, SettingOrigin::File));
        assert_eq!(without_password("\"postgres://auth:p@ss:w@db/x?a=b\""), "\"postgres://auth:***@db/x?a=b\"");
        for plain in ["\"postgres://auth@db/x\"", "\"a:b@c\"", "true", "\"https://db/a:b@c\""] {
            assert_eq!(without_password(plain), plain);
        }
    }
}
