//! The tables of the profile `cluster`.

use super::Config;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tornado_live::RedisUrl;
use tornado_store::PostgresUrl;

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
pub(crate) fn urls(config: &Config) -> Result<Option<(PostgresUrl, RedisUrl)>, String> {
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
