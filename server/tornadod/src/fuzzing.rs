//! What the fuzz targets call.

use crate::config::Config;

/// Reads a configuration file's text and checks it as every start does; gives the effective one, as TOML.
pub fn config(text: &str) -> Result<String, String> {
    let config = Config::parse(text)?;
    toml::to_string(&config).map_err(|error| error.to_string())
}
