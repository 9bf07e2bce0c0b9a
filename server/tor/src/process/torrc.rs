//! Renders torrc. Options are described in tor(1).

use super::layout::Layout;
use crate::config::Settings;
use std::net::IpAddr;
use std::path::Path;

/// Renders the complete file. `settings` must be valid. `owner` is the pid of this service. `extra` is the operator's
/// own file. It comes last, so it takes precedence for options that can be given once.
pub(crate) fn render(settings: &Settings, layout: &Layout, owner: u32, extra: &str) -> String {
    let config = &settings.own;
    let mut lines = Lines(String::new());
    lines.comment("Written by tornadod at each start of Tor; changes are lost. See [tor] in tornado.toml.");
    lines.path("DataDirectory", &layout.data());
    lines.add("ControlPort", "0");
    lines.path("ControlSocket", &layout.control());
    lines.add("CookieAuthentication", "1");
    lines.path("CookieAuthFile", &layout.cookie());
    // Tor checks every 15 s whether this process lives: a second safeguard besides the parent-death signal.
    lines.add("__OwningControllerProcess", owner);
    lines.add("RunAsDaemon", "0");
    lines.add("Log", "notice stdout");
    lines.add("SafeLogging", "1");
    lines.add("ClientOnly", "1");
    lines.add("DormantCanceledByStartup", "1");
    // Tor's system call filter forbids the start of programs, so it excludes transports.
    let sandbox = config.sandbox && config.used_transports().next().is_none();
    lines.add("Sandbox", u8::from(sandbox));
    lines.add("SocksPort", format_args!("unix:{} IsolateSOCKSAuth", layout.probe().display()));
    for &address in &settings.wiring.listen {
        lines.listener("TransPort", address, config.trans_port, "IsolateClientAddr");
        lines.listener("DNSPort", address, config.dns_port, "IsolateClientAddr");
        lines.listener("SocksPort", address, config.socks_port, "IsolateClientAddr IsolateSOCKSAuth");
    }
    lines.add("VirtualAddrNetworkIPv4", config.virtual_v4);
    let v6 = config.virtual_v6;
    lines.add("VirtualAddrNetworkIPv6", format_args!("[{}]/{}", v6.network(), v6.prefix_len()));
    lines.add("AutomapHostsOnResolve", "1");
    lines.add("AutomapHostsSuffixes", ".onion");
    if !config.exit_countries.is_empty() {
        let countries: Vec<_> =
            config.exit_countries.iter().map(|c| format!("{{{}}}", c.to_ascii_lowercase())).collect();
        lines.add("ExitNodes", countries.join(","));
        lines.add("StrictNodes", "1");
    }
    if !config.bridges.is_empty() {
        lines.add("UseBridges", "1");
    }
    for transport in config.used_transports() {
        let exec = format_args!("{} exec {}", transport.name, transport.program.display()).to_string();
        lines.add("ClientTransportPlugin", exec);
    }
    for bridge in &config.bridges {
        lines.add("Bridge", bridge);
    }
    if !extra.trim().is_empty() {
        lines.comment("From the file in extra_torrc:");
        lines.0.push_str(extra);
        lines.0.push('\n');
    }
    lines.0
}

struct Lines(String);

impl Lines {
    fn add(&mut self, option: &str, value: impl std::fmt::Display) {
        self.0.push_str(&format!("{option} {value}\n"));
    }

    fn path(&mut self, option: &str, path: &Path) {
        self.add(option, path.display());
    }

    fn comment(&mut self, text: &str) {
        self.0.push_str(&format!("# {text}\n"));
    }

    fn listener(&mut self, option: &str, address: IpAddr, port: u16, flags: &str) {
        self.add(option, format_args!("{} {flags}", std::net::SocketAddr::new(address, port)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Wiring};

    fn layout() -> Layout {
        Layout::new(Path::new("/var/lib/tornado/tor"))
    }

    #[test]
    fn torrc_of_the_defaults() {
        insta::assert_snapshot!(render(&Settings::default(), &layout(), 4242, ""));
    }

    #[test]
    fn torrc_with_bridges_countries_and_extra_lines() {
        let own = Config {
            bridges: vec![
                "obfs4 192.0.2.7:443 0123456789ABCDEF0123456789ABCDEF01234567 cert=AbC+/9AbC+/9AbC+/9AbC+/9AbC+/9AbC+/9AbC+/9AbC+/9AbC+/9AbC+/9AbC+/9abcd iat-mode=0".into(),
                "198.51.100.9:9001 89ABCDEF0123456789ABCDEF0123456789ABCDEF".into(),
            ],
            exit_countries: vec!["de".into(), "NL".into()],
            ..Config::default()
        };
        let listen = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        insta::assert_snapshot!(render(
            &Settings { own, wiring: Wiring { listen, user: None } },
            &layout(),
            4242,
            "TestingTorNetwork 1\nPathsNeededToBuildCircuits 0.67\n"
        ));
    }

    #[test]
    fn an_unused_transport_is_not_started() {
        let own = Config { bridges: vec!["192.0.2.7:443".into()], ..Config::default() };
        let text = render(&Settings { own, ..Settings::default() }, &layout(), 1, "");
        assert!(!text.contains("ClientTransportPlugin") && text.contains("Sandbox 1"));
    }
}
