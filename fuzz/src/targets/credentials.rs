//! Credentials of users and devices: envelopes, tokens, invitations.

use crate::json::stable;
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey};
use std::sync::LazyLock;
use tornado_contracts::token::{AUDIENCE, ISSUER, TokenKind, Verifier, VerifyingKey};
use tornado_shared::api::{EnrollPayload, LoginBody, LoginPayload};
use tornado_shared::crypto::encoding::Bytes;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::login_key::{LoginKey, StoredLoginKey};
use tornado_shared::crypto::{v1, v2};
use tornado_shared::invitation::{Invitation, ServerAddress};
use tornado_shared::model::UnixSeconds;
use x25519_dalek::{PublicKey, StaticSecret};

/// The current time in every target.
pub const NOW: UnixSeconds = 1_800_000_000;
/// Maximum length of a plaintext to encrypt.
const PLAIN: usize = 1024;

/// The server's key of envelope v1.
#[must_use]
pub fn v1_key() -> StaticSecret {
    StaticSecret::from([0x11; 32])
}

/// The server's identity.
#[must_use]
pub fn identity() -> IdentityKey {
    IdentityKey::from_seed(&[0x33; 32])
}

/// The server's key of envelope v2.
#[must_use]
pub fn v2_key() -> LoginKey {
    let stored = StoredLoginKey {
        id: Bytes([1; 8]),
        x25519: Bytes([2; 32]),
        ml_kem_seed: Bytes([3; 64]),
        not_before: NOW - 1000,
        expires_at: NOW + 1_000_000,
    };
    stored.load()
}

/// JSON is a posted envelope, anything else a plaintext to encrypt. Only unmodified envelopes open, and they return the
/// plaintext.
pub fn envelope_v1(bytes: &[u8]) {
    if let Some(LoginBody::V1(mut envelope)) = stable::<LoginBody>(bytes) {
        if let Ok(payload) = v1::open(&v1_key(), &envelope) {
            payloads(&payload);
            let last = envelope.ciphertext.0.len() - 1;
            envelope.ciphertext.0[bytes.len() % last] ^= 1;
            assert!(v1::open(&v1_key(), &envelope).is_err(), "a modified envelope was accepted");
        }
        return;
    }
    let plain = &bytes[..bytes.len().min(PLAIN)];
    let public = PublicKey::from(&v1_key());
    let Ok(envelope) = v1::seal(public.as_bytes(), &StaticSecret::from([0x22; 32]), [5; 12], plain) else {
        panic!("cannot encrypt the envelope")
    };
    assert_eq!(v1::open(&v1_key(), &envelope).ok().as_deref().map(Vec::as_slice), Some(plain));
    payloads(plain);
}

fn payloads(plain: &[u8]) {
    stable::<LoginPayload>(plain);
    stable::<EnrollPayload>(plain);
}

/// Only recent envelopes for this purpose and this key open.
pub fn envelope_v2(bytes: &[u8]) {
    static KEY: LazyLock<LoginKey> = LazyLock::new(v2_key);
    let Some(LoginBody::V2(mut envelope)) = stable::<LoginBody>(bytes) else { return };
    let (key, server) = (&*KEY, identity().public());
    for (purpose, other) in [(v2::Purpose::Login, v2::Purpose::Enroll), (v2::Purpose::Enroll, v2::Purpose::Login)] {
        let Ok((payload, replier)) = v2::open(key, &server, purpose, NOW, &envelope) else { continue };
        payloads(&payload);
        assert!((NOW - 120..=NOW + 120).contains(&envelope.issued_at));
        assert!(replier.seal(b"{}").is_ok());
        assert!(v2::open(key, &server, other, NOW, &envelope).is_err(), "an envelope was accepted for another purpose");
        assert!(v2::open(key, &server, purpose, NOW + 300, &envelope).is_err(), "an expired envelope was accepted");
        let last = envelope.ciphertext.0.len() - 1;
        envelope.ciphertext.0[bytes.len() % last] ^= 1;
        assert!(v2::open(key, &server, purpose, NOW, &envelope).is_err(), "a modified envelope was accepted");
        return;
    }
}

static SIGNER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::from_bytes(&[0x44; 32]));
static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let x = BASE64URL_NOPAD.encode(SIGNER.verifying_key().as_bytes());
    Verifier::new(&[VerifyingKey { kid: "k1".into(), kind: TokenKind::Access, x }], TokenKind::Access)
});

/// Returns a token with a valid signature.
#[must_use]
pub fn signed(header: &[u8], claims: &[u8]) -> String {
    let message = format!("{}.{}", BASE64URL_NOPAD.encode(header), BASE64URL_NOPAD.encode(claims));
    let signature = SIGNER.sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", BASE64URL_NOPAD.encode(&signature))
}

/// The bytes are a token. If they contain a line feed, the first line and the rest are also used as header and claims
/// of a token with a valid signature. An accepted token must have all required claims.
pub fn token(bytes: &[u8]) {
    believed(&String::from_utf8_lossy(bytes));
    if let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
        let (header, claims) = (&bytes[..at], &bytes[at + 1..]);
        let token = signed(header, claims);
        if believed(&token) {
            let header: serde_json::Value = serde_json::from_slice(header).unwrap_or_default();
            assert!(
                header["alg"] == "EdDSA" && header["kid"] == "k1",
                "a token with another algorithm or key was accepted"
            );
            // A token without its signature must be rejected.
            let (message, _) = token.rsplit_once('.').unwrap_or_default();
            assert!(!believed(&format!("{message}.")) && !believed(message));
        }
    }
}

fn believed(token: &str) -> bool {
    let Ok(claims) = VERIFIER.verify(token, NOW) else { return false };
    assert!(claims.iss == ISSUER && claims.aud == AUDIENCE && claims.kind == TokenKind::Access);
    assert!(claims.nbf <= NOW + 5 && claims.exp.saturating_add(5) > NOW);
    true
}

/// An invitation link or a server address. Each must have one spelling, which parses to the same value.
pub fn invitation(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(address) = text.parse::<ServerAddress>() {
        one_spelling(&address);
    }
    let Ok(invitation) = text.parse::<Invitation>() else { return };
    one_spelling(&invitation.server);
    let link = invitation.to_link();
    assert!(link.expose().bytes().all(|byte| byte.is_ascii_graphic()));
    match link.expose().parse::<Invitation>() {
        Ok(again) => {
            assert_eq!(again.server, invitation.server);
            assert_eq!(again.identity, invitation.identity);
            assert_eq!(again.tls, invitation.tls);
            assert_eq!(again.code.expose(), invitation.code.expose());
        }
        Err(error) => panic!("the invitation's own link was rejected: {error}"),
    }
}

fn one_spelling(address: &ServerAddress) {
    let text = address.to_string();
    assert_eq!(text.parse().ok().as_ref(), Some(address), "{text}");
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:".contains(&byte);
    assert!(!address.host.is_empty() && address.host.len() <= 254 && address.host.bytes().all(is_plain), "{text}");
}
