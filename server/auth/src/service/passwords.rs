//! Passwords as typed.

use super::{Service, fault};
use crate::password::{self, MAX_BYTES, Place};
use tornado_contracts::auth::AuthError;
use tornado_shared::model::{Secret, Username, text};

impl Service {
    /// Hash of a new password that satisfies the policy.
    pub(super) async fn hash_new(&self, new: &Secret, name: &Username) -> Result<String, AuthError> {
        let normal = password::check_new(new, name).map_err(fault::policy)?;
        self.hasher.hash(&normal).await.map_err(fault::hash)
    }

    /// Like [`Self::is_right_at`], in its own slot.
    pub(super) async fn is_right(&self, typed: &Secret, stored: Option<&str>) -> Result<bool, AuthError> {
        self.is_right_at(&self.place()?, typed, stored).await
    }

    /// True if this is the password of `stored`. Tries the normal form first, then the text as typed if it differs:
    /// hashes of earlier versions and other servers are of the text as typed. At most two hashes are computed, and the
    /// same number for an account that does not exist.
    pub(super) async fn is_right_at(
        &self,
        place: &Place,
        typed: &Secret,
        stored: Option<&str>,
    ) -> Result<bool, AuthError> {
        let normal = normal(typed);
        if let Some(normal) = &normal
            && self.hasher.verify_at(place, normal, stored).await.map_err(fault::hash)?
        {
            return Ok(true);
        }
        if normal.is_some_and(|normal| normal.expose() == typed.expose()) {
            return Ok(false);
        }
        self.hasher.verify_at(place, typed, stored).await.map_err(fault::hash)
    }
}

/// The form to hash. `None`: the text has no normal form or is too long for a password.
pub(super) fn normal(typed: &Secret) -> Option<Secret> {
    if typed.expose().len() > MAX_BYTES { None } else { text::normal(typed.expose()).map(Secret::new) }
}
