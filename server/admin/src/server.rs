//! What the console knows about the server's configuration. It is read once, at the start of the service, as by all
//! others.

use std::net::IpAddr;
use std::path::PathBuf;
use tornado_admin_api::types::{Reach, ServerView, SettingOrigin, SettingView, SettingsView};
use tornado_contracts::auth::settings::Setting;

/// The configuration in effect.
#[derive(Debug, Clone, Default)]
pub struct Server {
    /// The configuration file.
    pub file: PathBuf,
    /// Its text at the start; empty if the file does not exist.
    pub text: String,
    /// All values, sorted by name, without secrets.
    pub settings: Vec<SettingView>,
    /// The configured public name or address.
    pub host: Option<String>,
    /// Port of the device API.
    pub port: u16,
}

impl Server {
    /// The configuration, compared with the current file. `stored` are the settings that operators can change.
    #[must_use]
    pub fn settings(&self, stored: &[Setting]) -> SettingsView {
        // A file that cannot be read counts as removed.
        let now = std::fs::read_to_string(&self.file).unwrap_or_default();
        let mut settings = self.settings.clone();
        for Setting { name, value } in stored {
            let found = settings.iter().position(|one| one.name == *name);
            let configured = found.map(|index| settings.remove(index));
            let origin = configured.as_ref().map_or(SettingOrigin::Default, |one| one.origin);
            let origin = if value.is_some() { SettingOrigin::Operator } else { origin };
            let value =
                value.as_ref().map(|value| format!("{value:?}")).or_else(|| configured.and_then(|one| one.value));
            settings.push(SettingView { name: name.clone(), value, origin, is_changeable: true });
        }
        settings.sort_by(|one, other| one.name.cmp(&other.name));
        SettingsView { file: self.file.display().to_string(), is_changed: now != self.text, settings }
    }

    /// How devices reach the server. `host` is the name that an operator set, `found` the machine's own address.
    #[must_use]
    pub fn view(&self, host: Option<String>, found: Option<IpAddr>) -> ServerView {
        let host = host.or_else(|| self.host.clone());
        let reach = match (&host, found) {
            (Some(host), _) => host.parse().map_or(Reach::Name, reach),
            (None, Some(address)) => reach(address),
            (None, None) => Reach::Missing,
        };
        ServerView {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            host,
            found_address: found.map(|address| address.to_string()),
            port: self.port,
            reach,
        }
    }
}

/// Special-purpose addresses (RFC 6890) are not reachable from the Internet.
fn reach(address: IpAddr) -> Reach {
    let is_private = match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            address.is_private() || address.is_loopback() || address.is_link_local() || is_shared
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    };
    if is_private || address.is_unspecified() { Reach::Private } else { Reach::Public }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(host: Option<&str>, found: Option<&str>) -> Reach {
        let server = Server { host: host.map(str::to_owned), ..Server::default() };
        server.view(None, found.map(|address| address.parse().unwrap())).reach
    }

    #[test]
    fn the_reach_follows_from_the_address() {
        assert_eq!(seen(None, None), Reach::Missing);
        assert_eq!(seen(Some("vpn.example.org"), Some("10.0.0.7")), Reach::Name);
        for address in ["10.0.0.7", "192.168.1.2", "100.64.0.1", "169.254.3.4", "127.0.0.1", "fd00::1", "fe80::1"] {
            assert_eq!(seen(None, Some(address)), Reach::Private, "{address}");
            assert_eq!(seen(Some(address), None), Reach::Private, "{address}");
        }
        for address in ["203.0.113.5", "100.128.0.1", "2001:db8::1"] {
            assert_eq!(seen(None, Some(address)), Reach::Public, "{address}");
        }
    }

    #[test]
    fn the_configured_port_of_the_device_api_is_shown() {
        let server = Server { port: 4605, ..Server::default() };
        assert_eq!(server.view(None, None).port, 4605);
    }

    #[test]
    fn a_changed_file_is_noticed() {
        let file = std::env::temp_dir().join(format!("tornado-settings-{}", std::process::id()));
        let server = Server { file: file.clone(), text: String::new(), ..Server::default() };
        assert!(!server.settings(&[]).is_changed, "absent then and now");
        std::fs::write(&file, "[admin]\n").unwrap();
        assert!(server.settings(&[]).is_changed);
        let server = Server { text: "[admin]\n".into(), ..server };
        assert!(!server.settings(&[]).is_changed);
        std::fs::remove_file(&file).unwrap();
        assert!(server.settings(&[]).is_changed);
    }

    #[test]
    fn a_setting_of_an_operator_counts_more_than_the_file() {
        let configured = |name: &str| SettingView {
            name: name.to_owned(),
            value: Some("\"configured.example\"".to_owned()),
            origin: SettingOrigin::File,
            is_changeable: false,
        };
        let settings = vec![configured("server.host"), configured("zone")];
        let server = Server { settings, host: Some("configured.example".into()), ..Server::default() };
        let stored = |value: Option<&str>| Setting { name: "server.host".into(), value: value.map(str::to_owned) };
        let first = |stored: Setting| server.settings(&[stored]).settings.swap_remove(0);
        let unset = first(stored(None));
        assert_eq!((unset.value.as_deref(), unset.origin), (Some("\"configured.example\""), SettingOrigin::File));
        let set = first(stored(Some("vpn.example.org")));
        assert_eq!((set.value.as_deref(), set.origin), (Some("\"vpn.example.org\""), SettingOrigin::Operator));
        assert!(unset.is_changeable && set.is_changeable);
        assert_eq!(server.view(Some("203.0.113.5".into()), None).reach, Reach::Public);
        assert_eq!(server.view(None, None).host.as_deref(), Some("configured.example"));
    }
}
