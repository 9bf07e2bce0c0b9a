//! The server's public statement.

use crate::crypto::identity::{IdentityPublic, Signature};
use crate::crypto::login_key::SignedLoginKey;
use crate::model::UnixSeconds;
use serde::{Deserialize, Serialize};

/// `GET /v2/server`: everything that a client checks against the pinned identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// The server's Ed25519 identity.
    pub identity: IdentityPublic,
    /// Login key of envelope v2, signed by the identity.
    pub login_key: SignedLoginKey,
    /// Login key of envelope v1: raw X25519, standard base64; also at `/auth/pubkey`.
    pub pubkey: String,
    /// The TLS key that the identity signed; absent until the edge has a certificate.
    pub tls: Option<TlsAttestation>,
    /// The server's clock.
    pub now: UnixSeconds,
}

/// The identity's signature for a TLS key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsAttestation {
    /// SHA-256 of the certificate's SubjectPublicKeyInfo, lower-case hex.
    pub spki_sha256: String,
    /// Signature by the identity; see `crypto::identity::tls_statement`.
    pub signature: Signature,
}
