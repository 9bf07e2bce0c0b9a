//! What the key files hold. Only secret halves are stored; public halves are derived, so they always match.

use serde::{Deserialize, Serialize};
use tornado_contracts::token::TokenKind;
use tornado_shared::crypto::encoding::Bytes;
use tornado_shared::model::UnixSeconds;
use uuid::Uuid;
use zeroize::Zeroize as _;

/// `identity.json`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityFile {
    /// Seed of RFC 8032.
    pub ed25519_seed: Bytes<32>,
}

/// `at-rest.json`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtRestFile {
    /// AES-256-GCM key.
    pub aes_256_gcm: Bytes<32>,
}

/// `sign-access-….json`, `sign-refresh-….json`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKeyFile {
    /// Number in the tokens' header; random.
    pub kid: String,
    /// What its tokens are for.
    pub kind: TokenKind,
    /// Seed of RFC 8032.
    pub ed25519_seed: Bytes<32>,
    /// When it was made.
    pub created_at: UnixSeconds,
    /// From when on it signs; absent in files of the first version: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_from: Option<UnixSeconds>,
    /// Life of its tokens when it was made, seconds: it is kept at least as long after its last.
    #[serde(default)]
    pub lifetime: i64,
}

/// `login-v1-….json`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginV1File {
    /// Random; names the file.
    pub id: Bytes<8>,
    /// X25519 scalar.
    pub x25519: Bytes<32>,
    /// Offered from then on.
    pub not_before: UnixSeconds,
    /// Not to be used from here on.
    pub expires_at: UnixSeconds,
}

impl SigningKeyFile {
    /// A new key that signs `lead` seconds from `now`.
    #[must_use]
    pub fn random(kind: TokenKind, now: UnixSeconds, lead: i64, lifetime: i64) -> Self {
        Self {
            kid: Uuid::new_v4().simple().to_string(),
            kind,
            ed25519_seed: Bytes(rand::random()),
            created_at: now,
            active_from: Some(now.saturating_add(lead)),
            lifetime,
        }
    }

    /// From when on it signs.
    #[must_use]
    pub fn active_from(&self) -> UnixSeconds {
        self.active_from.unwrap_or(self.created_at)
    }
}

impl LoginV1File {
    /// A new key for `lifetime` seconds.
    #[must_use]
    pub fn random(now: UnixSeconds, lifetime: i64) -> Self {
        let expires_at = now.saturating_add(lifetime);
        Self { id: Bytes(rand::random()), x25519: Bytes(rand::random()), not_before: now, expires_at }
    }
}

macro_rules! wipe {
    ($($name:ident.$field:ident),+) => {
        $(impl Drop for $name {
            fn drop(&mut self) {
                self.$field.0.zeroize();
            }
        })+
    };
}

wipe!(IdentityFile.ed25519_seed, AtRestFile.aes_256_gcm, SigningKeyFile.ed25519_seed, LoginV1File.x25519);
