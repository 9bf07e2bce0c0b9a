//! Passwords as people type them.

use super::{Service, fault};
use crate::password::{self, MAX_BYTES, Place};
use tornado_contracts::auth::AuthError;
use tornado_shared::model::{Secret, Username, text};

impl Service {
    /// Hash of a new password, if it is one.
    pub(super) async fn hash_new(&self, new: &Secret, name: &Username) -> Result<String, AuthError> {
        let normal = password::check_new(new, name).map_err(fault::policy)?;
        self.hasher.hash(&normal).await.map_err(fault::hash)
    }

    /// The same as [`Self::is_right_at`], at its own place.
    pub(super) async fn is_right(&self, typed: &Secret, stored: Option<&str>) -> Result<bool, AuthError> {
        self.is_right_at(&self.place()?, typed, stored).await
    }

    /// Is this the password of `stored`? Its normal form is tried first, and what was typed if that differs: hashes of
    /// earlier versions and of other servers are of what was typed. So at most two hashes are computed, and as many for an
    /// account that does not exist.
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

/// The form to hash. `None`: it has no normal form, or is too long to be a password.
pub(super) fn normal(typed: &Secret) -> Option<Secret> {
    if typed.expose().len() > MAX_BYTES { None } else { text::normal(typed.expose()).map(Secret::new) }
}
