//! Proof of an account's password and second factor, for logins and enrolments.

use super::envelope::Opened;
use crate::core::Core;
use crate::guard::{AccountTag, Attempt, device_tag};
use crate::password::Place;
use crate::{factor, fault};
use tornado_contracts::auth::AuthError;
use tornado_runtime::trial::fault_point;
use tornado_shared::model::{Secret, UserId};
use tornado_store::identity::{FactorOwner, Proof, User};

/// Marks an envelope's ephemeral key as spent, durably, before its content is evaluated. Called only after the guard
/// has admitted the attempt, because the row may be stored as long as a login key lives.
pub async fn spend(core: &Core, opened: &Opened) -> Result<(), AuthError> {
    let fresh = core.store.spend_envelope(&opened.spent, opened.spent_until).await.map_err(fault::store)?;
    if fresh { Ok(()) } else { Err(AuthError::InvalidEnvelope) }
}

/// The tag of the device, if it has logged in to the account earlier.
pub async fn known_device(core: &Core, user: UserId, key: &[u8; 32]) -> Result<Option<AccountTag>, AuthError> {
    let known = core.store.has_device(user, key).await.map_err(fault::store)?;
    Ok(known.then(|| device_tag(user, key)))
}

/// Verifies password and second factor as one counted attempt. Without an account it does the same work and rejects.
pub async fn prove(
    core: &Core,
    place: &Place,
    opened: &Opened,
    attempt: Attempt,
    user: Option<User>,
    (password, code): (&Secret, Option<&Secret>),
) -> Result<(User, Proof), AuthError> {
    let attempt = core.attempts.begin(attempt)?;
    spend(core, opened).await?;
    fault_point("login.opened");
    let stored = user.as_ref().map(|user| user.password_hash.as_str());
    let right = core.passwords.is_right_at(place, password, stored).await?;
    let Some(user) = user.filter(|_| right) else {
        attempt.failed();
        return Err(AuthError::InvalidCredentials);
    };
    let actor = format!("user:{}", user.username);
    let factor = factor::judge_factor(core, attempt, FactorOwner::User(user.id), &actor, code).await?;
    if !user.is_active {
        return Err(AuthError::UserInactive);
    }
    let proof = Proof { password_hash: user.password_hash.clone(), factor };
    Ok((user, proof))
}
