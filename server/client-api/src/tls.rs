//! The certificate: given files, or one of our own whose key changes each 90 days; devices pin the identity, which vouches for it.

use crate::{Config, Error};
use data_encoding::HEXLOWER;
use rustls::ServerConfig;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What the listener needs.
#[derive(Clone)]
pub struct Tls {
    /// For accepting connections; HTTP/1.1 only.
    pub server: Arc<ServerConfig>,
    /// SHA-256 of the key's SubjectPublicKeyInfo (RFC 5280), lower-case hex: what invitations carry.
    pub spki_sha256: String,
}

/// Loads the certificate, making one when none is configured and none was made before.
pub fn load(config: &Config, state_dir: &Path) -> Result<Tls, Error> {
    let (certificate, key) = match (&config.certificate, &config.key) {
        (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        (None, None) => own(state_dir)?,
        (Some(_), None) | (None, Some(_)) => return Err(Error::HalfCertificate),
    };
    let unusable = |path: &Path, why: String| Error::Certificate { path: path.to_owned(), why };
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| unusable(&certificate, e.to_string()))?;
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|e| unusable(&key, e.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let certified =
        CertifiedKey::from_der(chain, private, &provider).map_err(|e| unusable(&certificate, e.to_string()))?;
    let spki = certified.key.public_key().ok_or_else(|| unusable(&key, "its public half is not known".into()))?;
    let spki_sha256 = HEXLOWER.encode(&Sha256::digest(spki.as_ref()));
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(&certificate, e.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls { server: Arc::new(server), spki_sha256 })
}

/// Age at which the own key gets a successor, at the next start. Devices learn it from the identity's word for it.
const ROTATE_AFTER: Duration = Duration::from_secs(90 * 86_400);

fn age(path: &Path) -> Option<Duration> {
    let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok()?;
    std::time::SystemTime::now().duration_since(modified).ok()
}

/// Files of the certificate that this service made. The key comes first: a certificate without its key
/// never lies there, whenever the machine stops.
fn own(state_dir: &Path) -> Result<(PathBuf, PathBuf), Error> {
    let (certificate, key) = (state_dir.join("tls.crt"), state_dir.join("tls.key"));
    if age(&key).is_some_and(|age| age > ROTATE_AFTER) {
        // In this order nothing is ever half: a key without a certificate gets one below, a crash before that keeps the
        // old key, which is still too old at the next start.
        for path in [&certificate, &key] {
            match std::fs::remove_file(path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(Error::File { path: path.clone(), source });
                }
                Ok(()) | Err(_) => {}
            }
        }
        tracing::info!("the key of the device API's certificate is old and is made anew");
    }
    if certificate.exists() && key.exists() {
        return Ok((certificate, key));
    }
    let failed = |why: rcgen::Error| Error::Certificate { path: certificate.clone(), why: why.to_string() };
    let pair = if key.exists() {
        let text = std::fs::read_to_string(&key).map_err(|source| Error::File { path: key.clone(), source })?;
        rcgen::KeyPair::from_pem(&text).map_err(failed)?
    } else {
        let pair = rcgen::KeyPair::generate().map_err(failed)?;
        write_private(&key, pair.serialize_pem().as_bytes())?;
        pair
    };
    let mut params = rcgen::CertificateParams::new(vec!["tornado.invalid".into()]).map_err(failed)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Tornado VPN server");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2120, 1, 1);
    let made = params.self_signed(&pair).map_err(failed)?;
    write_private(&certificate, made.pem().as_bytes())?;
    tracing::info!("made a certificate for the device API");
    Ok((certificate, key))
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let failed = |source| Error::File { path: path.to_owned(), source };
    let new = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(failed)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&new, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_own_certificate_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let first = load(&Config::default(), dir.path()).unwrap().spki_sha256;
        assert_eq!(first, load(&Config::default(), dir.path()).unwrap().spki_sha256);
        let mode = std::fs::metadata(dir.path().join("tls.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // A lost certificate is made anew for the same key, so pins stay good.
        std::fs::remove_file(dir.path().join("tls.crt")).unwrap();
        assert_eq!(first, load(&Config::default(), dir.path()).unwrap().spki_sha256);
    }

    #[test]
    fn an_old_key_gets_a_successor() {
        let dir = tempfile::tempdir().unwrap();
        let first = load(&Config::default(), dir.path()).unwrap().spki_sha256;
        let backdate = |days: u64| {
            let file = std::fs::File::options().write(true).open(dir.path().join("tls.key")).unwrap();
            file.set_modified(std::time::SystemTime::now() - Duration::from_secs(days * 86_400)).unwrap();
        };
        backdate(89);
        assert_eq!(first, load(&Config::default(), dir.path()).unwrap().spki_sha256);
        backdate(91);
        let second = load(&Config::default(), dir.path()).unwrap().spki_sha256;
        assert_ne!(first, second);
        assert_eq!(second, load(&Config::default(), dir.path()).unwrap().spki_sha256);
    }

    #[test]
    fn half_a_certificate_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { certificate: Some("/nowhere.pem".into()), ..Config::default() };
        assert!(matches!(load(&config, dir.path()), Err(Error::HalfCertificate)));
    }
}
