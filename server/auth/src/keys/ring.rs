//! The keys in memory and their rotation. Each step writes one complete file and a journal records the pending steps,
//! so the next start resumes a rotation that a crash interrupted.

use super::at_rest::AtRestKey;
use super::directory::{self, Demand, JOURNAL};
use super::error::KeysError;
use super::files;
use super::login::{self, LoginKeys, V1Key, V2Key};
use super::rotation::{Schedule, current, gone_at, next_rotation, plan};
use super::signing::TokenKeys;
use super::stored::{LoginV1File, SigningKeyFile, signing_name, write_signing, write_v1, write_v2};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tornado_contracts::auth::keys::{KeyInfo, KeyPhase, KeyUse};
use tornado_contracts::token::TokenKind;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::login_key::StoredLoginKey;
use tornado_shared::model::UnixSeconds;

/// Points between the steps of a rotation, at which tests interrupt it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The journal is written; no key has been created.
    Demanded,
    /// A key file is written; the key is not in use.
    Written(KeyUse),
    /// The key is published.
    Published(KeyUse),
    /// All keys are created; the journal still exists.
    Made,
    /// The journal is removed; old keys still exist.
    Settled,
}

/// Called at each step. An error simulates a crash.
pub type Hook<'a> = &'a mut dyn FnMut(Step) -> Result<(), KeysError>;

/// All keys of the server, in memory.
#[derive(Debug)]
pub struct Keys {
    dir: PathBuf,
    identity: IdentityKey,
    audit: IdentityKey,
    at_rest: AtRestKey,
    tokens: RwLock<Arc<TokenKeys>>,
    login: RwLock<Arc<LoginKeys>>,
    /// The unfinished part of a rotation in progress.
    demand: Mutex<Option<Demand>>,
}

impl Keys {
    /// Loads all keys, creates those that are due, and completes a rotation that a crash interrupted.
    ///
    /// # Errors
    /// A file is missing, damaged, accessible to other users, or cannot be read or written.
    pub fn open(dir: &Path, now: UnixSeconds, schedule: &Schedule) -> Result<Self, KeysError> {
        directory::prepare(dir)?;
        let loaded = directory::load(dir)?;
        let keys = Self {
            dir: dir.to_owned(),
            identity: loaded.identity,
            audit: loaded.audit,
            at_rest: loaded.at_rest,
            tokens: RwLock::new(Arc::new(loaded.tokens)),
            login: RwLock::new(Arc::new(loaded.login)),
            demand: Mutex::new(loaded.demand),
        };
        keys.advance(now, schedule, &mut |_| Ok(()))?;
        Ok(keys)
    }

    /// The key directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The server's identity.
    #[must_use]
    pub const fn identity(&self) -> &IdentityKey {
        &self.identity
    }

    /// The key that signs the head of the audit trail.
    #[must_use]
    pub const fn audit(&self) -> &IdentityKey {
        &self.audit
    }

    /// The key that seals secrets in the database.
    #[must_use]
    pub(crate) const fn at_rest(&self) -> &AtRestKey {
        &self.at_rest
    }

    /// The current login keys.
    #[must_use]
    pub fn login(&self) -> Arc<LoginKeys> {
        self.login.read().clone()
    }

    /// The current keys that sign and verify tokens.
    #[must_use]
    pub(crate) fn tokens(&self) -> Arc<TokenKeys> {
        self.tokens.read().clone()
    }

    /// Requests new keys of every kind and creates them. A call during an unfinished rotation continues that rotation.
    ///
    /// # Errors
    /// A file cannot be written. The rotation stays in progress, and [`advance`](Self::advance) continues it.
    pub fn rotate(&self, now: UnixSeconds, schedule: &Schedule, hook: Hook<'_>) -> Result<(), KeysError> {
        {
            let mut pending = self.demand.lock();
            if pending.is_none() {
                let demand = Demand { before: self.ids() };
                files::replace(&self.dir, JOURNAL, &demand)?;
                *pending = Some(demand);
            }
        }
        hook(Step::Demanded)?;
        self.advance(now, schedule, hook)
    }

    /// Applies what is due at `now`: creation by age or request, and removal of unused keys. Idempotent.
    ///
    /// # Errors
    /// A file cannot be written or removed.
    pub fn advance(&self, now: UnixSeconds, schedule: &Schedule, hook: Hook<'_>) -> Result<(), KeysError> {
        let mut pending = self.demand.lock();
        let before = pending.as_ref().map(|demand| &demand.before);
        let signing = plan(self.tokens().stored(), before, now, schedule);
        let logins = login::plan(&self.login(), before, now, schedule.login_lifetime);
        for kind in &signing.make {
            let key = SigningKeyFile::random(*kind, now, schedule.lead, schedule.lifetime(*kind));
            write_signing(&self.dir, &key)?;
            hook(Step::Written(usage(*kind)))?;
            self.change_tokens(|keys| keys.push(key))?;
            hook(Step::Published(usage(*kind)))?;
        }
        if logins.make_v1 {
            let stored = LoginV1File::random(now, schedule.login_lifetime);
            let path = write_v1(&self.dir, &stored)?;
            hook(Step::Written(KeyUse::LoginV1))?;
            self.change_login(|keys| keys.push_v1(V1Key::new(path, &stored)));
        }
        if logins.make_v2 {
            let stored = StoredLoginKey::random(now, schedule.login_lifetime);
            let path = write_v2(&self.dir, &stored)?;
            hook(Step::Written(KeyUse::LoginV2))?;
            self.change_login(|keys| keys.push_v2(V2Key::new(path, &stored, &self.identity)));
        }
        hook(Step::Made)?;
        if pending.is_some() {
            files::remove(&self.dir.join(JOURNAL))?;
            *pending = None;
        }
        hook(Step::Settled)?;
        self.forget(&signing.remove, &logins.remove)
    }

    /// Removes keys whose tokens and envelopes have all expired.
    fn forget(&self, signing: &[String], logins: &[PathBuf]) -> Result<(), KeysError> {
        let gone: Vec<_> =
            self.tokens().stored().iter().filter(|key| signing.contains(&key.kid)).map(signing_name).collect();
        if !gone.is_empty() {
            self.change_tokens(|keys| keys.retain(|key| !signing.contains(&key.kid)))?;
        }
        self.change_login(|keys| keys.forget(logins));
        for path in gone.iter().map(|name| self.dir.join(name)).chain(logins.iter().cloned()) {
            files::remove(&path)?;
        }
        Ok(())
    }

    fn change_tokens(&self, change: impl FnOnce(&mut Vec<SigningKeyFile>)) -> Result<(), KeysError> {
        let mut stored = self.tokens().stored().to_vec();
        change(&mut stored);
        let next = Arc::new(TokenKeys::new(stored)?);
        *self.tokens.write() = next;
        Ok(())
    }

    fn change_login(&self, change: impl FnOnce(&mut LoginKeys)) {
        let mut next = LoginKeys::clone(&self.login());
        change(&mut next);
        *self.login.write() = Arc::new(next);
    }

    fn ids(&self) -> BTreeSet<String> {
        ids(&self.tokens(), &self.login())
    }

    /// True while a rotation is in progress.
    #[must_use]
    pub fn is_rotating(&self) -> bool {
        self.demand.lock().is_some()
    }

    /// Time of the next scheduled rotation of the signing keys; `None`: rotation is manual.
    #[must_use]
    pub fn next_rotation(&self, schedule: &Schedule) -> Option<UnixSeconds> {
        next_rotation(self.tokens().stored(), schedule)
    }

    /// Ages and phases of all rotating keys, grouped by purpose, newest first.
    #[must_use]
    pub fn overview(&self, now: UnixSeconds, schedule: &Schedule) -> Vec<KeyInfo> {
        let (tokens, logins) = (self.tokens(), self.login());
        let mut infos: Vec<_> =
            tokens.stored().iter().map(|key| signing_info(tokens.stored(), key, now, schedule)).collect();
        infos.sort_by_key(|info| (info.usage == KeyUse::Refresh, std::cmp::Reverse(info.active_from)));
        let (v1, v2) = logins.all();
        let info = |id: String, usage, not_before: UnixSeconds, expires_at, is_offered| KeyInfo {
            id,
            usage,
            phase: if is_offered { KeyPhase::Current } else { KeyPhase::VerifyOnly },
            created_at: not_before,
            active_from: not_before,
            gone_at: Some(expires_at),
        };
        let offered = logins.newest_v1(now).map(V1Key::id);
        let of_v1 = |key: &V1Key| {
            info(key.id(), KeyUse::LoginV1, key.not_before(), key.expires_at(), offered == Some(key.id()))
        };
        infos.extend(v1.iter().map(of_v1));
        let offered = logins.newest_v2(now).map(V2Key::id);
        let of_v2 = |key: &V2Key| {
            let (from, until) = (key.signed().statement.not_before, key.key().expires_at());
            info(key.id(), KeyUse::LoginV2, from, until, offered == Some(key.id()))
        };
        infos.extend(v2.iter().map(of_v2));
        infos
    }
}

/// Ids of all rotating keys.
pub(super) fn ids(tokens: &TokenKeys, logins: &LoginKeys) -> BTreeSet<String> {
    let (v1, v2) = logins.all();
    let signing = tokens.stored().iter().map(|key| key.kid.clone());
    signing.chain(v1.iter().map(V1Key::id)).chain(v2.iter().map(V2Key::id)).collect()
}

fn signing_info(keys: &[SigningKeyFile], key: &SigningKeyFile, now: UnixSeconds, schedule: &Schedule) -> KeyInfo {
    let signs = current(keys, key.kind, now).is_some_and(|current| current.kid == key.kid);
    let phase = match signs {
        true => KeyPhase::Current,
        false if key.active_from() > now => KeyPhase::Next,
        false => KeyPhase::VerifyOnly,
    };
    KeyInfo {
        id: key.kid.clone(),
        usage: usage(key.kind),
        phase,
        created_at: key.created_at,
        active_from: key.active_from(),
        gone_at: gone_at(keys, key, schedule),
    }
}

const fn usage(kind: TokenKind) -> KeyUse {
    match kind {
        TokenKind::Access => KeyUse::Access,
        TokenKind::Refresh => KeyUse::Refresh,
    }
}
