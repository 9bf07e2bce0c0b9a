//! Operators' sign-ins: opaque tokens, checked against the store on each use.

use super::manage;
use crate::access::{Act, allowed, role_of};
use crate::actor::Actor;
use crate::code::{self, CodeKind};
use crate::core::Core;
use crate::guard::{Attempt, operator_tag};
use crate::{factor, fault};
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::operators::{
    ConfirmPassword, ConfirmTotp, OperatorRole, SignIn, SignInRef, SignInView, SignedIn, Standing,
};
use tornado_contracts::auth::{AuthError, Operator};
use tornado_rpc::Done;
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::Secret;
use tornado_store::identity::{FactorOwner, NewSignIn, OperatorRow, Proof, SignInRow, UsedPasskey};
use uuid::Uuid;

pub async fn sign_in(core: &Core, input: SignIn) -> Result<SignedIn, AuthError> {
    let place = core.passwords.place()?;
    let attempt = core.attempts.begin(Attempt::new(input.client_ip, Some(operator_tag(&input.name))))?;
    let row = core.store.find_operator(&input.name).await.map_err(fault::store)?;
    let stored = row.as_ref().map(|row| row.password_hash.as_str());
    let right = core.passwords.is_right_at(&place, &input.password, stored).await?;
    let name = format!("operator:{}", input.name);
    let Some(row) = row.filter(|_| right) else {
        let attempts_left = attempt.failed_leaving();
        core.trail.note("unauthenticated", "operator.sign_in", &name, Outcome::Refused).await;
        return Err(AuthError::SignInRefused { attempts_left });
    };
    let owner = FactorOwner::Operator(row.id);
    let judged = factor::judge_factor(core, attempt, owner, &name, input.code.as_ref()).await;
    if judged == Err(AuthError::TotpInvalid) {
        core.trail.note("unauthenticated", "operator.sign_in", &name, Outcome::Refused).await;
    }
    let proof = Proof { password_hash: row.password_hash.clone(), factor: judged? };
    open_sign_in(core, &name, row, &proof, input.client_ip.to_string()).await
}

pub(super) async fn open_sign_in(
    core: &Core,
    name: &str,
    row: OperatorRow,
    proof: &Proof,
    address: String,
) -> Result<SignedIn, AuthError> {
    let (new, token) = new_sign_in(core, &row, address);
    let audit = core.trail.row(&Actor::named(name), "operator.sign_in", format!("sign_in:{}", new.id));
    core.trail.signed(core.store.open_sign_in(&new, proof, &audit)).await?;
    opened(core, new, token, row).await
}

/// Opens a sign-in for an operator whose passkey was verified.
pub async fn open_by_passkey(
    core: &Core,
    row: OperatorRow,
    used: &UsedPasskey,
    address: String,
) -> Result<SignedIn, AuthError> {
    let (new, token) = new_sign_in(core, &row, address);
    let actor = Actor::named(format!("operator:{}", row.name));
    let details = [("method", "passkey".to_owned())];
    let audit = core.trail.detailed(&actor, "operator.sign_in", format!("sign_in:{}", new.id), &details);
    core.trail.signed(core.store.sign_in_by_passkey(&new, used, &audit)).await?;
    opened(core, new, token, row).await
}

fn new_sign_in(core: &Core, row: &OperatorRow, address: String) -> (NewSignIn, Secret) {
    let now = core.clock.now();
    let token = code::write(&rand::random());
    let new = NewSignIn {
        id: Uuid::new_v4(),
        operator: row.id,
        token_hash: code::hash(CodeKind::SignIn, &token),
        now,
        expires_at: now.saturating_add(core.config.sign_in_lifetime),
        address,
    };
    (new, token)
}

async fn opened(core: &Core, new: NewSignIn, token: Secret, row: OperatorRow) -> Result<SignedIn, AuthError> {
    Ok(SignedIn { token, expires_at: new.expires_at, operator: manage::view(core, row).await? })
}

pub async fn sign_out(core: &Core, actor: Actor) -> Result<Done, AuthError> {
    let (id, _) = actor.clone().signed_in()?;
    end_sign_in(core, &actor, "operator.sign_out", id).await
}

async fn end_sign_in(core: &Core, actor: &Actor, action: &str, id: Uuid) -> Result<Done, AuthError> {
    let audit = core.trail.row(actor, action, format!("sign_in:{id}"));
    if !core.trail.signed(core.store.end_sign_in(id, &audit)).await? {
        return Err(AuthError::NotFound("sign-in".into()));
    }
    Ok(Done {})
}

pub async fn whoami(core: &Core, actor: Actor) -> Result<Standing, AuthError> {
    let scopes = actor.scopes.clone();
    let (_, row) = actor.signed_in()?;
    let mut allowed = allowed(role_of(&row)?);
    if let Some(scopes) = scopes {
        allowed.retain(|right| right == Act::OwnRead.name() || scopes.contains(right));
    }
    Ok(Standing { operator: manage::view(core, row).await?, allowed })
}

/// The operator of an authorised action.
pub async fn check(core: &Core, actor: Actor) -> Result<Operator, AuthError> {
    let (_, row) = actor.signed_in()?;
    manage::view(core, row).await
}

pub async fn list_sign_ins(core: &Core, actor: &Actor) -> Result<Vec<SignInView>, AuthError> {
    let own = actor.operator.as_ref().map(|(id, _)| *id);
    let mine = match &actor.operator {
        Some((_, row)) if role_of(row)? < OperatorRole::Owner => Some(row.name.clone()),
        Some(_) | None => None,
    };
    let rows = core.store.list_sign_ins(core.clock.now()).await.map_err(fault::store)?;
    let visible = rows.into_iter().filter(|row| mine.as_ref().is_none_or(|name| *name == row.operator));
    let view = |row: SignInRow| SignInView {
        id: row.id,
        operator: row.operator,
        created_at: row.created_at,
        expires_at: row.expires_at,
        used_at: row.used_at,
        address: row.address,
        is_own: Some(row.id) == own,
    };
    Ok(visible.map(view).collect())
}

/// An operator may end its own sign-ins; an owner may end any.
pub async fn revoke_sign_in(core: &Core, actor: &Actor, what: SignInRef) -> Result<Done, AuthError> {
    let visible = list_sign_ins(core, actor).await?;
    if !visible.iter().any(|view| view.id == what.id) {
        return Err(AuthError::NotFound("sign-in".into()));
    }
    end_sign_in(core, actor, "operator.sign_in_revoked", what.id).await
}

pub async fn confirm_sign_in(core: &Core, actor: Actor, what: &ConfirmPassword) -> Result<Done, AuthError> {
    confirm_password(core, actor.clone(), what).await?;
    let (id, _) = actor.clone().signed_in()?;
    let audit = core.trail.row(&actor, "operator.confirmed", format!("sign_in:{id}"));
    if !core.trail.signed(core.store.confirm_sign_in(id, core.clock.now(), &audit)).await? {
        return Err(AuthError::SignedOut);
    }
    Ok(Done {})
}

pub async fn begin_totp(core: &Core, actor: Actor, what: &ConfirmPassword) -> Result<TotpOffer, AuthError> {
    let row = confirm_password(core, actor, what).await?;
    factor::offer_factor(core, FactorOwner::Operator(row.id), &row.password_hash, row.name.as_str()).await
}

pub async fn confirm_totp(core: &Core, actor: Actor, what: &ConfirmTotp) -> Result<RecoveryCodes, AuthError> {
    let audit = core.trail.row(&actor, "operator.totp_on", actor.name.as_str());
    let (_, row) = actor.signed_in()?;
    factor::confirm_factor(core, FactorOwner::Operator(row.id), &what.code, &audit).await
}

pub async fn end_totp(core: &Core, actor: Actor, what: &ConfirmPassword) -> Result<Done, AuthError> {
    let row = confirm_password(core, actor.clone(), what).await?;
    let audit = core.trail.row(&actor, "operator.totp_off", actor.name.as_str());
    factor::remove_factor(core, FactorOwner::Operator(row.id), &row.password_hash, &audit).await
}

async fn confirm_password(core: &Core, actor: Actor, what: &ConfirmPassword) -> Result<OperatorRow, AuthError> {
    let (_, row) = actor.signed_in()?;
    core.passwords.confirm(operator_tag(&row.name), &what.password, &row.password_hash).await?;
    Ok(row)
}
