//! The file with the pools that were chosen at the first start.

use super::Config;
use crate::failure::Failure;
use std::io::ErrorKind;
use tornado_shared::model::LanePools;

/// Name of the file with the chosen pools, in the state directory.
pub const FILE: &str = "pools.toml";
/// Maximum size of that file in bytes.
const LARGEST: u64 = 4096;

/// The pools that were chosen for this server; `None` if the configuration sets pools or none were chosen.
pub fn chosen(config: &Config) -> Result<Option<LanePools>, Failure> {
    if config.lanes.pools != LanePools::default() {
        return Ok(None);
    }
    let path = config.paths.state.join(FILE);
    let wrong = |why: String| Failure::usage(format!("cannot use the pools in {}: {why}", path.display()));
    let text = match std::fs::metadata(&path) {
        Ok(found) if found.len() <= LARGEST => {
            std::fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?
        }
        Ok(_) => return Err(wrong("the file is too large".into())),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        // If this user cannot enter the state directory, no pools were chosen for it.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(None),
        Err(error) => return Err(wrong(error.to_string())),
    };
    parse(&text).map(Some).map_err(wrong)
}

/// Parses and validates pools.
pub fn parse(text: &str) -> Result<LanePools, String> {
    let pools: LanePools = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    pools.validate().map_err(|error| error.to_string())?;
    Ok(pools)
}
