//! Login keys of both envelope versions, and when they change.

use super::stored::LoginV1File;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
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

    /// Its id, which is part of the file name.
    #[must_use]
    pub fn id(&self) -> String {
        id_of(&self.path)
    }

    /// Time from which the key is offered.
    #[must_use]
    pub const fn not_before(&self) -> UnixSeconds {
        self.not_before
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

    /// Time from which the key must not be used.
    #[must_use]
    pub const fn expires_at(&self) -> UnixSeconds {
        self.expires_at
    }
}

/// A login key of envelope v2, signed by the server identity.
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

    /// Its id, which is part of the file name.
    #[must_use]
    pub fn id(&self) -> String {
        id_of(&self.path)
    }

    /// The secret half.
    #[must_use]
    pub fn key(&self) -> &LoginKey {
        &self.key
    }

    /// The public half, with the identity's signature.
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

    /// All keys of both versions, newest first.
    #[must_use]
    pub fn all(&self) -> (&[V1Key], &[V2Key]) {
        (&self.v1, &self.v2)
    }

    /// Keys of envelope v1 that are valid at `now`.
    pub fn v1(&self, now: UnixSeconds) -> impl Iterator<Item = &V1Key> {
        self.v1.iter().filter(move |key| key.expires_at > now)
    }

    /// The key of envelope v2 with this id.
    #[must_use]
    pub fn v2(&self, id: LoginKeyId) -> Option<&V2Key> {
        self.v2.iter().find(|key| key.key.id() == id)
    }

    /// The key offered to v1 clients at `now`.
    #[must_use]
    pub fn newest_v1(&self, now: UnixSeconds) -> Option<&V1Key> {
        self.v1.iter().find(|key| key.not_before <= now).or_else(|| self.v1.first())
    }

    /// The key offered to v2 clients at `now`.
    #[must_use]
    pub fn newest_v2(&self, now: UnixSeconds) -> Option<&V2Key> {
        self.v2.iter().find(|key| key.signed.statement.not_before <= now).or_else(|| self.v2.first())
    }
}

fn id_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    stem.rsplit('-').next().unwrap_or_default().to_owned()
}

/// Pending changes of the login keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginPlan {
    /// A new key of envelope v1 is due.
    pub make_v1: bool,
    /// A new key of envelope v2 is due.
    pub make_v2: bool,
    /// Files of keys that are expired and can no longer receive an envelope.
    pub remove: Vec<PathBuf>,
}

/// Plans the changes of the login keys at `now`. A key with less than a third of `lifetime` left gets a successor and
/// stays until it expires, so a client that fetched it shortly before can still use it. A key with a start time in the
/// future (the clock was set back) is not offered, because clients would reject it. `demanded`: the key ids at the time
/// of a requested rotation.
#[must_use]
pub fn plan(keys: &LoginKeys, demanded: Option<&BTreeSet<String>>, now: UnixSeconds, lifetime: i64) -> LoginPlan {
    let fresh = |not_before: UnixSeconds, expires_at: UnixSeconds| {
        not_before <= now.saturating_add(MAX_SKEW) && expires_at.saturating_sub(now) >= lifetime / 3
    };
    let gone = |expires_at: UnixSeconds| expires_at.saturating_add(2 * MAX_SKEW) <= now;
    let v1 = keys.v1.iter().filter(|key| gone(key.expires_at)).map(|key| key.path.clone());
    let v2 = keys.v2.iter().filter(|key| gone(key.key.expires_at())).map(|key| key.path.clone());
    let enough = |id: &str| demanded.is_none_or(|before| !before.contains(id));
    let enough_v1 = |key: &V1Key| fresh(key.not_before, key.expires_at) && enough(&key.id());
    let enough_v2 = |key: &V2Key| fresh(key.signed.statement.not_before, key.key.expires_at()) && enough(&key.id());
    LoginPlan {
        make_v1: !keys.v1.iter().any(enough_v1),
        make_v2: !keys.v2.iter().any(enough_v2),
        remove: v1.chain(v2).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400;
    const LIFETIME: i64 = 30 * DAY;
    const NOW: UnixSeconds = 1_800_000_000;

    fn keys(made: &[UnixSeconds]) -> LoginKeys {
        let v1 = made
            .iter()
            .enumerate()
            .map(|(i, at)| V1Key::new(PathBuf::from(format!("v1-{i}")), &LoginV1File::random(*at, LIFETIME)));
        LoginKeys::new(v1.collect(), Vec::new())
    }

    #[test]
    fn a_login_key_gets_a_successor_with_a_third_left() {
        assert!(plan(&keys(&[]), None, NOW, LIFETIME).make_v1);
        assert!(!plan(&keys(&[NOW]), None, NOW + 20 * DAY, LIFETIME).make_v1);
        assert!(plan(&keys(&[NOW]), None, NOW + 20 * DAY + 1, LIFETIME).make_v1);
        let both = keys(&[NOW, NOW + 20 * DAY]);
        assert_eq!(plan(&both, None, NOW + 30 * DAY, LIFETIME).remove, Vec::<PathBuf>::new());
        assert_eq!(plan(&both, None, NOW + 30 * DAY + 2 * MAX_SKEW, LIFETIME).remove, [PathBuf::from("v1-0")]);
    }

    #[test]
    fn a_key_from_the_future_is_not_offered() {
        let future = keys(&[NOW + DAY]);
        assert!(plan(&future, None, NOW, LIFETIME).make_v1);
        let both = keys(&[NOW, NOW + DAY]);
        assert_eq!(both.newest_v1(NOW).map(V1Key::expires_at), Some(NOW + LIFETIME));
    }

    proptest! {
        #[test]
        fn following_the_plan_always_leaves_a_key_to_offer(pauses in proptest::collection::vec(0i64..40 * DAY, 1..40)) {
            let (mut made, mut now) = (Vec::new(), NOW);
            for pause in pauses {
                now += pause;
                let current = keys(&made);
                let plan = plan(&current, None, now, LIFETIME);
                made.retain(|at: &UnixSeconds| at + LIFETIME + 2 * MAX_SKEW > now);
                if plan.make_v1 {
                    made.push(now);
                }
                let after = keys(&made);
                let offered = after.newest_v1(now).map(V1Key::expires_at);
                prop_assert!(offered.is_some_and(|expires_at| expires_at - now >= LIFETIME / 3));
                prop_assert!(made.len() <= 3);
            }
        }
    }
}
