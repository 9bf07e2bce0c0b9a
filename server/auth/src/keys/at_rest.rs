//! The at-rest key: encrypts the logins' export secrets, so the database alone does not reveal traffic keys.

use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use std::fmt;
use tornado_contracts::auth::AuthError;
use tornado_rpc::Fault;
use tornado_shared::crypto::v2::ExportSecret;
use tornado_shared::model::FamilyId;
use zeroize::Zeroizing;

const NONCE: usize = 12;

/// AES-256-GCM (NIST SP 800-38D) with random 96-bit nonces; sufficient for 2^32 logins.
#[derive(Clone)]
pub struct AtRestKey(Aes256Gcm);

impl fmt::Debug for AtRestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AtRestKey(…)")
    }
}

/// The sealed secret was altered, belongs to another login, or was sealed with another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot decrypt a stored secret with the at-rest key")]
pub struct SealError;

impl From<SealError> for AuthError {
    fn from(error: SealError) -> Self {
        tracing::error!(%error, "at-rest key operation failed");
        Self::Fault(Fault::Internal("cannot use a stored secret".into()))
    }
}

impl AtRestKey {
    /// A key from its 32 stored bytes.
    ///
    /// # Errors
    /// The cipher rejects the key.
    pub fn new(key: &[u8; 32]) -> Result<Self, SealError> {
        Aes256Gcm::new_from_slice(key).map(Self).map_err(|_| SealError)
    }

    /// Encrypts a secret, bound to the family: nonce, then ciphertext and tag.
    ///
    /// # Errors
    /// The cipher failed.
    pub fn seal(&self, family: FamilyId, secret: &ExportSecret, nonce: [u8; NONCE]) -> Result<Vec<u8>, SealError> {
        self.seal_bytes(&aad(family), secret.expose(), nonce)
    }

    /// Decrypts the result of [`seal`](Self::seal) for the same family.
    ///
    /// # Errors
    /// The data was altered or sealed for another family or with another key.
    pub fn open(&self, family: FamilyId, sealed: &[u8]) -> Result<ExportSecret, SealError> {
        self.open_bytes(&aad(family), sealed).map(|bytes| ExportSecret::from_bytes(*bytes))
    }

    /// Encrypts a secret, bound to `what`, which names kind and owner: nonce, then ciphertext and tag.
    ///
    /// # Errors
    /// The cipher failed.
    pub fn seal_bytes(&self, what: &[u8], secret: &[u8], nonce: [u8; NONCE]) -> Result<Vec<u8>, SealError> {
        let sealed = self.0.encrypt(&Nonce::from(nonce), Payload { msg: secret, aad: what }).map_err(|_| SealError)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts the result of [`seal_bytes`](Self::seal_bytes) for the same `what`.
    ///
    /// # Errors
    /// The data was altered or sealed for another `what` or with another key.
    pub fn open_bytes<const N: usize>(&self, what: &[u8], sealed: &[u8]) -> Result<Zeroizing<[u8; N]>, SealError> {
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>().ok_or(SealError)?;
        let opened = self.0.decrypt(&Nonce::from(*nonce), Payload { msg: ciphertext, aad: what });
        let opened = Zeroizing::new(opened.map_err(|_| SealError)?);
        opened.as_slice().try_into().map(Zeroizing::new).map_err(|_| SealError)
    }
}

fn aad(family: FamilyId) -> Vec<u8> {
    [b"tornado-vpn export at rest\0".as_slice(), family.0.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_for_its_own_family_only() {
        let key = AtRestKey::new(&[1; 32]).unwrap();
        let (family, other) = (FamilyId::random(), FamilyId::random());
        let secret = ExportSecret::from_bytes([9; 32]);
        let sealed = key.seal(family, &secret, [3; 12]).unwrap();
        assert_eq!(key.open(family, &sealed).unwrap(), secret);
        assert!(key.open(other, &sealed).is_err());
        assert!(key.open(family, &sealed[..20]).is_err());
        assert!(AtRestKey::new(&[2; 32]).unwrap().open(family, &sealed).is_err());
        assert!(!sealed.windows(8).any(|w| w == [9; 8]));
    }
}
