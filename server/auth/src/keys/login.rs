//! Login keys of both envelope versions and when they change.

use super::LoginV1File;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::login_key::{LoginKey, LoginKeyId, MAX_SKEW, SignedLoginKey, StoredLoginKey};
use tornado_shared::model::UnixSeconds;
use x25519_dalek::{PublicKey, StaticSecret};

/// A login key of envelope v1.
#[derive(Clone)]
pub struct V1Key {
    path: PathBuf,
    secret: StaticSecret,
    not_before: UnixSeconds,
    expires_at: UnixSeconds,
}

impl fmt::Debug for V1Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("V1Key").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl V1Key {
    pub(super) fn new(path: PathBuf, stored: &LoginV1File) -> Self {
        let secret = StaticSecret::from(stored.x25519.0);
        Self { path, secret, not_before: stored.not_before, expires_at: stored.expires_at }
    }

    /// The secret half.
    #[must_use]
    pub const fn secret(&self) -> &StaticSecret {
        &self.secret
    }

    /// The public half, 32 bytes.
    #[must_use]
    pub fn public(&self) -> [u8; 32] {
        *PublicKey::from(&self.secret).as_bytes()
    }

    /// Not to be used from here on.
    #[must_use]
    pub const fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }
}

/// A login key of envelope v2, with the identity's signature.
#[derive(Debug, Clone)]
pub struct V2Key {
    path: PathBuf,
    key: Arc<LoginKey>,
    signed: SignedLoginKey,
}

impl V2Key {
    pub(super) fn new(path: PathBuf, stored: &StoredLoginKey, identity: &IdentityKey) -> Self {
        let key = stored.load();
        Self { path, signed: key.sign(identity), key: Arc::new(key) }
    }

    /// The secret half.
    #[must_use]
    pub fn key(&self) -> &LoginKey {
        &self.key
    }

    /// The public half, signed.
    #[must_use]
    pub const fn signed(&self) -> &SignedLoginKey {
        &self.signed
    }
}

/// All login keys, newest first.
#[derive(Debug, Clone, Default)]
pub struct LoginKeys {
    v1: Vec<V1Key>,
    v2: Vec<V2Key>,
}

impl LoginKeys {
    pub(super) fn new(v1: Vec<V1Key>, v2: Vec<V2Key>) -> Self {
        let mut keys = Self { v1, v2 };
        keys.sort();
        keys
    }

    fn sort(&mut self) {
        self.v1.sort_by_key(|key| std::cmp::Reverse((key.not_before, key.expires_at)));
        self.v2.sort_by_key(|key| std::cmp::Reverse((key.signed.statement.not_before, key.key.expires_at())));
    }

    pub(super) fn push_v1(&mut self, key: V1Key) {
        self.v1.push(key);
        self.sort();
    }

    pub(super) fn push_v2(&mut self, key: V2Key) {
        self.v2.push(key);
        self.sort();
    }

    pub(super) fn forget(&mut self, paths: &[PathBuf]) {
        self.v1.retain(|key| !paths.contains(&key.path));
        self.v2.retain(|key| !paths.contains(&key.path));
    }

    /// Keys of envelope v1 that are still good at `now`.
    pub fn v1(&self, now: UnixSeconds) -> impl Iterator<Item = &V1Key> {
        self.v1.iter().filter(move |key| key.expires_at > now)
    }

    /// The key of envelope v2 with this number.
    #[must_use]
    pub fn v2(&self, id: LoginKeyId) -> Option<&V2Key> {
        self.v2.iter().find(|key| key.key.id() == id)
    }

    /// The key to offer to v1 clients.
    #[must_use]
    pub fn newest_v1(&self) -> Option<&V1Key> {
        self.v1.first()
    }

    /// The key to offer to v2 clients.
    #[must_use]
    pub fn newest_v2(&self) -> Option<&V2Key> {
        self.v2.first()
    }
}

/// What is to be done about the login keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginPlan {
    /// A new key of envelope v1 is due.
    pub make_v1: bool,
    /// A new key of envelope v2 is due.
    pub make_v2: bool,
    /// Files of keys that nothing can be sealed to any more.
    pub remove: Vec<PathBuf>,
}

/// Decides about the login keys at `now`. A key with less than a third of `lifetime` left gets a successor and
/// stays until it expires, so a client that fetched it just before can still use it.
#[must_use]
pub fn plan(keys: &LoginKeys, now: UnixSeconds, lifetime: i64) -> LoginPlan {
    let fresh = |expires_at: UnixSeconds| expires_at.saturating_sub(now) >= lifetime / 3;
    let gone = |expires_at: UnixSeconds| expires_at.saturating_add(2 * MAX_SKEW) <= now;
    let v1 = keys.v1.iter().filter(|key| gone(key.expires_at)).map(|key| key.path.clone());
    let v2 = keys.v2.iter().filter(|key| gone(key.key.expires_at())).map(|key| key.path.clone());
    LoginPlan {
        make_v1: !keys.v1.iter().any(|key| fresh(key.expires_at)),
        make_v2: !keys.v2.iter().any(|key| fresh(key.key.expires_at())),
        remove: v1.chain(v2).collect(),
    }
}
