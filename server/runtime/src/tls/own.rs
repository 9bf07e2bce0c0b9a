//! The self-generated certificate.

use super::{Source, TlsError};
use crate::files::{Access, Durability, optional, replace};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// True if the self-generated key is too old at `now`. A key with a modification time in the future is not.
fn is_old(state_dir: &Path, rotate_after: Duration, now: SystemTime) -> bool {
    let modified = std::fs::metadata(state_dir.join(KEY)).and_then(|metadata| metadata.modified());
    modified.ok().and_then(|at| now.duration_since(at).ok()).is_some_and(|age| age > rotate_after)
}

/// Files of the self-generated certificate. The key is written first, so a certificate without its key never exists,
/// even after a power failure.
pub(super) fn files(from: &Source, now: SystemTime) -> Result<(PathBuf, PathBuf), TlsError> {
    let (certificate, key) = (from.state_dir.join(CERTIFICATE), from.state_dir.join(KEY));
    if from.rotate_after.is_some_and(|age| is_old(&from.state_dir, age, now)) {
        // This order never leaves a half state: a key without a certificate gets one below, and a crash before that
        // keeps the old key, which is still too old at the next start.
        for path in [&certificate, &key] {
            optional(std::fs::remove_file(path)).map_err(|source| TlsError::File { path: path.clone(), source })?;
        }
        tracing::info!("replacing the old key of the self-signed certificate");
    }
    if certificate.exists() && key.exists() {
        return Ok((certificate, key));
    }
    let failed = |why: rcgen::Error| TlsError::Certificate { path: certificate.clone(), why: why.to_string() };
    let pair = if key.exists() {
        let text = std::fs::read_to_string(&key).map_err(|source| TlsError::File { path: key.clone(), source })?;
        rcgen::KeyPair::from_pem(&text).map_err(failed)?
    } else {
        let pair = rcgen::KeyPair::generate().map_err(failed)?;
        write_private(&key, pair.serialize_pem().as_bytes())?;
        pair
    };
    let mut params = rcgen::CertificateParams::new(from.names.clone()).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Tornado VPN server");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2120, 1, 1);
    let made = params.self_signed(&pair).map_err(failed)?;
    write_private(&certificate, made.pem().as_bytes())?;
    tracing::info!("created a self-signed certificate");
    Ok((certificate, key))
}

/// Writes a file atomically, readable only by its owner.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    let failed = |source| TlsError::File { path: path.to_owned(), source };
    replace(path, bytes, Access::PRIVATE, Durability::Synced).map_err(failed)
}
