//! An attempt that the guard counts, whatever becomes of the call.

use super::{Service, fault};
use crate::guard::{AccountTag, Attempt, Guard};
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tornado_mesh::auth::AuthError;
use tornado_shared::model::UnixSeconds;
use tornado_store::identity::User;

/// Dropped without a verdict (the caller's deadline, a busy pool), it counts as abandoned.
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

    pub(super) fn succeeded(mut self) {
        self.judged = true;
        lock(self.guard).succeeded(self.attempt);
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
    /// Turns a shut-out address away, and everybody while the pool is full, before anything is written for them.
    pub(super) fn admit(&self, address: IpAddr, now: UnixSeconds) -> Result<(), AuthError> {
        lock(&self.guard).check(Attempt::new(address, None), now).map_err(fault::guard)?;
        self.hasher.admit().map_err(fault::hash)
    }

    /// Counts a payload that could not be read: each costs a durable row, so nobody may send many.
    pub(super) fn counted<T>(&self, address: IpAddr, read: Result<T, AuthError>) -> Result<T, AuthError> {
        if read.is_err() {
            let now = self.clock.now();
            self.attempt(address, None, now)?.failed(now);
        }
        read
    }

    /// An attempt by somebody whose account is known already.
    pub(super) fn own_attempt(&self, account: AccountTag, now: UnixSeconds) -> Result<Running<'_>, AuthError> {
        let attempt = Attempt::own(account);
        lock(&self.guard).begin(attempt, now).map_err(fault::guard)?;
        Ok(Running { guard: &self.guard, attempt, judged: false })
    }

    pub(super) fn attempt(
        &self,
        address: IpAddr,
        account: Option<AccountTag>,
        now: UnixSeconds,
    ) -> Result<Running<'_>, AuthError> {
        let attempt = Attempt::new(address, account);
        lock(&self.guard).begin(attempt, now).map_err(fault::guard)?;
        Ok(Running { guard: &self.guard, attempt, judged: false })
    }
}

/// The same for a name that exists and for one that does not: nobody can tell them apart by being slowed down.
pub(super) fn tag(user: Option<&User>, typed: &str) -> AccountTag {
    let mut hash = Sha256::new();
    match user {
        Some(user) => hash.update(user.id.0.as_bytes()),
        None => hash.update(typed.to_lowercase().as_bytes()),
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut tag = AccountTag::default();
    tag.copy_from_slice(&digest[..16]);
    tag
}
