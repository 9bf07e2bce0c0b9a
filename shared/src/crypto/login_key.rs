//! The login key of envelope v2: X25519 (RFC 7748) and ML-KEM-768 (FIPS 203) side by side, with an ID and an expiry,
//! signed by the identity. It is rotated; the identity is not.

use super::CryptoError;
use super::encoding::Bytes;
use super::identity::{IdentityKey, IdentityPublic, Signature};
use crate::model::UnixSeconds;
use ml_kem::{DecapsulationKey, EncapsulationKey, KeyExport as _, MlKem768};
use serde::{Deserialize, Serialize};
use std::fmt;
use x25519_dalek::StaticSecret;
use zeroize::Zeroizing;

/// Length of an ML-KEM-768 encapsulation key, bytes (FIPS 203 table 3).
pub const ENCAPSULATION_KEY_LEN: usize = 1184;
/// Length of an ML-KEM-768 ciphertext, bytes (FIPS 203 table 3).
pub const CIPHERTEXT_LEN: usize = 1088;

/// ID of a login key.
pub type LoginKeyId = Bytes<8>;

/// The public part of a login key, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginKeyStatement {
    /// Random ID.
    pub id: LoginKeyId,
    /// X25519 public key.
    pub x25519: Bytes<32>,
    /// ML-KEM-768 encapsulation key.
    pub ml_kem_768: Bytes<ENCAPSULATION_KEY_LEN>,
    /// Start of validity, inclusive.
    pub not_before: UnixSeconds,
    /// End of validity, exclusive.
    pub expires_at: UnixSeconds,
}

impl LoginKeyStatement {
    fn to_signed_bytes(&self) -> Vec<u8> {
        let mut bytes = b"tornado-vpn login key v2\0".to_vec();
        bytes.extend_from_slice(&self.id.0);
        bytes.extend_from_slice(&self.x25519.0);
        bytes.extend_from_slice(&self.ml_kem_768.0);
        bytes.extend_from_slice(&self.not_before.to_be_bytes());
        bytes.extend_from_slice(&self.expires_at.to_be_bytes());
        bytes
    }
}

/// The public part of a login key with the identity's signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedLoginKey {
    /// The signed statement.
    #[serde(flatten)]
    pub statement: LoginKeyStatement,
    /// Signature by the identity.
    pub signature: Signature,
}

/// A verified login key: signature, validity and encoding were checked.
#[derive(Debug, Clone)]
pub struct VerifiedLoginKey {
    pub(super) identity: IdentityPublic,
    pub(super) statement: LoginKeyStatement,
    pub(super) encapsulation_key: EncapsulationKey<MlKem768>,
}

/// Clock difference that a login tolerates in either direction, seconds.
pub const MAX_SKEW: i64 = 120;

impl SignedLoginKey {
    /// Checks the signature by `identity` and the validity at `now`, with a tolerance of [`MAX_SKEW`].
    ///
    /// # Errors
    /// [`CryptoError::Signature`], [`CryptoError::KeyExpired`] or [`CryptoError::Malformed`].
    pub fn verify(self, identity: &IdentityPublic, now: UnixSeconds) -> Result<VerifiedLoginKey, CryptoError> {
        identity.verify(&self.statement.to_signed_bytes(), &self.signature)?;
        let started = self.statement.not_before <= now.saturating_add(MAX_SKEW);
        let ended = self.statement.expires_at <= now.saturating_sub(MAX_SKEW);
        if !started || ended {
            return Err(CryptoError::KeyExpired);
        }
        let encoded = self.statement.ml_kem_768.0.as_slice().try_into().map_err(|_| CryptoError::Malformed)?;
        let encapsulation_key = EncapsulationKey::new(encoded).map_err(|_| CryptoError::Malformed)?;
        Ok(VerifiedLoginKey { identity: *identity, statement: self.statement, encapsulation_key })
    }
}

/// A login key with its private parts. Zeroised on drop; `Debug` prints only the ID.
pub struct LoginKey {
    statement: LoginKeyStatement,
    x25519: StaticSecret,
    decapsulation_key: DecapsulationKey<MlKem768>,
}

impl fmt::Debug for LoginKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LoginKey({:02x?})", self.statement.id.0)
    }
}

/// The stored form of a login key: 8 bytes of ID, 32 of X25519, 64 of ML-KEM seed.
#[derive(Clone, Serialize, Deserialize)]
pub struct StoredLoginKey {
    /// Random ID.
    pub id: LoginKeyId,
    /// X25519 scalar.
    pub x25519: Bytes<32>,
    /// ML-KEM-768 seed `d ‖ z` (FIPS 203 §7.1).
    pub ml_kem_seed: Bytes<64>,
    /// Start of validity, inclusive.
    pub not_before: UnixSeconds,
    /// End of validity, exclusive.
    pub expires_at: UnixSeconds,
}

impl Drop for StoredLoginKey {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.x25519.0.zeroize();
        self.ml_kem_seed.0.zeroize();
    }
}

impl StoredLoginKey {
    /// Generates a key that is valid for `lifetime` seconds from `now`.
    #[must_use]
    pub fn random(now: UnixSeconds, lifetime: i64) -> Self {
        let mut seed = Zeroizing::new([0u8; 64]);
        let (d, z): ([u8; 32], [u8; 32]) = (rand::random(), rand::random());
        seed[..32].copy_from_slice(&d);
        seed[32..].copy_from_slice(&z);
        Self {
            id: Bytes(rand::random()),
            x25519: Bytes(rand::random()),
            ml_kem_seed: Bytes(*seed),
            not_before: now,
            expires_at: now.saturating_add(lifetime),
        }
    }

    /// Expands the stored form for use.
    #[must_use]
    pub fn load(&self) -> LoginKey {
        let x25519 = StaticSecret::from(self.x25519.0);
        let decapsulation_key = DecapsulationKey::<MlKem768>::from_seed(self.ml_kem_seed.0.into());
        let mut ml_kem_768 = [0u8; ENCAPSULATION_KEY_LEN];
        ml_kem_768.copy_from_slice(&decapsulation_key.encapsulation_key().to_bytes());
        let statement = LoginKeyStatement {
            id: self.id,
            x25519: Bytes(*x25519_dalek::PublicKey::from(&x25519).as_bytes()),
            ml_kem_768: Bytes(ml_kem_768),
            not_before: self.not_before,
            expires_at: self.expires_at,
        };
        LoginKey { statement, x25519, decapsulation_key }
    }
}

impl LoginKey {
    /// The public part, signed by `identity`.
    #[must_use]
    pub fn sign(&self, identity: &IdentityKey) -> SignedLoginKey {
        let signature = identity.sign(&self.statement.to_signed_bytes());
        SignedLoginKey { statement: self.statement.clone(), signature }
    }

    /// ID of the key.
    #[must_use]
    pub const fn id(&self) -> LoginKeyId {
        self.statement.id
    }

    /// End of validity, exclusive.
    #[must_use]
    pub const fn expires_at(&self) -> UnixSeconds {
        self.statement.expires_at
    }

    pub(super) const fn statement(&self) -> &LoginKeyStatement {
        &self.statement
    }

    pub(super) const fn x25519(&self) -> &StaticSecret {
        &self.x25519
    }

    pub(super) const fn decapsulation_key(&self) -> &DecapsulationKey<MlKem768> {
        &self.decapsulation_key
    }
}
