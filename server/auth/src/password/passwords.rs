//! Passwords as typed.

use super::hasher::{HashError, Hasher, Place};
use super::policy::{check_new, normal};
use crate::guard::{AccountTag, Attempt, Attempts};
use std::sync::Arc;
use tornado_contracts::auth::AuthError;
use tornado_shared::model::{Secret, Username};

/// Checks and hashes passwords.
pub struct Passwords {
    hasher: Hasher,
    attempts: Arc<Attempts>,
}

impl Passwords {
    pub fn new(hasher: Hasher, attempts: Arc<Attempts>) -> Self {
        Self { hasher, attempts }
    }

    /// Number of passwords hashed since the start.
    pub fn computed(&self) -> u64 {
        self.hasher.computed()
    }

    /// Entries of the hasher's queue, and its limit.
    pub fn queue(&self) -> (usize, usize) {
        self.hasher.queue()
    }

    /// Takes a slot for hashing a password, before anything is computed or written for the caller: while the pool is
    /// full, every caller is rejected here.
    pub fn place(&self) -> Result<Place, HashError> {
        self.hasher.place()
    }

    /// Hash of a new password that satisfies the policy.
    pub async fn hash_new(&self, new: &Secret, name: &Username) -> Result<String, AuthError> {
        Ok(self.hasher.hash(&check_new(new, name)?).await?)
    }

    /// Hash of a checked password in normal form, in a slot already held.
    pub async fn hash_at(&self, place: &Place, normal: &Secret) -> Result<String, HashError> {
        self.hasher.hash_at(place, normal).await
    }

    /// A hash of the configured cost for a right password, if `stored` has another cost. `None` on failure.
    pub async fn rehash(&self, typed: &Secret, stored: &str) -> Option<String> {
        if !self.hasher.is_outdated(stored) {
            return None;
        }
        let normal = normal(typed);
        self.hasher.hash(normal.as_ref().unwrap_or(typed)).await.ok()
    }

    /// Like [`Self::is_right_at`], in its own slot.
    pub async fn is_right(&self, typed: &Secret, stored: Option<&str>) -> Result<bool, HashError> {
        self.is_right_at(&self.place()?, typed, stored).await
    }

    /// True if this is the password of `stored`. Tries the normal form first, then the text as typed if it differs:
    /// hashes of earlier versions and other servers are of the text as typed. At most two hashes are computed, and the
    /// same number for an account that does not exist.
    pub async fn is_right_at(&self, place: &Place, typed: &Secret, stored: Option<&str>) -> Result<bool, HashError> {
        let normal = normal(typed);
        if let Some(normal) = &normal
            && self.hasher.verify_at(place, normal, stored).await?
        {
            return Ok(true);
        }
        if normal.is_some_and(|normal| normal.expose() == typed.expose()) {
            return Ok(false);
        }
        self.hasher.verify_at(place, typed, stored).await
    }

    /// Verifies the password of a token holder again and counts failures, so that a stolen token cannot be used to
    /// guess it.
    pub async fn confirm(&self, account: AccountTag, typed: &Secret, stored: &str) -> Result<(), AuthError> {
        let attempt = self.attempts.begin(Attempt::own(account))?;
        if self.is_right(typed, Some(stored)).await? {
            attempt.succeeded();
            return Ok(());
        }
        attempt.failed();
        Err(AuthError::InvalidCredentials)
    }
}
