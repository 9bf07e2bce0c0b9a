//! The TLS certificate of a listener: from configured files, or self-signed. Changes of either kind are applied while
//! the service runs.

mod own;

use data_encoding::HEXLOWER;
use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Where a listener's certificate comes from.
#[derive(Debug, Clone)]
pub struct Source {
    /// PEM files of a certificate chain and its key. `None`: a self-signed certificate in `state_dir`.
    pub files: Option<(PathBuf, PathBuf)>,
    /// Directory of the self-signed certificate.
    pub state_dir: PathBuf,
    /// Host names and addresses in the self-signed certificate.
    pub names: Vec<String>,
    /// Age at which the key of the self-signed certificate gets a successor. `None`: never.
    pub rotate_after: Option<Duration>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate or its key is not valid.
    #[error("cannot use the certificate {path}: {why}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// A file cannot be read or written.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
}

/// TLS configuration of the listener.
#[derive(Clone)]
pub struct Tls {
    /// For accepting connections; HTTP/1.1 only.
    pub server: Arc<ServerConfig>,
    current: Arc<Current>,
}

/// A certificate that was read and is ready for use.
#[derive(Debug, Clone)]
pub struct Certificate {
    certified: Arc<CertifiedKey>,
    /// SHA-256 of the key's SubjectPublicKeyInfo (RFC 5280), lower-case hex, as used in invitations.
    pub spki_sha256: String,
    /// Modification times of its files.
    stamp: Stamp,
}

type Stamp = [Option<SystemTime>; 2];

/// The certificate presented to new connections.
#[derive(Debug)]
struct Current(RwLock<Certificate>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().certified.clone())
    }
}

/// Loads the certificate. Creates one if none is configured and none was created before. `now` decides whether the
/// self-generated key is too old.
///
/// # Errors
/// A file cannot be read, written or parsed.
pub fn load(from: &Source, now: SystemTime) -> Result<Tls, TlsError> {
    let (certificate, key) = files(from, now)?;
    let first = read(&certificate, &key)?;
    let current = Arc::new(Current(RwLock::new(first)));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| TlsError::Certificate { path: certificate, why: e.to_string() })?
        .with_no_client_auth()
        .with_cert_resolver(current.clone());
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Tls { server: Arc::new(server), current })
}

impl Tls {
    /// The certificate in use.
    #[must_use]
    pub fn current(&self) -> Certificate {
        self.current.0.read().clone()
    }

    /// The successor of the certificate in use, if one is due: the self-generated key is too old at `now`, or the
    /// configured files have changed. It is already on disk but not in use, because it may have to be announced first.
    ///
    /// # Errors
    /// A file cannot be read, written or parsed.
    pub fn successor(&self, from: &Source, now: SystemTime) -> Result<Option<Certificate>, TlsError> {
        let (certificate, key) = files(from, now)?;
        let current = self.current();
        if stamp(&certificate, &key) == current.stamp {
            return Ok(None);
        }
        Ok(Some(read(&certificate, &key)?))
    }

    /// Uses a certificate for new connections. Open connections continue.
    pub fn replace(&self, certificate: Certificate) {
        *self.current.0.write() = certificate;
    }
}

fn files(from: &Source, now: SystemTime) -> Result<(PathBuf, PathBuf), TlsError> {
    match &from.files {
        Some(files) => Ok(files.clone()),
        None => own::files(from, now),
    }
}

fn stamp(certificate: &Path, key: &Path) -> Stamp {
    [certificate, key].map(|path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
}

fn read(certificate: &Path, key: &Path) -> Result<Certificate, TlsError> {
    let unusable = |path: &Path, why: String| TlsError::Certificate { path: path.to_owned(), why };
    // Taken before reading: files that change during the read are read again at the next check.
    let stamp = stamp(certificate, key);
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| unusable(certificate, e.to_string()))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|e| unusable(key, e.to_string()))?;
    let provider = rustls::crypto::ring::default_provider();
    let certified =
        CertifiedKey::from_der(chain, private, &provider).map_err(|e| unusable(certificate, e.to_string()))?;
    let spki = certified.key.public_key().ok_or_else(|| unusable(key, "its public half is unknown".into()))?;
    let spki_sha256 = HEXLOWER.encode(&Sha256::digest(spki.as_ref()));
    Ok(Certificate { certified: Arc::new(certified), spki_sha256, stamp })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::wall_clock;
    use std::os::unix::fs::PermissionsExt as _;

    const DAY: Duration = Duration::from_secs(86_400);

    fn in_dir(dir: &Path) -> Source {
        let names = vec!["tornado.invalid".to_owned()];
        Source { files: None, state_dir: dir.to_owned(), names, rotate_after: Some(90 * DAY) }
    }

    fn own(dir: &Path, now: SystemTime) -> Tls {
        load(&in_dir(dir), now).unwrap()
    }

    #[test]
    fn the_own_certificate_is_created_once_and_private() {
        let (dir, now) = (tempfile::tempdir().unwrap(), wall_clock());
        let first = own(dir.path(), now).current().spki_sha256;
        assert_eq!(first, own(dir.path(), now).current().spki_sha256);
        let mode = std::fs::metadata(dir.path().join("tls.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // A lost certificate is created again for the same key, so pins stay valid.
        std::fs::remove_file(dir.path().join("tls.crt")).unwrap();
        assert_eq!(first, own(dir.path(), now).current().spki_sha256);
    }

    #[test]
    fn an_old_key_gets_a_successor() {
        let (dir, made) = (tempfile::tempdir().unwrap(), wall_clock());
        let tls = own(dir.path(), made);
        let first = tls.current().spki_sha256;
        let check = |now| tls.successor(&in_dir(dir.path()), now).unwrap();
        assert!(check(made + 89 * DAY).is_none());
        assert!(check(made - 100 * DAY).is_none(), "a clock that was set back does not create a key");
        let next = check(made + 91 * DAY).unwrap();
        assert_ne!(next.spki_sha256, first);
        assert_eq!(tls.current().spki_sha256, first, "used only after its attestation");
        // The attestation failed before the next check: it finds the same successor and does not create a third key.
        let again = check(made + DAY).unwrap();
        assert_eq!(again.spki_sha256, next.spki_sha256);
        tls.replace(again);
        assert_eq!(tls.current().spki_sha256, next.spki_sha256);
        assert!(check(made + DAY).is_none());
        // The service stopped before the attestation: the next start finds the successor.
        assert_eq!(own(dir.path(), made + DAY).current().spki_sha256, next.spki_sha256);
        assert_ne!(own(dir.path(), made + 182 * DAY).current().spki_sha256, next.spki_sha256);
    }

    #[test]
    fn changed_files_are_read_and_damaged_ones_rejected() {
        let (dir, now) = (tempfile::tempdir().unwrap(), wall_clock());
        let (one, two) = (dir.path().join("one"), dir.path().join("two"));
        for made in [&one, &two] {
            std::fs::create_dir(made).unwrap();
            own(made, now);
        }
        let (certificate, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        let copy = |from: &Path, later: u64| {
            for (name, to) in [("tls.crt", &certificate), ("tls.key", &key)] {
                std::fs::copy(from.join(name), to).unwrap();
                let file = std::fs::File::options().write(true).open(to).unwrap();
                file.set_modified(now + Duration::from_secs(later)).unwrap();
            }
        };
        copy(&one, 0);
        let source = Source { files: Some((certificate.clone(), key.clone())), ..in_dir(dir.path()) };
        let tls = load(&source, now).unwrap();
        let old = now + 1000 * DAY;
        assert!(tls.successor(&source, old).unwrap().is_none(), "configured files are renewed by the operator");
        std::fs::write(&key, "rubbish").unwrap();
        assert!(matches!(tls.successor(&source, old), Err(TlsError::Certificate { .. })));
        assert_eq!(tls.current().spki_sha256, own(&one, now).current().spki_sha256);
        copy(&two, 60);
        let next = tls.successor(&source, old).unwrap().unwrap();
        assert_eq!(next.spki_sha256, own(&two, now).current().spki_sha256);
    }

    #[test]
    fn a_key_that_does_not_rotate_stays() {
        let (dir, made) = (tempfile::tempdir().unwrap(), wall_clock());
        let source = Source { rotate_after: None, ..in_dir(dir.path()) };
        let tls = load(&source, made).unwrap();
        assert!(tls.successor(&source, made + 1000 * DAY).unwrap().is_none());
    }
}
