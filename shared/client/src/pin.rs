//! Verification of the server's TLS key.

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

/// Accepts one SubjectPublicKeyInfo: the pinned one or, at first contact, the first one received. In the second case,
/// the caller must not send secrets until the identity has vouched for the key.
#[derive(Debug)]
pub(crate) struct SpkiVerifier {
    accepted: OnceLock<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl SpkiVerifier {
    /// Creates a verifier for `pin`, or one that learns the key.
    pub(crate) fn new(pin: Option<Fingerprint>) -> Arc<Self> {
        let accepted = OnceLock::new();
        if let Some(pin) = pin {
            accepted.get_or_init(|| pin);
        }
        Arc::new(Self { accepted, provider: Arc::new(rustls::crypto::ring::default_provider()) })
    }

    /// The accepted key: the pinned one or the one received first.
    pub(crate) fn accepted(&self) -> Option<Fingerprint> {
        self.accepted.get().copied()
    }

    /// A TLS configuration that uses only this verifier.
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

/// Returns true if the chain of errors contains a rejected certificate.
pub(crate) fn is_certificate_refusal(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return matches!(tls, rustls::Error::InvalidCertificate(_));
        }
        // `io::Error::source` skips the error that it wraps, so check that one first.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}
