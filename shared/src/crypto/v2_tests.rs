//! Envelope v2: agreement, binding, replay window, invalid input.

use super::*;
use crate::crypto::identity::IdentityKey;
use crate::crypto::login_key::{SignedLoginKey, StoredLoginKey};
use proptest::prelude::*;

const NOW: UnixSeconds = 1_800_000_000;

struct Server {
    identity: IdentityKey,
    key: LoginKey,
}

impl Server {
    fn new() -> Self {
        Self { identity: IdentityKey::random(), key: StoredLoginKey::random(NOW - 10, 3600).load() }
    }

    fn signed(&self) -> SignedLoginKey {
        self.key.sign(&self.identity)
    }

    fn verified(&self) -> VerifiedLoginKey {
        self.signed().verify(&self.identity.public(), NOW).unwrap()
    }

    fn open(
        &self,
        purpose: Purpose,
        now: UnixSeconds,
        envelope: &EnvelopeV2,
    ) -> Result<(Zeroizing<Vec<u8>>, Replier), CryptoError> {
        open(&self.key, &self.identity.public(), purpose, now, envelope)
    }
}

#[test]
fn both_sides_agree_on_request_reply_and_preshared_keys() {
    let server = Server::new();
    let (envelope, pending) = seal(&server.verified(), Purpose::Login, NOW, b"hello").unwrap();
    let (request, replier) = server.open(Purpose::Login, NOW + 5, &envelope).unwrap();
    assert_eq!(request.as_slice(), b"hello");
    let (reply, server_export) = replier.seal(b"welcome").unwrap();
    let (answer, client_export) = pending.open_reply(&reply).unwrap();
    assert_eq!(answer.as_slice(), b"welcome");
    assert_eq!(server_export, client_export);

    let device = crate::model::PrivateKey::random().public_key();
    let direct = client_export.preshared_key(Lane::Direct, &device);
    assert_eq!(direct, server_export.preshared_key(Lane::Direct, &device));
    assert_ne!(direct, server_export.preshared_key(Lane::Tor, &device));
    assert_ne!(direct.expose(), &[0; 32]);
}

#[test]
fn survives_json() {
    let server = Server::new();
    let (envelope, _) = seal(&server.verified(), Purpose::Enroll, NOW, b"x").unwrap();
    let text = serde_json::to_string(&envelope).unwrap();
    assert!(text.contains(r#""version":2"#));
    assert_eq!(serde_json::from_str::<EnvelopeV2>(&text).unwrap(), envelope);
    assert!(serde_json::from_str::<EnvelopeV2>(&text.replace(r#""version":2"#, r#""version":1"#)).is_err());
    let signed = serde_json::to_string(&server.signed()).unwrap();
    assert_eq!(serde_json::from_str::<SignedLoginKey>(&signed).unwrap(), server.signed());
}

#[test]
fn a_login_key_of_another_server_is_rejected() {
    let (real, other) = (Server::new(), Server::new());
    let result = other.signed().verify(&real.identity.public(), NOW);
    assert_eq!(result.unwrap_err(), CryptoError::Signature);
}

#[test]
fn an_expired_or_stretched_login_key_is_not_believed() {
    let server = Server::new();
    let late = server.signed().verify(&server.identity.public(), NOW + 3600 + MAX_SKEW);
    assert_eq!(late.unwrap_err(), CryptoError::KeyExpired);
    let mut stretched = server.signed();
    stretched.statement.expires_at += 86_400;
    assert_eq!(stretched.verify(&server.identity.public(), NOW).unwrap_err(), CryptoError::Signature);
}

#[test]
fn a_recorded_login_expires() {
    let server = Server::new();
    let (envelope, _) = seal(&server.verified(), Purpose::Login, NOW, b"x").unwrap();
    for now in [NOW + MAX_SKEW + 1, NOW - MAX_SKEW - 1] {
        assert!(matches!(server.open(Purpose::Login, now, &envelope), Err(CryptoError::Stale { .. })));
    }
    let mut refreshed = envelope;
    refreshed.issued_at += MAX_SKEW;
    assert!(matches!(server.open(Purpose::Login, NOW + MAX_SKEW, &refreshed), Err(CryptoError::Open)));
}

#[test]
fn purpose_and_server_are_bound() {
    let (server, other) = (Server::new(), Server::new());
    let (envelope, _) = seal(&server.verified(), Purpose::Login, NOW, b"x").unwrap();
    assert!(matches!(server.open(Purpose::Enroll, NOW, &envelope), Err(CryptoError::Open)));
    let foreign = open(&server.key, &other.identity.public(), Purpose::Login, NOW, &envelope);
    assert!(matches!(foreign, Err(CryptoError::Open)));
}

#[test]
fn a_reply_to_another_request_does_not_open() {
    let server = Server::new();
    let (first, _) = seal(&server.verified(), Purpose::Login, NOW, b"a").unwrap();
    let (_, second) = seal(&server.verified(), Purpose::Login, NOW, b"a").unwrap();
    let (_, replier) = server.open(Purpose::Login, NOW, &first).unwrap();
    let (reply, _) = replier.seal(b"r").unwrap();
    assert!(matches!(second.open_reply(&reply), Err(CryptoError::Open)));
}

#[test]
fn a_small_order_ephemeral_key_is_refused() {
    let server = Server::new();
    let (mut envelope, _) = seal(&server.verified(), Purpose::Login, NOW, b"x").unwrap();
    envelope.ephemeral_pubkey = Bytes([0; 32]);
    assert!(matches!(server.open(Purpose::Login, NOW, &envelope), Err(CryptoError::WeakKey)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_flipped_bit_is_noticed(at in 0usize..1000, bit in 0u8..8) {
        let server = Server::new();
        let (mut envelope, _) = seal(&server.verified(), Purpose::Login, NOW, b"some request").unwrap();
        envelope.kem_ciphertext.0[at] ^= 1 << bit;
        prop_assert!(server.open(Purpose::Login, NOW, &envelope).is_err());
    }
}
