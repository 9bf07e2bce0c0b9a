//! The configuration file: one table for each concern, unknown keys rejected, read once.

pub mod cluster;
pub mod effective;
pub mod pools;

use crate::failure::Failure;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tornado_shared::invitation::{DEFAULT_PORT, ServerAddress};
use tornado_shared::model::LanePools;

/// The complete file.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Directories.
    pub paths: Paths,
    /// Durable state (PostgreSQL).
    pub store: cluster::Store,
    /// Live state (Redis).
    pub live: cluster::Live,
    /// How devices reach this server.
    pub server: Server,
    /// Settings of both lanes that several services share.
    pub lanes: Lanes,
    /// Service `auth`.
    pub auth: tornado_auth::Config,
    /// Service `session`.
    pub session: tornado_session::Config,
    /// Service `wg`.
    pub wg: tornado_wg::Config,
    /// Service `tor`.
    pub tor: tornado_tor::Config,
    /// Service `dns`.
    pub dns: tornado_dns::Config,
    /// Service `client-api`.
    pub client_api: tornado_client_api::Config,
    /// Service `admin`.
    pub admin: tornado_admin::Config,
    /// Service `telemetry`.
    pub telemetry: tornado_telemetry::Config,
    /// Logging.
    pub log: Log,
}

/// `[paths]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Paths {
    /// Directory of the sockets.
    pub run: PathBuf,
    /// State directory; it contains one directory for each service.
    pub state: PathBuf,
    /// Log directory; it contains one directory for each service, and one for the supervisor.
    pub log: PathBuf,
    /// Directory of the password files of the profile `cluster`.
    pub secrets: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            run: "/run/tornado".into(),
            state: "/var/lib/tornado".into(),
            log: "/var/log/tornado".into(),
            secrets: "/etc/tornado/secrets".into(),
        }
    }
}

/// `[server]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Public name or address, without a port. Absent: the address of the interface with the default route.
    pub host: Option<String>,
}

/// `[lanes]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lanes {
    /// UDP port of the direct lane.
    pub direct_port: u16,
    /// UDP port of the tor lane.
    pub tor_port: u16,
    /// MTU of the lanes' interfaces, in bytes.
    pub mtu: u16,
    /// Maximum number of concurrent flows for each address of a device.
    pub max_flows: u32,
    /// Private networks that devices of the direct lane may reach.
    pub allow_networks: Vec<IpNet>,
    /// Address pools.
    pub pools: LanePools,
}

impl Default for Lanes {
    fn default() -> Self {
        let wg = tornado_wg::Config::default();
        Self {
            direct_port: wg.direct_port,
            tor_port: wg.tor_port,
            mtu: wg.mtu,
            max_flows: wg.max_flows,
            allow_networks: wg.allow_networks,
            pools: wg.pools,
        }
    }
}

/// `[log]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// error, warn, info, debug or trace, or a filter such as `info,tornado_wg=debug`.
    pub level: String,
    /// Size in MiB at which the log file of a service is rotated, at most 1,024; 0: never. Five rotated files are kept.
    pub file_mib: u32,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into(), file_mib: 10 }
    }
}

/// Keys of services' tables that must be set in another place of the file.
const ELSEWHERE: [(&str, &str, &str); 15] = [
    ("session", "pools", "[lanes] pools"),
    ("wg", "pools", "[lanes] pools"),
    ("tor", "pools", "[lanes] pools"),
    ("tor", "isolation", "[wg] isolation"),
    ("dns", "pools", "[lanes] pools"),
    ("wg", "dns", "[dns] enabled"),
    ("wg", "direct_port", "[lanes] direct_port"),
    ("wg", "tor_port", "[lanes] tor_port"),
    ("wg", "mtu", "[lanes] mtu"),
    ("wg", "max_flows", "[lanes] max_flows"),
    ("wg", "allow_networks", "[lanes] allow_networks"),
    ("wg", "api_port", "[client_api] listen"),
    ("auth", "api_port", "[client_api] listen"),
    ("auth", "public_host", "[server] host"),
    ("telemetry", "log_dir", "[paths] log"),
];

impl Config {
    /// Loads a file. If it does not exist, all values are defaults.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => {
                let hint = "every service reads it as its own Unix user, so it must be readable for all (mode 0644)";
                return Err(Failure::usage(format!("cannot read the configuration {}: {e}; {hint}", path.display())));
            }
        };
        let wrong = |why| Failure::usage(format!("invalid configuration {}: {why}", path.display()));
        let config = Self::parse(&text).map_err(wrong)?;
        match pools::chosen(&config)? {
            Some(pools) => Self::parse_with(&text, Some(pools)).map_err(wrong),
            None => Ok(config),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::parse_with(text, None)
    }

    /// Parses `text`. `pools` replaces the pools in it.
    pub(crate) fn parse_with(text: &str, pools: Option<LanePools>) -> Result<Self, String> {
        let tables: toml::Table = toml::from_str(text).map_err(|e| e.to_string())?;
        for (table, key, place) in ELSEWHERE {
            if tables.get(table).and_then(|t| t.get(key)).is_some() {
                return Err(format!("'{key}' does not belong in [{table}]; set {place} instead"));
            }
        }
        let mut config: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        config.lanes.pools = pools.unwrap_or(config.lanes.pools);
        config.spread()
    }

    /// Copies the values that are set in one place to each service, and validates the result.
    fn spread(mut self) -> Result<Self, String> {
        let host = self.server.host.as_deref().map(public_host).transpose()?;
        let Some(api) = self.client_api.listen.first() else {
            return Err("[client_api] listen needs at least one address".into());
        };
        let api_port = api.port();
        self.session.pools = self.lanes.pools;
        self.wg = tornado_wg::Config {
            pools: self.lanes.pools,
            direct_port: self.lanes.direct_port,
            tor_port: self.lanes.tor_port,
            mtu: self.lanes.mtu,
            max_flows: self.lanes.max_flows,
            allow_networks: self.lanes.allow_networks.clone(),
            api_port,
            dns: self.dns.enabled,
            ..self.wg
        };
        self.tor.pools = self.lanes.pools;
        self.dns.pools = self.lanes.pools;
        self.tor.isolation = self.wg.isolation;
        self.auth.public_host.clone_from(&host);
        self.auth.api_port = api_port;
        self.client_api.host = host;
        self.client_api.pools = self.lanes.pools;
        self.telemetry.log_dir.clone_from(&self.paths.log);
        self.check()?;
        Ok(self)
    }

    /// The address of this server for devices: the configured one, or the machine's current address.
    pub(crate) fn public_host(&self) -> Option<String> {
        let found = || tornado_runtime::ground::address().map(|address| address.to_string());
        self.client_api.host.clone().or_else(found)
    }

    fn check(&self) -> Result<(), String> {
        self.lanes.pools.validate().map_err(|e| format!("[lanes] pools: {e}"))?;
        if self.lanes.direct_port == self.lanes.tor_port {
            return Err("[lanes] direct_port and tor_port must differ".into());
        }
        cluster::check(self)?;
        self.auth.validate().map_err(|e| format!("[auth]: {e}"))?;
        self.session.validate().map_err(|e| format!("[session]: {e}"))?;
        self.wg.validate().map_err(|e| format!("[wg]: {e}"))?;
        self.tor.validate().map_err(|e| format!("[tor]: {e}"))?;
        self.dns.validate().map_err(|e| format!("[dns]: {e}"))?;
        self.telemetry.validate().map_err(|e| e.to_string())?;
        if self.log.file_mib > 1024 {
            return Err("[log] file_mib must be at most 1024".into());
        }
        let filter = tracing_subscriber::EnvFilter::try_new(&self.log.level);
        filter.map_err(|e| format!("[log] level: {e}"))?;
        Ok(())
    }
}

fn public_host(text: &str) -> Result<String, String> {
    let address: ServerAddress = text.parse().map_err(|e| format!("[server] host: {e}"))?;
    if address.port != DEFAULT_PORT {
        return Err("[server] host: write it without a port; ports are in [client_api] listen and [lanes]".into());
    }
    Ok(address.host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_all_defaults() {
        let config = Config::parse("").unwrap();
        assert_eq!(config.paths.run, PathBuf::from("/run/tornado"));
        assert_eq!(config.wg.api_port, 4605);
    }

    #[test]
    fn the_shipped_example_is_the_defaults() {
        let example = include_str!("../../../../installers/tornado.toml");
        let parsed = toml::Value::try_from(Config::parse(example).unwrap()).unwrap();
        let defaults = toml::Value::try_from(Config::parse("").unwrap()).unwrap();
        assert_eq!(parsed, defaults);
        // With all examples uncommented the file must be valid, or it would document keys that do not exist.
        let whole: String = example
            .lines()
            .map(|line| line.strip_prefix("#").filter(|l| l.contains(" = ") && !l.starts_with(' ')).unwrap_or(line))
            .fold(String::new(), |text, line| text + line + "\n");
        let uncommented = toml::Value::try_from(Config::parse(&whole).unwrap()).unwrap();
        assert_eq!(uncommented["lanes"], defaults["lanes"]);
    }

    /// Durable state is kept where a reboot does not remove it and where other users cannot create files.
    #[test]
    fn no_persistent_data_is_stored_in_tmp() {
        fn strings(value: &toml::Value) -> Vec<String> {
            match value {
                toml::Value::String(text) => vec![text.clone()],
                toml::Value::Array(items) => items.iter().flat_map(strings).collect(),
                toml::Value::Table(table) => table.values().flat_map(strings).collect(),
                toml::Value::Integer(_)
                | toml::Value::Float(_)
                | toml::Value::Boolean(_)
                | toml::Value::Datetime(_) => Vec::new(),
            }
        }
        let defaults = toml::Value::try_from(Config::parse("").unwrap()).unwrap();
        let texts = strings(&defaults);
        assert!(texts.iter().any(|text| text == "/var/lib/tornado"));
        for text in texts {
            assert!(!text.contains("/tmp") && !text.contains("/dev/shm"), "{text}");
        }
        let unit = include_str!("../../../../installers/systemd/tornado.service");
        assert!(unit.contains("StateDirectory=tornado\n") && unit.contains("PrivateTmp=yes\n"));
    }

    #[test]
    fn unknown_keys_are_named() {
        for (text, word) in [
            ("[servr]\nhost = 'x'", "servr"),
            ("[server]\nhots = 'x'", "hots"),
            ("[wg]\nmtu = 1300", "[lanes] mtu"),
            ("[auth]\nnonsense = 1", "nonsense"),
            ("[server]\nhost = 'a b'", "[server] host"),
            ("[server]\nhost = 'vpn.example.org:443'", "without a port"),
            ("[client_api]\nlisten = []", "listen"),
            ("[store]\nurl = 'postgres://localhost/x'", "[live] url is missing"),
            ("[live]\nurl = 'redis://localhost'", "[store] url is missing"),
            (
                "[store]\nurl = 'postgres://u:p@localhost/x'\n[live]\nurl = 'redis://localhost'",
                "[store] url: it must not",
            ),
            (
                "[store]\nurl = 'postgres://localhost/x'\n[live]\nurl = 'redis://db'",
                "[live] url: Redis on another machine",
            ),
            ("[live]\nca = '/x'", "[live] ca"),
            ("[lanes]\ndirect_port = 5\ntor_port = 5", "differ"),
        ] {
            let why = Config::parse(text).unwrap_err();
            assert!(why.contains(word), "{text}: {why}");
        }
    }

    #[test]
    fn pools_and_ports_reach_everyone() {
        let text = "[server]\nhost = 'vpn.example.org'\n[lanes]\ndirect_port = 1000\n\
                    [lanes.pools.direct]\nv4 = '10.1.0.0/24'\nv6 = 'fd00:1::/64'\n\
                    [lanes.pools.tor]\nv4 = '10.2.0.0/24'\nv6 = 'fd00:2::/64'\n[client_api]\nlisten = ['127.0.0.1:99']";
        let config = Config::parse(text).unwrap();
        assert_eq!(config.session.pools, config.wg.pools);
        assert_eq!(config.tor.pools, config.wg.pools);
        assert_eq!((config.wg.direct_port, config.wg.api_port, config.auth.api_port), (1000, 99, 99));
        assert_eq!(config.client_api.host.as_deref(), Some("vpn.example.org"));
        assert_eq!(config.auth.public_host.as_deref(), Some("vpn.example.org"));
    }
}
