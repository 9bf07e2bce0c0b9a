//! Reverts the kernel settings that the server switched on.

use std::path::Path;

/// The file of service `wg` with the former settings, below the state directory.
const FILE: &str = "wg/forwarding.json";

/// Switches off settings that were off before, unless another program has needed them since. Returns those settings.
pub fn give_back(state: &Path, settings: &Path) -> Vec<String> {
    let bytes = std::fs::read(state.join(FILE)).unwrap_or_default();
    let Ok(former) = serde_json::from_slice::<serde_json::Value>(&bytes) else { return Vec::new() };
    let is = |key: &str, value: &str| std::fs::read_to_string(settings.join(key)).is_ok_and(|now| now.trim() == value);
    let mut keys = Vec::new();
    // Other programs that need forwarding switch on all interfaces.
    if is("net/ipv4/conf/all/forwarding", "0") {
        let names = former["v4"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
        let names = names.filter(|name| !name.contains('/') && !name.starts_with('.'));
        keys.extend(names.map(|name| format!("net/ipv4/conf/{name}/forwarding")));
    }
    if former["v6"] == true && is("net/ipv6/conf/default/forwarding", "0") {
        keys.push("net/ipv6/conf/all/forwarding".to_owned());
    }
    keys.retain(|key| is(key, "1") && std::fs::write(settings.join(key), "0").is_ok());
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_off_is_off_again_unless_another_program_forwards() {
        let (state, settings) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let set = |key: &str, value: &str| {
            let path = settings.path().join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, value).unwrap();
        };
        std::fs::create_dir_all(state.path().join("wg")).unwrap();
        std::fs::write(state.path().join(FILE), r#"{"v4":["eth0","../all"],"v6":true}"#).unwrap();
        let [eth0, all4] = ["net/ipv4/conf/eth0/forwarding", "net/ipv4/conf/all/forwarding"];
        let [all6, default6] = ["net/ipv6/conf/all/forwarding", "net/ipv6/conf/default/forwarding"];
        for (key, value) in [(eth0, "1\n"), (all4, "1\n"), (all6, "1\n"), (default6, "1\n")] {
            set(key, value);
        }
        assert!(give_back(state.path(), settings.path()).is_empty());
        set(all4, "0\n");
        set(default6, "0\n");
        assert_eq!(give_back(state.path(), settings.path()), [eth0, all6]);
        assert_eq!(std::fs::read_to_string(settings.path().join(eth0)).unwrap(), "0");
        assert!(give_back(state.path(), settings.path()).is_empty(), "once");
    }
}
