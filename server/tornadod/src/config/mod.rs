//! The configuration file: one table for each concern, unknown keys rejected, read once.

pub mod cluster;
#[cfg(test)]
mod documents_tests;
pub mod effective;
#[cfg(test)]
mod example_tests;
pub mod pools;

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
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
    pub lanes: tornado_wg::Lanes,
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
    /// Units of systemd that operators see.
    pub os_services: tornado_master::OsServices,
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

impl Config {
    /// Loads a file. If it does not exist, all values are defaults.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let text = tornado_runtime::files::optional(std::fs::read_to_string(path)).map_err(|e| {
            let hint = "every service reads it as its own Unix user, so it must be readable for all (mode 0644)";
            Failure::usage(format!("cannot read the configuration {}: {e}; {hint}", path.display()))
        })?;
        let text = text.unwrap_or_default();
        let wrong = |why| Failure::usage(format!("invalid configuration {}: {why}", path.display()));
        let config = Self::parse(&text).map_err(wrong)?;
        match pools::chosen(&config)? {
            Some(pools) => config.with_pools(pools).map_err(wrong),
            None => Ok(config),
        }
    }

    /// Parses and validates a file.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut config: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        config.server.host = config.server.host.as_deref().map(public_host).transpose()?;
        config.check()?;
        Ok(config)
    }

    /// The configuration with other pools.
    pub(crate) fn with_pools(mut self, pools: LanePools) -> Result<Self, String> {
        self.lanes.pools = pools;
        self.check()?;
        Ok(self)
    }

    /// The address of this server for devices: the configured one, or the machine's current address.
    pub(crate) fn public_host(&self) -> Option<String> {
        let found = || tornado_runtime::ground::address().map(|address| address.to_string());
        self.server.host.clone().or_else(found)
    }

    /// TCP port of the device API.
    pub(crate) fn api_port(&self) -> u16 {
        self.client_api.listen.first().map_or(DEFAULT_PORT, SocketAddr::port)
    }

    fn check(&self) -> Result<(), String> {
        if self.client_api.listen.is_empty() {
            return Err("[client_api] listen needs at least one address".into());
        }
        cluster::check(self)?;
        self.lanes.validate().map_err(|e| format!("[lanes]: {e}"))?;
        self.auth.validate().map_err(|e| format!("[auth]: {e}"))?;
        self.session.validate().map_err(|e| format!("[session]: {e}"))?;
        self.wg.validate().map_err(|e| format!("[wg]: {e}"))?;
        self.tor.validate().map_err(|e| format!("[tor]: {e}"))?;
        self.dns.validate().map_err(|e| format!("[dns]: {e}"))?;
        self.os_services.validate().map_err(|e| format!("[os_services]: {e}"))?;
        self.telemetry.validate().map_err(|e| e.to_string())?;
        if !self.paths.log.is_absolute() {
            return Err("[paths] log must be an absolute path".into());
        }
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
        assert_eq!(config.api_port(), 4605);
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
            ("[wg]\nmtu = 1300", "unknown field `mtu`"),
            ("[tor]\nisolation = 1", "unknown field `isolation`"),
            ("[auth]\nnonsense = 1", "nonsense"),
            ("[server]\nhost = 'a b'", "[server] host"),
            ("[server]\nhost = 'vpn.example.org:443'", "without a port"),
            ("[client_api]\nlisten = []", "listen"),
            ("[os_services]\nshow = ['nginx']", "'nginx' is not the name"),
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

    /// Services run in `/`, and `telemetry` looks for the files elsewhere.
    #[test]
    fn a_relative_log_directory_is_refused() {
        for log in ["logs", "./logs", "../var/log/tornado", ""] {
            let why = Config::parse(&format!("[paths]\nlog = '{log}'")).unwrap_err();
            assert!(why.contains("[paths] log must be an absolute path"), "{log}: {why}");
        }
        assert!(Config::parse("[paths]\nlog = '/srv/logs'").is_ok());
    }

    #[test]
    fn pools_ports_and_host_come_from_the_shared_tables() {
        let text = "[server]\nhost = 'vpn.example.org'\n[lanes]\ndirect_port = 1000\n\
                    [lanes.pools.direct]\nv4 = '10.1.0.0/24'\nv6 = 'fd00:1::/64'\n\
                    [lanes.pools.tor]\nv4 = '10.2.0.0/24'\nv6 = 'fd00:2::/64'\n[client_api]\nlisten = ['127.0.0.1:99']";
        let config = Config::parse(text).unwrap();
        assert_eq!((config.lanes.direct_port, config.api_port()), (1000, 99));
        assert_eq!(config.lanes.pools.tor.v4.to_string(), "10.2.0.0/24");
        assert_eq!(tornado_tor::Wiring::new(&config.lanes.pools).listen[0].to_string(), "10.2.0.1");
        assert_eq!(config.public_host().as_deref(), Some("vpn.example.org"));
    }
}
