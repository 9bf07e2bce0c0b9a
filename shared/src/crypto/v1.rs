//! Login envelope version 1, of the original: X25519 → HKDF-SHA256 (RFC 5869, no salt) → AES-256-GCM (NIST SP 800-38D)
//! with a 12-byte nonce and no additional data, in standard base64. Only the request is sealed. It is not bound to a
//! server or a time; the server accepts each ephemeral key once.

use super::CryptoError;
use super::encoding::Blob;
use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use hkdf::Hkdf;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

const INFO: &[u8] = b"tornado-vpn-login-v1";

/// The envelope that a v1 client sends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeV1 {
    /// The client's ephemeral X25519 key, 32 bytes.
    pub ephemeral_pubkey: Blob,
    /// AES-GCM nonce, 12 bytes.
    pub iv: Blob,
    /// Sealed JSON, with the tag.
    pub ciphertext: Blob,
}

/// Seals `plaintext` to the server's v1 key. `ephemeral` and `nonce` must never be reused.
///
/// # Errors
/// [`CryptoError::WeakKey`] if the server's key is a point of small order.
pub fn seal(
    server: &[u8; 32],
    ephemeral: &StaticSecret,
    nonce: [u8; 12],
    plaintext: &[u8],
) -> Result<EnvelopeV1, CryptoError> {
    let cipher = cipher(ephemeral, server)?;
    let ciphertext = cipher.encrypt(&Nonce::from(nonce), plaintext).map_err(|_| CryptoError::Malformed)?;
    Ok(EnvelopeV1 {
        ephemeral_pubkey: Blob(PublicKey::from(ephemeral).as_bytes().to_vec()),
        iv: Blob(nonce.to_vec()),
        ciphertext: Blob(ciphertext),
    })
}

/// Opens an envelope with the server's v1 key.
///
/// # Errors
/// [`CryptoError::Malformed`] for a wrong length, [`CryptoError::WeakKey`] for a key of small order,
/// [`CryptoError::Open`] if the data was altered or sealed to another key.
pub fn open(server: &StaticSecret, envelope: &EnvelopeV1) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let ephemeral: [u8; 32] = envelope.ephemeral_pubkey.0.as_slice().try_into().map_err(|_| CryptoError::Malformed)?;
    let nonce: [u8; 12] = envelope.iv.0.as_slice().try_into().map_err(|_| CryptoError::Malformed)?;
    let cipher = cipher(server, &ephemeral)?;
    let plaintext = cipher.decrypt(&Nonce::from(nonce), envelope.ciphertext.0.as_slice());
    plaintext.map(Zeroizing::new).map_err(|_| CryptoError::Open)
}

fn cipher(secret: &StaticSecret, public: &[u8; 32]) -> Result<Aes256Gcm, CryptoError> {
    let shared = secret.diffie_hellman(&PublicKey::from(*public));
    if !shared.was_contributory() {
        return Err(CryptoError::WeakKey);
    }
    let mut key = Zeroizing::new([0u8; 32]);
    Hkdf::<Sha256>::new(None, shared.as_bytes()).expand(INFO, key.as_mut()).map_err(|_| CryptoError::Malformed)?;
    Aes256Gcm::new_from_slice(key.as_ref()).map_err(|_| CryptoError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    fn vector() -> EnvelopeV1 {
        let mut nonce = [0u8; 12];
        for (i, byte) in nonce.iter_mut().enumerate() {
            *byte = u8::try_from(i).unwrap();
        }
        let server = StaticSecret::from([0x11; 32]);
        let plaintext = br#"{"username_or_email": "alice", "password": "hunter22"}"#;
        seal(PublicKey::from(&server).as_bytes(), &StaticSecret::from([0x22; 32]), nonce, plaintext).unwrap()
    }

    #[test]
    fn known_answer_is_byte_compatible() {
        let envelope = vector();
        assert_eq!(STANDARD.encode(&envelope.ephemeral_pubkey.0), "D6poTtKIZ7l/Smot7l34zpdOdrcBjj8iocTPJnhXDyA=");
        assert_eq!(
            STANDARD.encode(&envelope.ciphertext.0),
            "afSnMI6ZrtIWHrPSns2w748nyLkmO0f/HMy9cVRzUiqnlHwi8GU36E1ahxJ5dQ6+j/uBQzfDAw8mgoUuUGznD7MhJ79obA=="
        );
        let opened = open(&StaticSecret::from([0x11; 32]), &envelope).unwrap();
        assert_eq!(opened.as_slice(), br#"{"username_or_email": "alice", "password": "hunter22"}"#);
    }

    #[test]
    fn weak_keys_and_wrong_lengths_are_refused() {
        let server = StaticSecret::from([0x11; 32]);
        let mut weak = vector();
        weak.ephemeral_pubkey = Blob(vec![0; 32]);
        assert_eq!(open(&server, &weak), Err(CryptoError::WeakKey));
        let mut short = vector();
        short.iv = Blob(vec![0; 11]);
        assert_eq!(open(&server, &short), Err(CryptoError::Malformed));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_is_noticed(at in 0usize..70, bit in 0u8..8) {
            let mut envelope = vector();
            envelope.ciphertext.0[at] ^= 1 << bit;
            prop_assert_eq!(open(&StaticSecret::from([0x11; 32]), &envelope), Err(CryptoError::Open));
        }

        #[test]
        fn rubbish_never_panics(e in proptest::collection::vec(any::<u8>(), 0..64), i in proptest::collection::vec(any::<u8>(), 0..24), c in proptest::collection::vec(any::<u8>(), 0..256)) {
            let envelope = EnvelopeV1 { ephemeral_pubkey: Blob(e), iv: Blob(i), ciphertext: Blob(c) };
            prop_assert!(open(&StaticSecret::from([0x11; 32]), &envelope).is_err());
        }
    }
}
