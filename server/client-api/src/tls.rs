//! The TLS certificate: from configured files, or self-signed with a key that changes every 90 days. Devices pin the
//! server identity, which attests the key, so a new key does not end any login. Changes of either kind are applied
//! while the service runs.

use crate::Config;
use crate::error::Error;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tornado_runtime::tls::Source;
pub use tornado_runtime::tls::{Certificate, Tls};

/// Age at which the self-generated key gets a successor. Devices learn the new key from the identity's attestation.
const ROTATE_AFTER: Duration = Duration::from_secs(90 * 86_400);

/// Loads the certificate. Creates one if none is configured and none was created before. `now` decides whether the
/// self-generated key is too old.
///
/// # Errors
/// A file cannot be read, written or parsed, or only one of the two files is configured.
pub fn load(config: &Config, state_dir: &Path, now: SystemTime) -> Result<Tls, Error> {
    Ok(tornado_runtime::tls::load(&source(config, state_dir)?, now)?)
}

/// Where the certificate comes from.
///
/// # Errors
/// Only one of the two files is configured.
pub fn source(config: &Config, state_dir: &Path) -> Result<Source, Error> {
    let files = match (&config.certificate, &config.key) {
        (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(Error::HalfCertificate),
    };
    let names = vec!["tornado.invalid".to_owned()];
    Ok(Source { files, state_dir: state_dir.to_owned(), names, rotate_after: Some(ROTATE_AFTER) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_runtime::clock::wall_clock;

    #[test]
    fn a_certificate_without_its_key_is_rejected() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { certificate: Some("/nowhere.pem".into()), ..Config::default() };
        assert!(matches!(load(&config, dir.path(), wall_clock()), Err(Error::HalfCertificate)));
    }
}
