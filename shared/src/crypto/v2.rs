//! Login envelope version 2.
//!
//! The client has pinned the server's identity and verified the signed login key. It generates an ephemeral X25519 key
//! and an ML-KEM-768 ciphertext. Both secrets go into HKDF-SHA256 (RFC 5869), salted with the hash of the whole
//! transcript: purpose, identity, key ID, both public keys, ephemeral key, KEM ciphertext and time. The output consists
//! of the request's key, the reply's key and an export secret, from which both sides derive the WireGuard preshared
//! keys. Messages are sealed with AES-256-GCM, with the transcript hash as additional data. Each key seals one message,
//! so the nonces are derived too.
//!
//! An attacker who breaks only one of X25519 and ML-KEM learns nothing (concatenation combiner over the full
//! transcript, as in draft-ietf-tls-hybrid-design). A recorded envelope can be replayed only within [`MAX_SKEW`];
//! within that time, the server rejects ephemeral keys that it has seen.

use super::CryptoError;
use super::encoding::{Blob, Bytes};
use super::identity::IdentityPublic;
use super::login_key::{CIPHERTEXT_LEN, LoginKey, LoginKeyId, LoginKeyStatement, MAX_SKEW, VerifiedLoginKey};
use crate::model::{Lane, PresharedKey, PublicKey as WireGuardKey, UnixSeconds};
use aes_gcm::aead::{Aead as _, KeyInit as _, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use ml_kem::{Decapsulate as _, Encapsulate as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt;
use x25519_dalek::{PublicKey, SharedSecret, StaticSecret};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Purpose of an envelope. It is part of the transcript, so an envelope cannot be used for another purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Login with the name and password of an account.
    Login,
    /// Enrolment with an invitation.
    Enroll,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Login => b"login",
            Self::Enroll => b"enroll",
        }
    }
}

/// The envelope that a v2 client sends, about 2 kB.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeV2 {
    /// Always 2.
    pub version: V2Tag,
    /// ID of the login key to which the envelope is sealed.
    pub key_id: LoginKeyId,
    /// The client's ephemeral X25519 key.
    pub ephemeral_pubkey: Bytes<32>,
    /// ML-KEM-768 ciphertext.
    pub kem_ciphertext: Bytes<CIPHERTEXT_LEN>,
    /// Time of the request, by the client's clock.
    pub issued_at: UnixSeconds,
    /// Sealed JSON, with the tag.
    pub ciphertext: Blob,
}

/// The number 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct V2Tag;

impl TryFrom<u8> for V2Tag {
    type Error = &'static str;
    fn try_from(n: u8) -> Result<Self, Self::Error> {
        if n == 2 { Ok(Self) } else { Err("only version 2 is supported") }
    }
}

impl From<V2Tag> for u8 {
    fn from(_: V2Tag) -> Self {
        2
    }
}

/// The server's reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedReply {
    /// Sealed JSON, with the tag.
    pub ciphertext: Blob,
}

/// A secret that only the two sides of a login share. Preshared keys are derived from it. Zeroised on drop; `Debug`
/// does not print it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct ExportSecret([u8; 32]);

impl fmt::Debug for ExportSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExportSecret(…)")
    }
}

impl ExportSecret {
    /// Creates the secret from stored bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret bytes. Store them where only the owner can read them.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// Derives the preshared key of a lane for one WireGuard key of the device. Each session uses a new key, so its
    /// preshared keys are new too.
    #[must_use]
    pub fn preshared_key(&self, lane: Lane, device: &WireGuardKey) -> PresharedKey {
        let mut key = [0u8; 32];
        let info: [&[u8]; 3] = [b"tornado-vpn psk v2\0", lane.as_str().as_bytes(), device.as_bytes()];
        if let Ok(hkdf) = Hkdf::<Sha256>::from_prk(&self.0) {
            // 32 bytes are within HKDF's limit of 255 blocks, and the key has the length of the hash.
            let _ = hkdf.expand_multi_info(&info, &mut key);
        }
        let preshared = PresharedKey::from_bytes(key);
        key.zeroize();
        preshared
    }
}

/// The client's state between request and reply.
pub struct Pending {
    secrets: Secrets,
    reply_aad: [u8; 32],
}

/// The server's state between request and reply.
pub struct Replier {
    secrets: Secrets,
    reply_aad: [u8; 32],
}

/// Seals a request to a verified login key.
///
/// # Errors
/// [`CryptoError::WeakKey`] if the login key is a point of small order.
pub fn seal(
    key: &VerifiedLoginKey,
    purpose: Purpose,
    now: UnixSeconds,
    plaintext: &[u8],
) -> Result<(EnvelopeV2, Pending), CryptoError> {
    let ephemeral = StaticSecret::from(*Zeroizing::new(rand::random::<[u8; 32]>()));
    let ephemeral_pubkey = Bytes(*PublicKey::from(&ephemeral).as_bytes());
    let (kem_ciphertext, kem_secret) = key.encapsulation_key.encapsulate();
    let mut encoded = [0u8; CIPHERTEXT_LEN];
    encoded.copy_from_slice(&kem_ciphertext);
    let mut envelope = EnvelopeV2 {
        version: V2Tag,
        key_id: key.statement.id,
        ephemeral_pubkey,
        kem_ciphertext: Bytes(encoded),
        issued_at: now,
        ciphertext: Blob(Vec::new()),
    };
    let transcript = transcript(purpose, &key.identity, &key.statement, &envelope);
    let x25519 = ephemeral.diffie_hellman(&PublicKey::from(key.statement.x25519.0));
    let secrets = Secrets::derive(&transcript, &x25519, &kem_secret)?;
    envelope.ciphertext = Blob(secrets.request.seal(&transcript, plaintext)?);
    let reply_aad = reply_aad(&transcript, &envelope.ciphertext.0);
    Ok((envelope, Pending { secrets, reply_aad }))
}

impl Pending {
    /// Opens the server's reply.
    ///
    /// # Errors
    /// [`CryptoError::Open`] if the reply was altered or belongs to another request.
    pub fn open_reply(self, reply: &SealedReply) -> Result<(Zeroizing<Vec<u8>>, ExportSecret), CryptoError> {
        let plaintext = self.secrets.reply.open(&self.reply_aad, &reply.ciphertext.0)?;
        Ok((plaintext, self.secrets.export.clone()))
    }
}

/// Opens a request. The caller must still reject ephemeral keys that it has seen before.
///
/// # Errors
/// [`CryptoError::KeyExpired`] if the envelope is sealed to another key or the key has expired, [`CryptoError::Stale`]
/// if its time differs by more than [`MAX_SKEW`], [`CryptoError::WeakKey`], [`CryptoError::Malformed`] or
/// [`CryptoError::Open`] if its content is invalid.
pub fn open(
    key: &LoginKey,
    identity: &IdentityPublic,
    purpose: Purpose,
    now: UnixSeconds,
    envelope: &EnvelopeV2,
) -> Result<(Zeroizing<Vec<u8>>, Replier), CryptoError> {
    if envelope.key_id != key.id() || key.expires_at() <= now.saturating_sub(MAX_SKEW) {
        return Err(CryptoError::KeyExpired);
    }
    let skew = now.saturating_sub(envelope.issued_at);
    if skew.unsigned_abs() > MAX_SKEW.unsigned_abs() {
        return Err(CryptoError::Stale { skew });
    }
    let transcript = transcript(purpose, identity, key.statement(), envelope);
    let x25519 = key.x25519().diffie_hellman(&PublicKey::from(envelope.ephemeral_pubkey.0));
    let kem_ciphertext = envelope.kem_ciphertext.0.as_slice().try_into().map_err(|_| CryptoError::Malformed)?;
    let kem_secret = key.decapsulation_key().decapsulate(kem_ciphertext);
    let secrets = Secrets::derive(&transcript, &x25519, &kem_secret)?;
    let plaintext = secrets.request.open(&transcript, &envelope.ciphertext.0)?;
    let reply_aad = reply_aad(&transcript, &envelope.ciphertext.0);
    Ok((plaintext, Replier { secrets, reply_aad }))
}

impl Replier {
    /// Seals the reply. It consumes the state, so a key seals only one message.
    ///
    /// # Errors
    /// [`CryptoError::Malformed`] if the reply is too long for AES-GCM.
    pub fn seal(self, plaintext: &[u8]) -> Result<(SealedReply, ExportSecret), CryptoError> {
        let ciphertext = self.secrets.reply.seal(&self.reply_aad, plaintext)?;
        Ok((SealedReply { ciphertext: Blob(ciphertext) }, self.secrets.export.clone()))
    }

    /// The secret shared by this login, for storage with the token family.
    #[must_use]
    pub const fn export_secret(&self) -> &ExportSecret {
        &self.secrets.export
    }
}

/// SHA-256 over all public values of the exchange. All parts except the label have fixed lengths.
fn transcript(purpose: Purpose, identity: &IdentityPublic, key: &LoginKeyStatement, envelope: &EnvelopeV2) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"tornado-vpn envelope v2\0");
    hash.update([u8::try_from(purpose.label().len()).unwrap_or_default()]);
    hash.update(purpose.label());
    hash.update(identity.0.0);
    hash.update(key.id.0);
    hash.update(key.x25519.0);
    hash.update(key.ml_kem_768.0);
    hash.update(envelope.ephemeral_pubkey.0);
    hash.update(envelope.kem_ciphertext.0);
    hash.update(envelope.issued_at.to_be_bytes());
    hash.finalize().into()
}

fn reply_aad(transcript: &[u8; 32], request: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"tornado-vpn reply v2\0");
    hash.update(transcript);
    hash.update(Sha256::digest(request));
    hash.finalize().into()
}

#[derive(Zeroize, ZeroizeOnDrop)]
struct OneTime {
    key: [u8; 32],
    nonce: [u8; 12],
}

impl OneTime {
    fn derive(hkdf: &Hkdf<Sha256>, label: &[u8]) -> Result<Self, CryptoError> {
        let mut block = Zeroizing::new([0u8; 44]);
        hkdf.expand(label, block.as_mut()).map_err(|_| CryptoError::Malformed)?;
        let mut one = Self { key: [0; 32], nonce: [0; 12] };
        one.key.copy_from_slice(&block[..32]);
        one.nonce.copy_from_slice(&block[32..]);
        Ok(one)
    }

    fn cipher(&self) -> Result<Aes256Gcm, CryptoError> {
        Aes256Gcm::new_from_slice(&self.key).map_err(|_| CryptoError::Malformed)
    }

    fn seal(&self, aad: &[u8], msg: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let sealed = self.cipher()?.encrypt(&Nonce::from(self.nonce), Payload { msg, aad });
        sealed.map_err(|_| CryptoError::Malformed)
    }

    fn open(&self, aad: &[u8], msg: &[u8]) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
        let opened = self.cipher()?.decrypt(&Nonce::from(self.nonce), Payload { msg, aad });
        opened.map(Zeroizing::new).map_err(|_| CryptoError::Open)
    }
}

struct Secrets {
    request: OneTime,
    reply: OneTime,
    export: ExportSecret,
}

impl Secrets {
    fn derive(transcript: &[u8; 32], x25519: &SharedSecret, kem: &[u8]) -> Result<Self, CryptoError> {
        if !x25519.was_contributory() {
            return Err(CryptoError::WeakKey);
        }
        let mut ikm = Zeroizing::new(Vec::with_capacity(64));
        ikm.extend_from_slice(x25519.as_bytes());
        ikm.extend_from_slice(kem);
        let hkdf = Hkdf::<Sha256>::new(Some(transcript), &ikm);
        let mut export = ExportSecret([0; 32]);
        hkdf.expand(b"export", &mut export.0).map_err(|_| CryptoError::Malformed)?;
        Ok(Self { request: OneTime::derive(&hkdf, b"request")?, reply: OneTime::derive(&hkdf, b"reply")?, export })
    }
}

#[cfg(test)]
#[path = "v2_tests.rs"]
mod tests;
