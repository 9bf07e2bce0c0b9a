//! Which TLS keys are believed.

use crate::Error;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use sha2::{Digest as _, Sha256};
use std::sync::{Arc, OnceLock};
use subtle::ConstantTimeEq as _;
use tornado_shared::crypto::identity::Fingerprint;

/// Accepts one SubjectPublicKeyInfo: the pinned one, or, at first contact, the first that comes.
/// Whoever uses the second kind sends nothing secret until the identity has vouched for it.
#[derive(Debug)]
pub(crate) struct SpkiVerifier {
    accepted: OnceLock<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl SpkiVerifier {
    /// With a pin, or to learn the key.
    pub(crate) fn new(pin: Option<Fingerprint>) -> Arc<Self> {
        let accepted = OnceLock::new();
        if let Some(pin) = pin {
            accepted.get_or_init(|| pin);
        }
        Arc::new(Self { accepted, provider: Arc::new(rustls::crypto::ring::default_provider()) })
    }

    /// The key that is believed, or was seen.
    pub(crate) fn accepted(&self) -> Option<Fingerprint> {
        self.accepted.get().copied()
    }

    /// A TLS configuration that believes this verifier and nothing else.
    pub(crate) fn config(self: &Arc<Self>) -> Result<ClientConfig, Error> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|e| Error::Setup(e.to_string()))?;
        Ok(builder.dangerous().with_custom_certificate_verifier(self.clone()).with_no_client_auth())
    }
}

/// SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), DER.
fn spki_fingerprint(certificate: &CertificateDer<'_>) -> Result<Fingerprint, rustls::Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    Ok(Fingerprint(Sha256::digest(parsed.subject_public_key_info().as_ref()).into()))
}

impl ServerCertVerifier for SpkiVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let seen = spki_fingerprint(end_entity)?;
        let accepted = self.accepted.get_or_init(|| seen);
        if bool::from(accepted.0.ct_eq(&seen.0)) {
            return Ok(ServerCertVerified::assertion());
        }
        Err(rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// True when a chain of errors holds a refused certificate.
pub(crate) fn is_certificate_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return matches!(tls, rustls::Error::InvalidCertificate(_));
        }
        // `io::Error::source` skips the error it wraps, so look inside first.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}
