//! The server's identity: an Ed25519 key (RFC 8032), generated at the first start and pinned by every client.

use super::CryptoError;
use super::encoding::Bytes;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// An Ed25519 signature, 64 bytes.
pub type Signature = Bytes<64>;

/// The private identity key. Zeroised on drop; `Debug` does not print it. Also used as a device's long-term key.
#[derive(Clone)]
pub struct IdentityKey(SigningKey);

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdentityKey(…)")
    }
}

impl IdentityKey {
    /// Generates an identity from the operating system's random numbers.
    #[must_use]
    pub fn random() -> Self {
        Self::from_seed(&rand::random())
    }

    /// Creates the key from its 32-byte seed (RFC 8032).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The 32-byte seed, for storage.
    #[must_use]
    pub fn expose_seed(&self) -> zeroize::Zeroizing<[u8; 32]> {
        zeroize::Zeroizing::new(self.0.to_bytes())
    }

    /// The public identity.
    #[must_use]
    pub fn public(&self) -> IdentityPublic {
        IdentityPublic(Bytes(self.0.verifying_key().to_bytes()))
    }

    /// Signs a statement of one of the statement functions, such as [`tls_statement`].
    #[must_use]
    pub fn sign(&self, statement: &[u8]) -> Signature {
        Bytes(self.0.sign(statement).to_bytes())
    }
}

/// The public identity, 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdentityPublic(pub Bytes<32>);

impl IdentityPublic {
    /// SHA-256 of the key, which invitations carry and clients pin.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Sha256::digest(self.0.0).into())
    }

    /// Checks a signature strictly: no small-order keys, canonical encodings only.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] if this key is invalid, [`CryptoError::Signature`] if the signature is.
    pub fn verify(&self, statement: &[u8], signature: &Signature) -> Result<(), CryptoError> {
        let key = VerifyingKey::from_bytes(&self.0.0).map_err(|_| CryptoError::Malformed)?;
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        key.verify_strict(statement, &signature).map_err(|_| CryptoError::Signature)
    }
}

/// SHA-256 fingerprint, 32 bytes; as text, base64url without padding.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = CryptoError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let bytes = BASE64URL_NOPAD.decode(s.as_bytes()).map_err(|_| CryptoError::Malformed)?;
        bytes.try_into().map(Self).map_err(|_| CryptoError::Malformed)
    }
}

serde_as_text!(Fingerprint);

/// The statement that the identity signs for a TLS key. `spki_sha256` is lower-case hex.
#[must_use]
pub fn tls_statement(spki_sha256: &str) -> Vec<u8> {
    let mut statement = b"tornado-vpn tls v2\0".to_vec();
    statement.extend_from_slice(spki_sha256.as_bytes());
    statement
}
