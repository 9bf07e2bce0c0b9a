//! What the fuzz targets call.

use crate::config::Config;
use std::path::PathBuf;

/// Reads a configuration file's text and checks it as every start does; gives the effective one, as TOML.
pub fn config(text: &str) -> Result<String, String> {
    let config = Config::parse(text)?;
    toml::to_string(&config).map_err(|error| error.to_string())
}

/// Where a file of a backup goes on a machine without a configuration; `None`: nowhere.
#[must_use]
pub fn place(name: &str) -> Option<PathBuf> {
    crate::commands::backup::target(name, &Config::default())
}
