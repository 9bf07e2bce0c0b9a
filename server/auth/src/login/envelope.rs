//! Login envelopes: opening, and the reply in the same version.

use crate::keys::Keys;
use sha2::{Digest as _, Sha256};
use tornado_contracts::auth::AuthError;
use tornado_shared::api::LoginBody;
use tornado_shared::crypto::CryptoError;
use tornado_shared::crypto::login_key::MAX_SKEW;
use tornado_shared::crypto::v1::{self, EnvelopeV1};
use tornado_shared::crypto::v2::{self, EnvelopeV2, ExportSecret, Purpose, Replier};
use tornado_shared::model::UnixSeconds;
use tornado_store::identity::Hash;
use zeroize::Zeroizing;

/// Extra time for which a spent key is stored, in case the clock is set back; seconds.
const MARGIN: i64 = 3600;

/// An opened envelope. Its ephemeral key must still be marked as spent.
pub struct Opened {
    /// The payload, JSON.
    pub payload: Zeroizing<Vec<u8>>,
    /// How the reply is sent.
    pub reply: ReplyWay,
    /// Hash of the ephemeral key.
    pub spent: Hash,
    /// Time until which the envelope could be replayed.
    pub spent_until: UnixSeconds,
}

/// How a reply is sent.
pub enum ReplyWay {
    /// Plain, protected only by the device API's TLS: envelope v1.
    Plain,
    /// Sealed with the envelope's shared secret: envelope v2.
    Sealed(Box<Replier>),
}

impl ReplyWay {
    /// The secret from which preshared keys are derived; absent in version 1.
    pub fn export(&self) -> Option<&ExportSecret> {
        match self {
            Self::Plain => None,
            Self::Sealed(replier) => Some(replier.export_secret()),
        }
    }
}

/// Opens an envelope of either version.
///
/// # Errors
/// [`AuthError::InvalidEnvelope`], [`AuthError::ClockSkew`], [`AuthError::UnknownLoginKey`], or
/// [`AuthError::InvalidFields`] for an enrolment in version 1.
pub fn open(keys: &Keys, purpose: Purpose, body: &LoginBody, now: UnixSeconds) -> Result<Opened, AuthError> {
    match (body, purpose) {
        (LoginBody::V1(envelope), Purpose::Login) => open_v1(keys, envelope, now),
        (LoginBody::V1(_), Purpose::Enroll) => {
            Err(AuthError::InvalidFields("enrolment requires envelope version 2".into()))
        }
        (LoginBody::V2(envelope), _) => open_v2(keys, purpose, envelope, now),
    }
}

/// A v1 envelope does not identify its key, so every valid key is tried.
fn open_v1(keys: &Keys, envelope: &EnvelopeV1, now: UnixSeconds) -> Result<Opened, AuthError> {
    let login = keys.login();
    for key in login.v1(now) {
        if let Ok(payload) = v1::open(key.secret(), envelope) {
            let ephemeral =
                envelope.ephemeral_pubkey.0.as_slice().try_into().map_err(|_| AuthError::InvalidEnvelope)?;
            // A v1 envelope has no time either, so it can be replayed until the key expires.
            let spent_until = key.expires_at().saturating_add(MARGIN);
            return Ok(Opened { payload, reply: ReplyWay::Plain, spent: spent_hash(ephemeral), spent_until });
        }
    }
    Err(AuthError::InvalidEnvelope)
}

fn open_v2(keys: &Keys, purpose: Purpose, envelope: &EnvelopeV2, now: UnixSeconds) -> Result<Opened, AuthError> {
    let login = keys.login();
    let key = login.v2(envelope.key_id).ok_or(AuthError::UnknownLoginKey)?;
    let opened = v2::open(key.key(), &keys.identity().public(), purpose, now, envelope);
    let (payload, replier) = opened.map_err(|error| match error {
        CryptoError::Stale { skew } => AuthError::ClockSkew { skew_seconds: skew },
        CryptoError::KeyExpired => AuthError::UnknownLoginKey,
        CryptoError::Open
        | CryptoError::Malformed
        | CryptoError::WeakKey
        | CryptoError::Signature
        | CryptoError::WrongIdentity => AuthError::InvalidEnvelope,
    })?;
    let spent_until = envelope.issued_at.saturating_add(MAX_SKEW + MARGIN);
    let spent = spent_hash(envelope.ephemeral_pubkey.0);
    Ok(Opened { payload, reply: ReplyWay::Sealed(Box::new(replier)), spent, spent_until })
}

/// Hash of an ephemeral key in canonical form. X25519 ignores the top bit and reduces modulo 2^255 - 19 (RFC 7748 §5),
/// so without this an envelope could be replayed with another encoding of the same key.
fn spent_hash(mut key: [u8; 32]) -> Hash {
    key[31] &= 0x7f;
    let above_prime = key[0] >= 0xed && key[1..31].iter().all(|b| *b == 0xff) && key[31] == 0x7f;
    if above_prime {
        let rest = key[0] - 0xed;
        key = [0; 32];
        key[0] = rest;
    }
    let mut hash = Sha256::new();
    hash.update(b"tornado-vpn spent envelope\0");
    hash.update(key);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_encodings_of_a_key_are_the_same_key() {
        let key = *x25519_dalek::PublicKey::from(&x25519_dalek::StaticSecret::from([5; 32])).as_bytes();
        let mut high = key;
        high[31] |= 0x80;
        assert_eq!(spent_hash(key), spent_hash(high));
        let mut nine_plus_prime = [0xff; 32];
        (nine_plus_prime[0], nine_plus_prime[31]) = (0xed + 9, 0x7f);
        let mut nine = [0; 32];
        nine[0] = 9;
        assert_eq!(spent_hash(nine), spent_hash(nine_plus_prime));
        assert_ne!(spent_hash(nine), spent_hash(key));
    }
}
