//! A certificate authority for test servers.

use crate::EngineError;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    /// Creates a new authority, which no program trusts yet.
    ///
    /// # Errors
    /// The certificate cannot be created.
    pub fn new() -> Result<Self, EngineError> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(Vec::new()).map_err(failed)?;
        // Names are unique, because a verifier selects the authority by name first.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("authority {} of a test", NUMBER.fetch_add(1, Ordering::Relaxed));
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).map_err(failed)?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// Certificate of the authority in PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Creates certificate and key in PEM for a server with this name or address.
    ///
    /// # Errors
    /// The certificate cannot be created.
    pub fn server(&self, name: &str) -> Result<(String, String), EngineError> {
        self.server_until(name, SystemTime::now() + Duration::from_secs(365 * 86_400))
    }

    /// As [`Self::server`], valid until a given time, which may be in the past.
    ///
    /// # Errors
    /// The certificate cannot be created.
    pub fn server_until(&self, name: &str, until: SystemTime) -> Result<(String, String), EngineError> {
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(failed)?;
        params.not_after = until.into();
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

fn failed(error: rcgen::Error) -> EngineError {
    EngineError::Refused { what: "creation of a certificate".into(), said: error.to_string() }
}
