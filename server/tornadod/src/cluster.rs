//! The profile `cluster`: two URLs, and a role and a password file for each service and database server.

use crate::cli::Migrate;
use crate::commands;
use crate::config::Config;
use crate::failure::Failure;
use crate::output;
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tornado_live::{RedisLogin, RedisUrl};
use tornado_session::Cluster;
use tornado_store::identity::SqlIdentityStore;
use tornado_store::sessions::SqlSessions;
use tornado_store::{KnownSchema, PostgresLogin, PostgresUrl};

/// `[store]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// URL of PostgreSQL, without user and password.
    pub url: Option<String>,
}

/// `[live]`
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Live {
    /// URL of Redis, without user and password.
    pub url: Option<String>,
    /// PEM file with the certificate authorities for `rediss://`. If absent, those of the machine are trusted.
    pub ca: Option<PathBuf>,
}

/// Both URLs if both are set and valid. `None`: the profile is `embedded`.
fn urls(config: &Config) -> Result<Option<(PostgresUrl, RedisUrl)>, String> {
    let half = |missing| format!("the profile cluster needs both PostgreSQL and Redis, but {missing} url is missing");
    match (&config.store.url, &config.live.url) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(half("[live]")),
        (None, Some(_)) => Err(half("[store]")),
        (Some(store), Some(live)) => {
            let store = store.parse().map_err(|e| format!("[store] url: {e}"))?;
            let live = live.parse().map_err(|e| format!("[live] url: {e}"))?;
            Ok(Some((store, live)))
        }
    }
}

/// Rejects an incomplete or invalid configuration.
pub fn check(config: &Config) -> Result<(), String> {
    let urls = urls(config)?;
    if urls.is_none() && config.live.ca.is_some() {
        return Err("[live] ca needs a [live] url".into());
    }
    Ok(())
}

/// The PostgreSQL login of service `auth`; `None` in the profile `embedded`. Reads the password file, so it must run as
/// that service.
pub fn identity(config: &Config) -> anyhow::Result<Option<PostgresLogin>> {
    let Some((store, _)) = urls(config).map_err(anyhow::Error::msg)? else { return Ok(None) };
    login(config, store, "tornado_auth", "auth.postgres").map(Some)
}

/// The PostgreSQL and Redis logins of service `session`; `None` in the profile `embedded`. Must run as that service.
pub fn sessions(config: &Config) -> anyhow::Result<Option<Cluster>> {
    let Some((store, live)) = urls(config).map_err(anyhow::Error::msg)? else { return Ok(None) };
    let store = login(config, store, "tornado_session", "session.postgres")?;
    let path = config.paths.secrets.join("session.redis");
    let password =
        tornado_store::read_secret(&path).with_context(|| format!("cannot use the password in {}", path.display()))?;
    let live = RedisLogin::new(live, "tornado_session", password.as_ref(), config.live.ca.as_deref())?;
    Ok(Some(Cluster { store, live }))
}

/// Connects to PostgreSQL as service `auth` and returns the server version. Needs root.
pub async fn probe_identity(config: &Config) -> Result<String, String> {
    let login = ready(identity(config))?;
    tornado_store::probe_postgres(&login, KnownSchema::Identity).await.map_err(|error| error.to_string())
}

/// Connects to PostgreSQL as service `session` and returns the server version.
pub async fn probe_sessions(config: &Config) -> Result<String, String> {
    let login = ready(sessions(config))?.store;
    tornado_store::probe_postgres(&login, KnownSchema::Sessions).await.map_err(|error| error.to_string())
}

/// Connects to Redis as service `session` and returns the server version.
pub async fn probe_live(config: &Config) -> Result<String, String> {
    let login = ready(sessions(config))?.live;
    tornado_live::probe_redis(&login).await.map_err(|error| error.to_string())
}

fn ready<T>(login: anyhow::Result<Option<T>>) -> Result<T, String> {
    // Fails only if a provider is installed already, which is fine.
    drop(rustls::crypto::ring::default_provider().install_default());
    login.map_err(|error| format!("{error:#}"))?.ok_or_else(|| "the profile cluster is not configured".to_owned())
}

fn login(config: &Config, url: PostgresUrl, role: &str, file: &str) -> anyhow::Result<PostgresLogin> {
    let path = config.paths.secrets.join(file);
    PostgresLogin::new(url, role, &path).with_context(|| format!("cannot use the password in {}", path.display()))
}

/// `tornadod migrate …`
pub fn migrate(command: Migrate, config: &Config) -> Result<(), Failure> {
    match command {
        Migrate::Schema => schema(config),
        Migrate::ToCluster { json } => commands::migrate::to_cluster(config, json),
        Migrate::ToEmbedded { json } => commands::migrate::to_embedded(config, json),
    }
}

/// The login of the owner of the tables, who may change all of them.
pub fn owner(config: &Config) -> Result<PostgresLogin, Failure> {
    let Some((url, _)) = urls(config).map_err(Failure::usage)? else {
        let hint = "set url in [store] and in [live] first";
        return Err(Failure::usage(format!("the configuration has no URL of PostgreSQL; {hint}")));
    };
    // Fails only if a provider is installed already, which is fine.
    drop(rustls::crypto::ring::default_provider().install_default());
    Ok(login(config, url, "tornado_owner", "owner.postgres")?)
}

fn schema(config: &Config) -> Result<(), Failure> {
    if config.store.url.is_none() && config.live.url.is_none() {
        return Err(Failure::usage("the profile is embedded: services migrate their files when they start"));
    }
    let owner = owner(config)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start the runtime")?;
    runtime.block_on(async {
        SqlIdentityStore::migrate_postgres(&owner).await.context("cannot migrate the tables of service auth")?;
        SqlSessions::migrate_postgres(&owner).await.context("cannot migrate the tables of service session")
    })?;
    output::say("The tables of auth and session are up to date.");
    Ok(())
}
