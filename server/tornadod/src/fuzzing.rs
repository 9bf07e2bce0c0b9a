//! Entry points of the fuzz targets.

use crate::config::Config;
use std::path::PathBuf;

/// Parses and validates a configuration as every start does. Returns the effective one as TOML.
///
/// # Errors
/// The text of the error that the command line would print.
pub fn config(text: &str) -> Result<String, String> {
    let config = Config::parse(text)?;
    toml::to_string(&config).map_err(|error| error.to_string())
}

/// The target path of a file of a backup on a machine without a configuration; `None` if there is none.
#[must_use]
pub fn place(name: &str) -> Option<PathBuf> {
    crate::commands::backup::target(name, &Config::default())
}
