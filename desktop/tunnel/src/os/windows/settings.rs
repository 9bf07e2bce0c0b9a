//! Settings of the tunnel.

use std::path::PathBuf;

/// Settings of the tunnel.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Prefix of the interface names.
    pub interface: String,
    /// Directory of the driver's library, which only administrators can change.
    pub directory: PathBuf,
}
