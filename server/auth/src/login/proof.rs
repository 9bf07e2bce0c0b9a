//! Proof of an account's password and second factor, for logins and enrolments.

use super::envelope::Opened;
use crate::closing::Closing;
use crate::factor::Factors;
use crate::fault;
use crate::guard::{AccountTag, Attempt, Attempts, device_tag};
use crate::keys::Keys;
use crate::password::{Passwords, Place};
use crate::tokens::Logins;
use std::sync::Arc;
use tornado_contracts::auth::AuthError;
use tornado_runtime::clock::Clock;
use tornado_runtime::trial::fault_point;
use tornado_shared::model::{Secret, UserId};
use tornado_store::identity::{FactorOwner, IdentityStore, Proof, User};

/// The rooms that logins and enrolments use.
pub struct Parts {
    pub store: Arc<dyn IdentityStore>,
    pub keys: Arc<Keys>,
    pub attempts: Arc<Attempts>,
    pub passwords: Arc<Passwords>,
    pub factors: Arc<Factors>,
    pub logins: Arc<Logins>,
    pub closing: Arc<Closing>,
    pub clock: Clock,
}

/// Marks an envelope's ephemeral key as spent, durably, before its content is evaluated. Called only after the guard
/// has admitted the attempt, because the row may be stored as long as a login key lives.
pub async fn spend(parts: &Parts, opened: &Opened) -> Result<(), AuthError> {
    let fresh = parts.store.spend_envelope(&opened.spent, opened.spent_until).await.map_err(fault::store)?;
    if fresh { Ok(()) } else { Err(AuthError::InvalidEnvelope) }
}

/// The tag of the device, if it has logged in to the account earlier.
pub async fn known_device(parts: &Parts, user: UserId, key: &[u8; 32]) -> Result<Option<AccountTag>, AuthError> {
    let known = parts.store.has_device(user, key).await.map_err(fault::store)?;
    Ok(known.then(|| device_tag(user, key)))
}

/// Verifies password and second factor as one counted attempt. Without an account it does the same work and rejects.
pub async fn prove(
    parts: &Parts,
    place: &Place,
    opened: &Opened,
    attempt: Attempt,
    user: Option<User>,
    (password, code): (&Secret, Option<&Secret>),
) -> Result<(User, Proof), AuthError> {
    let attempt = parts.attempts.begin(attempt)?;
    spend(parts, opened).await?;
    fault_point("login.opened");
    let stored = user.as_ref().map(|user| user.password_hash.as_str());
    let right = parts.passwords.is_right_at(place, password, stored).await?;
    let Some(user) = user.filter(|_| right) else {
        attempt.failed();
        return Err(AuthError::InvalidCredentials);
    };
    let actor = format!("user:{}", user.username);
    let factor = parts.factors.judge_factor(attempt, FactorOwner::User(user.id), &actor, code).await?;
    if !user.is_active {
        return Err(AuthError::UserInactive);
    }
    let proof = Proof { password_hash: user.password_hash.clone(), factor };
    Ok((user, proof))
}
