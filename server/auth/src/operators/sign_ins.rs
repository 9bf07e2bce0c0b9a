//! Operators' sign-ins: opaque tokens, checked against the store on each use.

use super::manage::Operators;
use crate::access::{Act, allowed, role_of};
use crate::actor::Actor;
use crate::clock::Clock;
use crate::code::{self, CodeKind};
use crate::factor::Factors;
use crate::fault;
use crate::guard::{Attempt, Attempts, operator_tag};
use crate::password::Passwords;
use crate::trail::Trail;
use std::sync::Arc;
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::operators::{
    ConfirmPassword, ConfirmTotp, OperatorRole, SignIn, SignInRef, SignInView, SignedIn, Standing,
};
use tornado_contracts::auth::{AuthError, Operator};
use tornado_rpc::Done;
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::Secret;
use tornado_store::identity::{FactorOwner, IdentityStore, NewSignIn, OperatorRow, Proof, SignInRow, UsedPasskey};
use uuid::Uuid;

/// The rooms that sign-ins use.
pub struct Parts {
    pub store: Arc<dyn IdentityStore>,
    pub trail: Arc<Trail>,
    pub attempts: Arc<Attempts>,
    pub passwords: Arc<Passwords>,
    pub factors: Arc<Factors>,
    pub operators: Arc<Operators>,
    pub clock: Clock,
}

/// Sign-ins in the store.
pub struct SignIns {
    parts: Parts,
    /// Lifetime of a sign-in, seconds.
    lifetime: i64,
}

impl SignIns {
    pub const fn new(parts: Parts, lifetime: i64) -> Self {
        Self { parts, lifetime }
    }

    pub async fn sign_in(&self, input: SignIn) -> Result<SignedIn, AuthError> {
        let Parts { store, trail, attempts, passwords, factors, .. } = &self.parts;
        let place = passwords.place()?;
        let attempt = attempts.begin(Attempt::new(input.client_ip, Some(operator_tag(&input.name))))?;
        let row = store.find_operator(&input.name).await.map_err(fault::store)?;
        let stored = row.as_ref().map(|row| row.password_hash.as_str());
        let right = passwords.is_right_at(&place, &input.password, stored).await?;
        let name = format!("operator:{}", input.name);
        let Some(row) = row.filter(|_| right) else {
            attempt.failed();
            trail.note("nobody", "operator.sign_in", &name, Outcome::Refused).await;
            return Err(AuthError::InvalidCredentials);
        };
        let owner = FactorOwner::Operator(row.id);
        let judged = factors.judge_factor(attempt, owner, &name, input.code.as_ref()).await;
        if judged == Err(AuthError::TotpInvalid) {
            trail.note("nobody", "operator.sign_in", &name, Outcome::Refused).await;
        }
        let proof = Proof { password_hash: row.password_hash.clone(), factor: judged? };
        self.open_sign_in(&name, row, &proof, input.client_ip.to_string()).await
    }

    pub(super) async fn open_sign_in(
        &self,
        name: &str,
        row: OperatorRow,
        proof: &Proof,
        address: String,
    ) -> Result<SignedIn, AuthError> {
        let Parts { store, trail, .. } = &self.parts;
        let (new, token) = self.new_sign_in(&row, address);
        let audit = trail.row(&Actor::named(name), "operator.sign_in", format!("sign_in:{}", new.id));
        store.open_sign_in(&new, proof, &audit).await.map_err(fault::store)?;
        self.opened(new, token, row).await
    }

    /// Opens a sign-in for an operator whose passkey was verified.
    pub async fn open_by_passkey(
        &self,
        row: OperatorRow,
        used: &UsedPasskey,
        address: String,
    ) -> Result<SignedIn, AuthError> {
        let Parts { store, trail, .. } = &self.parts;
        let (new, token) = self.new_sign_in(&row, address);
        let actor = Actor::named(format!("operator:{}", row.name));
        let details = [("method", "passkey".to_owned())];
        let audit = trail.detailed(&actor, "operator.sign_in", format!("sign_in:{}", new.id), &details);
        store.sign_in_by_passkey(&new, used, &audit).await.map_err(fault::store)?;
        self.opened(new, token, row).await
    }

    fn new_sign_in(&self, row: &OperatorRow, address: String) -> (NewSignIn, Secret) {
        let now = self.parts.clock.now();
        let token = code::write(&rand::random());
        let new = NewSignIn {
            id: Uuid::new_v4(),
            operator: row.id,
            token_hash: code::hash(CodeKind::SignIn, &token),
            now,
            expires_at: now.saturating_add(self.lifetime),
            address,
        };
        (new, token)
    }

    async fn opened(&self, new: NewSignIn, token: Secret, row: OperatorRow) -> Result<SignedIn, AuthError> {
        self.parts.trail.sign_trail().await;
        let operator = self.parts.operators.view(row).await?;
        Ok(SignedIn { token, expires_at: new.expires_at, operator })
    }

    pub async fn sign_out(&self, actor: Actor) -> Result<Done, AuthError> {
        let (id, _) = actor.clone().signed_in()?;
        self.end_sign_in(&actor, "operator.sign_out", id).await
    }

    async fn end_sign_in(&self, actor: &Actor, action: &str, id: Uuid) -> Result<Done, AuthError> {
        let Parts { store, trail, .. } = &self.parts;
        let audit = trail.row(actor, action, format!("sign_in:{id}"));
        if !store.end_sign_in(id, &audit).await.map_err(fault::store)? {
            return Err(AuthError::NotFound("sign-in".into()));
        }
        trail.sign_trail().await;
        Ok(Done {})
    }

    pub async fn whoami(&self, actor: Actor) -> Result<Standing, AuthError> {
        let scopes = actor.scopes.clone();
        let (_, row) = actor.signed_in()?;
        let mut allowed = allowed(role_of(&row)?);
        if let Some(scopes) = scopes {
            allowed.retain(|right| right == Act::OwnRead.name() || scopes.contains(right));
        }
        Ok(Standing { operator: self.parts.operators.view(row).await?, allowed })
    }

    /// The operator of an authorised action.
    pub async fn check(&self, actor: Actor) -> Result<Operator, AuthError> {
        let (_, row) = actor.signed_in()?;
        self.parts.operators.view(row).await
    }

    pub async fn list_sign_ins(&self, actor: &Actor) -> Result<Vec<SignInView>, AuthError> {
        let own = actor.operator.as_ref().map(|(id, _)| *id);
        let mine = match &actor.operator {
            Some((_, row)) if role_of(row)? < OperatorRole::Owner => Some(row.name.clone()),
            Some(_) | None => None,
        };
        let rows = self.parts.store.list_sign_ins(self.parts.clock.now()).await.map_err(fault::store)?;
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
    pub async fn revoke_sign_in(&self, actor: &Actor, what: SignInRef) -> Result<Done, AuthError> {
        let visible = self.list_sign_ins(actor).await?;
        if !visible.iter().any(|view| view.id == what.id) {
            return Err(AuthError::NotFound("sign-in".into()));
        }
        self.end_sign_in(actor, "operator.sign_in_revoked", what.id).await
    }

    pub async fn confirm_sign_in(&self, actor: Actor, what: &ConfirmPassword) -> Result<Done, AuthError> {
        self.confirm_password(actor.clone(), what).await?;
        let Parts { store, trail, clock, .. } = &self.parts;
        let (id, _) = actor.clone().signed_in()?;
        let audit = trail.row(&actor, "operator.confirmed", format!("sign_in:{id}"));
        if !store.confirm_sign_in(id, clock.now(), &audit).await.map_err(fault::store)? {
            return Err(AuthError::SignedOut);
        }
        trail.sign_trail().await;
        Ok(Done {})
    }

    pub async fn begin_totp(&self, actor: Actor, what: &ConfirmPassword) -> Result<TotpOffer, AuthError> {
        let row = self.confirm_password(actor, what).await?;
        self.parts.factors.offer_factor(FactorOwner::Operator(row.id), &row.password_hash, row.name.as_str()).await
    }

    pub async fn confirm_totp(&self, actor: Actor, what: &ConfirmTotp) -> Result<RecoveryCodes, AuthError> {
        let audit = self.parts.trail.row(&actor, "operator.totp_on", actor.name.as_str());
        let (_, row) = actor.signed_in()?;
        self.parts.factors.confirm_factor(FactorOwner::Operator(row.id), &what.code, &audit).await
    }

    pub async fn end_totp(&self, actor: Actor, what: &ConfirmPassword) -> Result<Done, AuthError> {
        let row = self.confirm_password(actor.clone(), what).await?;
        let audit = self.parts.trail.row(&actor, "operator.totp_off", actor.name.as_str());
        self.parts.factors.remove_factor(FactorOwner::Operator(row.id), &row.password_hash, &audit).await
    }

    async fn confirm_password(&self, actor: Actor, what: &ConfirmPassword) -> Result<OperatorRow, AuthError> {
        let (_, row) = actor.signed_in()?;
        self.parts.passwords.confirm(operator_tag(&row.name), &what.password, &row.password_hash).await?;
        Ok(row)
    }
}
