//! Changes to operators by root or an owner.

use crate::access::role_of;
use crate::actor::Actor;
use crate::core::Core;
use crate::{factor, fault};
use tornado_contracts::auth::operators::{OperatorRef, PutOperatorRole};
use tornado_contracts::auth::{AuthError, Operator};
use tornado_rpc::Done;
use tornado_shared::model::OperatorId;
use tornado_store::identity::{FactorOwner, OperatorChange, OperatorRow, PutOutcome, RemoveOutcome};

pub async fn put_operator(core: &Core, actor: &Actor, what: PutOperatorRole) -> Result<Operator, AuthError> {
    let change = change(core, what).await?;
    let mut details = Vec::new();
    if let Some(role) = &change.role {
        details.push(("role", role.clone()));
    }
    for (word, is_set) in [("password", change.password_hash.is_some()), ("totp_off", change.forget_totp)] {
        if is_set {
            details.push((word, "set".to_owned()));
        }
    }
    let audit = core.trail.detailed(actor, "operator.put", format!("operator:{}", change.name), &details);
    let outcome = core.trail.signed(core.store.put_operator(&change, &audit)).await?;
    match outcome {
        PutOutcome::Put(row) => view(core, row).await,
        PutOutcome::NeedsPassword => Err(AuthError::InvalidFields("a new operator requires a password".into())),
        PutOutcome::LastOwner => Err(AuthError::LastOwner),
        PutOutcome::Gone => Err(AuthError::NotFound("operator".into())),
    }
}

pub async fn remove_operator(core: &Core, actor: &Actor, what: OperatorRef) -> Result<Done, AuthError> {
    let audit = core.trail.row(actor, "operator.remove", format!("operator:{}", what.name));
    let outcome = core.trail.signed(core.store.remove_operator(&what.name, &audit)).await?;
    match outcome {
        RemoveOutcome::Removed => Ok(Done {}),
        RemoveOutcome::LastOwner => Err(AuthError::LastOwner),
        RemoveOutcome::Gone => Err(AuthError::NotFound("operator".into())),
    }
}

pub async fn list_operators(core: &Core) -> Result<Vec<Operator>, AuthError> {
    let mut operators = Vec::new();
    for row in core.store.list_operators().await.map_err(fault::store)? {
        operators.push(view(core, row).await?);
    }
    Ok(operators)
}

/// A change for the store, with the password hashed.
pub(super) async fn change(core: &Core, what: PutOperatorRole) -> Result<OperatorChange, AuthError> {
    let password_hash = match &what.password {
        Some(password) => Some(core.passwords.hash_new(password, &what.name).await?),
        None => None,
    };
    Ok(OperatorChange {
        id: OperatorId::random(),
        name: what.name,
        password_hash,
        role: what.role.map(|role| role.as_str().to_owned()),
        forget_totp: what.forget_totp,
        now: core.clock.now(),
    })
}

/// The operator without secrets.
pub async fn view(core: &Core, row: OperatorRow) -> Result<Operator, AuthError> {
    let totp = factor::has_factor(core, FactorOwner::Operator(row.id)).await?;
    let role = role_of(&row)?;
    Ok(Operator { id: row.id, name: row.name, role, totp, created_at: row.created_at })
}
