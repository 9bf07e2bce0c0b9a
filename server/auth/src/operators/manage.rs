//! Changes to operators by root or an owner.

use crate::access::role_of;
use crate::actor::Actor;
use crate::factor::Factors;
use crate::fault;
use crate::password::Passwords;
use crate::trail::Trail;
use std::sync::Arc;
use tornado_contracts::auth::operators::{OperatorRef, PutOperatorRole};
use tornado_contracts::auth::{AuthError, Operator};
use tornado_rpc::Done;
use tornado_runtime::clock::Clock;
use tornado_shared::model::OperatorId;
use tornado_store::identity::{FactorOwner, IdentityStore, OperatorChange, OperatorRow, PutOutcome, RemoveOutcome};

/// Operators in the store.
pub struct Operators {
    store: Arc<dyn IdentityStore>,
    trail: Arc<Trail>,
    passwords: Arc<Passwords>,
    factors: Arc<Factors>,
    clock: Clock,
}

impl Operators {
    pub fn new(
        store: Arc<dyn IdentityStore>,
        trail: Arc<Trail>,
        passwords: Arc<Passwords>,
        factors: Arc<Factors>,
        clock: Clock,
    ) -> Self {
        Self { store, trail, passwords, factors, clock }
    }

    pub async fn put_operator(&self, actor: &Actor, what: PutOperatorRole) -> Result<Operator, AuthError> {
        let change = self.change(what).await?;
        let mut details = Vec::new();
        if let Some(role) = &change.role {
            details.push(("role", role.clone()));
        }
        for (word, is_set) in [("password", change.password_hash.is_some()), ("totp_off", change.forget_totp)] {
            if is_set {
                details.push((word, "set".to_owned()));
            }
        }
        let audit = self.trail.detailed(actor, "operator.put", format!("operator:{}", change.name), &details);
        let outcome = self.store.put_operator(&change, &audit).await.map_err(fault::store)?;
        self.trail.sign_trail().await;
        match outcome {
            PutOutcome::Put(row) => self.view(row).await,
            PutOutcome::NeedsPassword => Err(AuthError::InvalidFields("a new operator requires a password".into())),
            PutOutcome::LastOwner => Err(AuthError::LastOwner),
            PutOutcome::Gone => Err(AuthError::NotFound("operator".into())),
        }
    }

    pub async fn remove_operator(&self, actor: &Actor, what: OperatorRef) -> Result<Done, AuthError> {
        let audit = self.trail.row(actor, "operator.remove", format!("operator:{}", what.name));
        let outcome = self.store.remove_operator(&what.name, &audit).await.map_err(fault::store)?;
        self.trail.sign_trail().await;
        match outcome {
            RemoveOutcome::Removed => Ok(Done {}),
            RemoveOutcome::LastOwner => Err(AuthError::LastOwner),
            RemoveOutcome::Gone => Err(AuthError::NotFound("operator".into())),
        }
    }

    pub async fn list_operators(&self) -> Result<Vec<Operator>, AuthError> {
        let mut operators = Vec::new();
        for row in self.store.list_operators().await.map_err(fault::store)? {
            operators.push(self.view(row).await?);
        }
        Ok(operators)
    }

    /// A change for the store, with the password hashed.
    pub(super) async fn change(&self, what: PutOperatorRole) -> Result<OperatorChange, AuthError> {
        let password_hash = match &what.password {
            Some(password) => Some(self.passwords.hash_new(password, &what.name).await?),
            None => None,
        };
        Ok(OperatorChange {
            id: OperatorId::random(),
            name: what.name,
            password_hash,
            role: what.role.map(|role| role.as_str().to_owned()),
            forget_totp: what.forget_totp,
            now: self.clock.now(),
        })
    }

    /// The operator without secrets.
    pub async fn view(&self, row: OperatorRow) -> Result<Operator, AuthError> {
        let totp = self.factors.has_factor(FactorOwner::Operator(row.id)).await?;
        let role = role_of(&row)?;
        Ok(Operator { id: row.id, name: row.name, role, totp, created_at: row.created_at })
    }
}
