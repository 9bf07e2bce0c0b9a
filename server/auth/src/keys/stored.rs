//! Contents and names of the key files. Only secret halves are stored; public halves are derived, so they always match.

use super::error::KeysError;
use super::files;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use tornado_contracts::token::TokenKind;
use tornado_shared::crypto::encoding::Bytes;
use tornado_shared::crypto::login_key::StoredLoginKey;
use tornado_shared::model::UnixSeconds;
use uuid::Uuid;
use zeroize::Zeroize as _;

/// `identity.json`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityFile {
    /// Seed, RFC 8032.
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
    /// Random id; `kid` in the token header.
    pub kid: String,
    /// Purpose of its tokens.
    pub kind: TokenKind,
    /// Seed, RFC 8032.
    pub ed25519_seed: Bytes<32>,
    /// Creation time.
    pub created_at: UnixSeconds,
    /// Time from which it signs; absent in files of the first version, which sign at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_from: Option<UnixSeconds>,
    /// Lifetime of its tokens at creation, seconds. The key is kept at least this long after its last token.
    #[serde(default)]
    pub lifetime: i64,
}

/// `login-v1-….json`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoginV1File {
    /// Random id, part of the file name.
    pub id: Bytes<8>,
    /// X25519 scalar.
    pub x25519: Bytes<32>,
    /// Time from which it is offered.
    pub not_before: UnixSeconds,
    /// Time from which it must not be used.
    pub expires_at: UnixSeconds,
}

impl SigningKeyFile {
    /// A new key that starts signing `lead` seconds after `now`.
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

    /// Time from which it signs.
    #[must_use]
    pub fn active_from(&self) -> UnixSeconds {
        self.active_from.unwrap_or(self.created_at)
    }
}

impl LoginV1File {
    /// A new key that expires `lifetime` seconds after `now`.
    #[must_use]
    pub fn random(now: UnixSeconds, lifetime: i64) -> Self {
        let expires_at = now.saturating_add(lifetime);
        Self { id: Bytes(rand::random()), x25519: Bytes(rand::random()), not_before: now, expires_at }
    }
}

const fn word(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Access => "access",
        TokenKind::Refresh => "refresh",
    }
}

pub fn signing_name(key: &SigningKeyFile) -> String {
    format!("sign-{}-{}.json", word(key.kind), key.kid)
}

pub fn write_signing(dir: &Path, key: &SigningKeyFile) -> Result<(), KeysError> {
    files::write_new(dir, &signing_name(key), key)
}

pub fn write_v1(dir: &Path, stored: &LoginV1File) -> Result<PathBuf, KeysError> {
    let name = format!("login-v1-{}.json", HEXLOWER.encode(&stored.id.0));
    files::write_new(dir, &name, stored)?;
    Ok(dir.join(name))
}

pub fn write_v2(dir: &Path, stored: &StoredLoginKey) -> Result<PathBuf, KeysError> {
    let name = format!("login-v2-{}.json", HEXLOWER.encode(&stored.id.0));
    files::write_new(dir, &name, stored)?;
    Ok(dir.join(name))
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
