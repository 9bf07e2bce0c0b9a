//! Logins of the profile `cluster`: a role and a password file for each service and database server.

use crate::config::Config;
use crate::config::cluster::urls;
use crate::failure::Failure;
use anyhow::Context as _;
use tornado_contracts::engines::EnginePart;
use tornado_live::RedisLogin;
use tornado_session::Cluster;
use tornado_store::{KnownSchema, PostgresLogin, PostgresUrl};

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
    let live = RedisLogin::new(&live, "tornado_session", password.as_ref(), config.live.ca.as_deref())?;
    Ok(Some(Cluster { store, live }))
}

/// Connects to a database as its service and returns the server version. Needs root.
pub async fn probe(config: &Config, part: EnginePart) -> Result<String, String> {
    let postgres = async |login: PostgresLogin, schema| {
        tornado_store::probe_postgres(&login, schema).await.map_err(|error| error.to_string())
    };
    match part {
        EnginePart::Identity => postgres(ready(identity(config))?, KnownSchema::Identity).await,
        EnginePart::Sessions => postgres(ready(sessions(config))?.store, KnownSchema::Sessions).await,
        EnginePart::Live => {
            tornado_live::probe_redis(&ready(sessions(config))?.live).await.map_err(|error| error.to_string())
        }
    }
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
