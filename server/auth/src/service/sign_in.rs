//! Operators' sign-ins: opaque tokens, checked against the store on each use.

use super::access::{Act, Actor, allowed, role_of};
use super::attempt::tag;
use super::operators::to_contract;
use super::{Service, fault};
use crate::code::{self, CodeKind};
use crate::guard::{AccountTag, Attempt};
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::operators::{
    ConfirmTotp, MayI, OperatorRole, Reaffirm, SignIn, SignInRef, SignInView, SignedIn, Standing,
};
use tornado_contracts::auth::{Acting, AuthError, Operator};
use tornado_rpc::{Done, NoInput};
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::Username;
use tornado_store::identity::{FactorOwner, NewSignIn, OperatorRow, Proof};
use uuid::Uuid;

impl Service {
    pub(super) async fn operator_signs_in(&self, input: SignIn) -> Result<SignedIn, AuthError> {
        let now = self.clock.now();
        let place = self.place()?;
        let attempt = self.attempt(Attempt::new(input.client_ip, Some(operator_tag(&input.name))), now)?;
        let row = self.store.find_operator(&input.name).await.map_err(fault::store)?;
        let stored = row.as_ref().map(|row| row.password_hash.as_str());
        let right = self.is_right_at(&place, &input.password, stored).await?;
        let name = format!("operator:{}", input.name);
        let Some(row) = row.filter(|_| right) else {
            attempt.failed(self.clock.now());
            self.note("nobody", "operator.sign_in", &name, Outcome::Refused).await;
            return Err(AuthError::InvalidCredentials);
        };
        if input.code.is_some() {
            attempt.check_code(self.clock.now())?;
        }
        let factor = match self.check_factor(FactorOwner::Operator(row.id), &name, input.code.as_ref()).await {
            Ok(factor) => {
                attempt.succeeded(self.clock.now());
                factor
            }
            Err(AuthError::TotpInvalid) => {
                attempt.code_failed(self.clock.now());
                self.note("nobody", "operator.sign_in", &name, Outcome::Refused).await;
                return Err(AuthError::TotpInvalid);
            }
            Err(error) => return Err(error),
        };
        let proof = Proof { password_hash: row.password_hash.clone(), factor };
        self.open_sign_in(&name, row, &proof).await
    }

    pub(super) async fn open_sign_in(
        &self,
        name: &str,
        row: OperatorRow,
        proof: &Proof,
    ) -> Result<SignedIn, AuthError> {
        let now = self.clock.now();
        let token = code::write(&rand::random());
        let new = NewSignIn {
            id: Uuid::new_v4(),
            operator: row.id,
            token_hash: code::hash(CodeKind::SignIn, &token),
            now,
            expires_at: now.saturating_add(self.config.sign_in_lifetime),
        };
        let audit = self.row(&Actor::named(name), "operator.sign_in", format!("sign_in:{}", new.id));
        self.store.open_sign_in(&new, proof, &audit).await.map_err(fault::store)?;
        self.sign_trail().await;
        let operator = self.operator_of(row).await?;
        Ok(SignedIn { token, expires_at: new.expires_at, operator })
    }

    pub(super) async fn operator_signs_out(&self, input: Acting<NoInput>) -> Result<Done, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::OwnSignIn).await?;
        let (id, _) = actor.clone().signed_in()?;
        self.end_sign_in(&actor, "operator.sign_out", id).await
    }

    async fn end_sign_in(&self, actor: &Actor, action: &str, id: Uuid) -> Result<Done, AuthError> {
        let audit = self.row(actor, action, format!("sign_in:{id}"));
        if !self.store.end_sign_in(id, &audit).await.map_err(fault::store)? {
            return Err(AuthError::NotFound("sign-in".into()));
        }
        self.sign_trail().await;
        Ok(Done {})
    }

    pub(super) async fn operator_standing(&self, input: Acting<NoInput>) -> Result<Standing, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::OwnSignIn).await?;
        let (_, row) = actor.signed_in()?;
        let allowed = allowed(role_of(&row)?);
        Ok(Standing { operator: self.operator_of(row).await?, allowed })
    }

    pub(super) async fn may(&self, input: Acting<MayI>) -> Result<Operator, AuthError> {
        let act = Act::named(&input.what.act).ok_or_else(|| AuthError::NotFound("right".into()))?;
        let actor = self.authorise(input.operator.as_ref(), act).await?;
        let (_, row) = actor.signed_in()?;
        self.operator_of(row).await
    }

    pub(super) async fn list_sign_ins(&self, input: Acting<NoInput>) -> Result<Vec<SignInView>, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::OwnSignIn).await?;
        let own = actor.operator.as_ref().map(|(id, _)| *id);
        let mine = match &actor.operator {
            Some((_, row)) if role_of(row)? < OperatorRole::Owner => Some(row.name.clone()),
            Some(_) | None => None,
        };
        let rows = self.store.list_sign_ins(self.clock.now()).await.map_err(fault::store)?;
        let visible = rows.into_iter().filter(|row| mine.as_ref().is_none_or(|name| *name == row.operator));
        let view = |row: tornado_store::identity::SignInRow| SignInView {
            id: row.id,
            operator: row.operator,
            created_at: row.created_at,
            expires_at: row.expires_at,
            is_own: Some(row.id) == own,
        };
        Ok(visible.map(view).collect())
    }

    /// An operator may end its own sign-ins; an owner may end any.
    pub(super) async fn revoke_sign_in_of(&self, input: Acting<SignInRef>) -> Result<Done, AuthError> {
        let list = Acting { operator: input.operator.clone(), what: NoInput {} };
        let visible = self.list_sign_ins(list).await?;
        if !visible.iter().any(|view| view.id == input.what.id) {
            return Err(AuthError::NotFound("sign-in".into()));
        }
        let actor = self.authorise(input.operator.as_ref(), Act::OwnSignIn).await?;
        self.end_sign_in(&actor, "operator.sign_in_revoked", input.what.id).await
    }

    pub(super) async fn begin_operator_totp(&self, input: Acting<Reaffirm>) -> Result<TotpOffer, AuthError> {
        let (_, row) = self.reaffirmed(&input).await?;
        self.offer_factor(FactorOwner::Operator(row.id), &row.password_hash, row.name.as_str()).await
    }

    pub(super) async fn confirm_operator_totp(&self, input: Acting<ConfirmTotp>) -> Result<RecoveryCodes, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::OwnSignIn).await?;
        let audit = self.row(&actor, "operator.totp_on", actor.name.as_str());
        let (_, row) = actor.signed_in()?;
        self.confirm_factor(FactorOwner::Operator(row.id), &input.what.code, &audit).await
    }

    pub(super) async fn end_operator_totp(&self, input: Acting<Reaffirm>) -> Result<Done, AuthError> {
        let (actor, row) = self.reaffirmed(&input).await?;
        let audit = self.row(&actor, "operator.totp_off", actor.name.as_str());
        self.remove_factor(FactorOwner::Operator(row.id), &row.password_hash, &audit).await
    }

    async fn reaffirmed(&self, input: &Acting<Reaffirm>) -> Result<(Actor, OperatorRow), AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::OwnSignIn).await?;
        let (_, row) = actor.clone().signed_in()?;
        let attempt = self.attempt(Attempt::own(operator_tag(&row.name)), self.clock.now())?;
        if self.is_right(&input.what.password, Some(&row.password_hash)).await? {
            attempt.succeeded(self.clock.now());
            return Ok((actor, row));
        }
        attempt.failed(self.clock.now());
        Err(AuthError::InvalidCredentials)
    }

    pub(super) async fn operator_of(&self, row: OperatorRow) -> Result<Operator, AuthError> {
        let totp = self.has_factor(FactorOwner::Operator(row.id)).await?;
        to_contract(row, totp)
    }
}

/// Separate from the tags of users' names.
fn operator_tag(name: &Username) -> AccountTag {
    tag(&format!("operator\0{name}"))
}
