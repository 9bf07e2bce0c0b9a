//! Access control: the authorisation table, and the one place that evaluates it.

mod table;

pub use table::{Act, allowed};

use crate::actor::Actor;
use crate::code::{self, CodeKind};
use crate::core::Core;
use crate::fault;
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::operators::OperatorRole;
use tornado_shared::model::Secret;
use tornado_store::identity::{Authority, OperatorRow};

/// Root may do everything without a sign-in. Every other caller needs an operator's sign-in with the required role.
pub async fn authorise(core: &Core, operator: Option<&Secret>, act: Act) -> Result<Actor, AuthError> {
    let Some(token) = operator else {
        let caller = Actor::caller()?;
        return if caller.name == "root" { Ok(caller) } else { Err(AuthError::SignedOut) };
    };
    let hash = code::hash(CodeKind::SignIn, token);
    let found = core.store.sign_in(&hash, core.clock.now()).await.map_err(fault::store)?;
    let (sign_in, row) = found.ok_or(AuthError::SignedOut)?;
    let name = format!("operator:{}", row.name);
    if !act.allowed_to(role_of(&row)?) {
        core.trail.note(&name, "access.refused", act.name(), Outcome::Refused).await;
        return Err(AuthError::NotAllowed);
    }
    let authority = Authority::SignIn { id: sign_in, role: row.role.clone() };
    Ok(Actor { name, operator: Some((sign_in, row)), authority })
}

pub fn role_of(row: &OperatorRow) -> Result<OperatorRole, AuthError> {
    row.role.parse().map_err(|_| fault::internal("an operator has a role unknown to this version"))
}
