//! Attempts that the guard counts even if the call is cancelled.

use super::{Service, fault};
use crate::envelope::Opened;
use crate::guard::{AccountTag, Attempt, Guard};
use crate::password::Place;
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tornado_contracts::auth::AuthError;
use tornado_shared::model::{UnixSeconds, UserId};

/// An attempt dropped without a result (deadline of the caller, full pool) counts as abandoned.
pub(super) struct Running<'a> {
    guard: &'a Mutex<Guard>,
    attempt: Attempt,
    judged: bool,
}

impl Running<'_> {
    pub(super) fn failed(mut self, now: UnixSeconds) {
        self.judged = true;
        lock(self.guard).failed(self.attempt, now);
    }

    pub(super) fn succeeded(mut self, now: UnixSeconds) {
        self.judged = true;
        lock(self.guard).succeeded(self.attempt, now);
    }

    /// Checks whether a second factor code may be tried now.
    pub(super) fn check_code(&self, now: UnixSeconds) -> Result<(), AuthError> {
        lock(self.guard).check_code(self.attempt, now).map_err(fault::guard)
    }

    pub(super) fn code_failed(self, now: UnixSeconds) {
        lock(self.guard).code_failed(self.attempt, now);
        self.failed(now);
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.judged {
            lock(self.guard).abandoned(self.attempt);
        }
    }
}

fn lock(guard: &Mutex<Guard>) -> MutexGuard<'_, Guard> {
    guard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    /// Takes a slot for hashing a password, before anything is computed or written for the caller: while the pool is
    /// full, every caller is rejected here.
    pub(super) fn place(&self) -> Result<Place, AuthError> {
        self.hasher.place().map_err(fault::hash)
    }

    /// Counts an unreadable payload as a failed attempt.
    pub(super) fn counted<T>(&self, address: IpAddr, read: Result<T, AuthError>) -> Result<T, AuthError> {
        if read.is_err() {
            let now = self.clock.now();
            self.attempt(Attempt::new(address, None), now)?.failed(now);
        }
        read
    }

    /// Begins an attempt unless the guard rejects it.
    pub(super) fn attempt(&self, attempt: Attempt, now: UnixSeconds) -> Result<Running<'_>, AuthError> {
        let attempt = lock(&self.guard).begin(attempt, now).map_err(fault::guard)?;
        Ok(Running { guard: &self.guard, attempt, judged: false })
    }

    /// Marks an envelope's ephemeral key as spent, durably, before its content is evaluated. Called only after the
    /// guard has admitted the attempt, because the row may be stored as long as a login key lives.
    pub(super) async fn spend(&self, opened: &Opened) -> Result<(), AuthError> {
        let fresh = self.store.spend_envelope(&opened.spent, opened.spent_until).await.map_err(fault::store)?;
        if fresh { Ok(()) } else { Err(AuthError::InvalidEnvelope) }
    }

    /// The tag of the device, if it has logged in to the account earlier.
    pub(super) async fn known_device(&self, user: UserId, key: &[u8; 32]) -> Result<Option<AccountTag>, AuthError> {
        let known = self.store.has_device(user, key).await.map_err(fault::store)?;
        Ok(known.then(|| cut(Sha256::new().chain_update(b"device\0").chain_update(user.0).chain_update(key))))
    }
}

/// Tag of an account's name or e-mail address in normal form. It does not depend on the account itself: counters, and
/// so the visible behaviour, are the same whether or not the account exists.
pub(super) fn tag(normal: &str) -> AccountTag {
    cut(Sha256::new().chain_update(b"account\0").chain_update(normal))
}

fn cut(hash: Sha256) -> AccountTag {
    let digest: [u8; 32] = hash.finalize().into();
    let mut tag = AccountTag::default();
    tag.copy_from_slice(&digest[..16]);
    tag
}
