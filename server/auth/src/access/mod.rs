//! Access control: the authorisation table, and the one place that evaluates it.

mod table;
mod used;

pub use table::{Act, allowed};
pub use used::Used;

use crate::actor::Actor;
use crate::code::{self, CodeKind};
use crate::core::Core;
use crate::fault;
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::operators::OperatorRole;
use tornado_contracts::auth::{AuthError, api_tokens};
use tornado_shared::model::Secret;
use tornado_store::StoreError;
use tornado_store::identity::{Authority, OperatorRow};
use uuid::Uuid;

/// Seconds for which a confirmation of the password lasts; a sign-in is one.
const CONFIRMED_FOR: i64 = 300;

/// Root may do everything without a sign-in. Every other caller needs an operator's sign-in with the required role.
pub async fn authorise(core: &Core, operator: Option<&Secret>, act: Act) -> Result<Actor, AuthError> {
    let Some(token) = operator else {
        let caller = Actor::caller()?;
        return if caller.name == "root" { Ok(caller) } else { Err(AuthError::SignedOut) };
    };
    if let Some(code) = token.expose().strip_prefix(api_tokens::PREFIX) {
        return authorise_token(core, &Secret::new(code), act).await;
    }
    let now = core.clock.now();
    let hash = code::hash(CodeKind::SignIn, token);
    let found = core.store.sign_in(&hash, now).await.map_err(fault::store)?;
    let (sign_in, row) = found.ok_or(AuthError::SignedOut)?;
    let name = format!("operator:{}", row.name);
    if !act.allowed_to(role_of(&row)?) {
        core.trail.note(&name, "access.refused", act.name(), Outcome::Refused).await;
        return Err(AuthError::NotAllowed);
    }
    if act.needs_confirmation() {
        check_confirmed(core, sign_in).await?;
    }
    if core.used.is_due(sign_in, now) {
        log_failure(core.store.touch_sign_in(sign_in, now).await);
    }
    let authority = Authority::SignIn { id: sign_in, role: row.role.clone() };
    Ok(Actor { name, operator: Some((sign_in, row)), scopes: None, authority })
}

/// The rights of an API token are those of its scopes that the operator's current role includes.
async fn authorise_token(core: &Core, code: &Secret, act: Act) -> Result<Actor, AuthError> {
    let now = core.clock.now();
    let found = core.store.api_token(&code::hash(CodeKind::ApiToken, code)).await.map_err(fault::store)?;
    let (token, row) = found.ok_or(AuthError::ApiTokenInvalid)?;
    if token.expires_at <= now {
        return Err(AuthError::ApiTokenExpired);
    }
    let name = format!("operator:{}/{}", row.name, token.name);
    let scopes: Vec<String> = token.scopes.split(' ').map(str::to_owned).collect();
    let in_scope = act == Act::OwnRead || (act.is_for_tokens() && scopes.iter().any(|scope| scope == act.name()));
    let in_role = act.allowed_to(role_of(&row)?);
    if !in_scope || !in_role {
        core.trail.note(&name, "access.refused", act.name(), Outcome::Refused).await;
        return Err(if in_role { AuthError::OutOfScope } else { AuthError::NotAllowed });
    }
    if core.used.is_due(token.id, now) {
        log_failure(core.store.touch_api_token(token.id, now).await);
    }
    let authority = Authority::ApiToken { id: token.id, role: row.role.clone() };
    Ok(Actor { name, operator: Some((token.id, row)), scopes: Some(scopes), authority })
}

async fn check_confirmed(core: &Core, sign_in: Uuid) -> Result<(), AuthError> {
    let at = core.store.sign_in_confirmed_at(sign_in).await.map_err(fault::store)?;
    let at = at.ok_or(AuthError::SignedOut)?;
    // A confirmation in the future: the clock was set back, and it must not last until the clock has caught up.
    let age = core.clock.now().saturating_sub(at).saturating_abs();
    if age <= CONFIRMED_FOR { Ok(()) } else { Err(AuthError::ConfirmationRequired) }
}

/// A time of use that could not be stored does not affect the call.
fn log_failure(result: Result<(), StoreError>) {
    if let Err(error) = result {
        tracing::debug!(%error, "could not store the time at which a sign-in or an API token was used");
    }
}

pub fn role_of(row: &OperatorRow) -> Result<OperatorRole, AuthError> {
    row.role.parse().map_err(|_| fault::internal("an operator has a role unknown to this version"))
}
