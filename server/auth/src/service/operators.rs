//! Operators: the first is created with a one-time set-up code, the others by root or an owner.

use super::access::{Act, Actor, role_of};
use super::{Service, fault};
use crate::code::{self, CodeKind};
use subtle::ConstantTimeEq as _;
use tornado_contracts::auth::operators::{OperatorRef, OperatorRole, PutOperatorRole, SignedIn};
use tornado_contracts::auth::{Acting, AuthError, Operator, PutOperator, RedeemSetup, SetupLink};
use tornado_rpc::{Done, NoInput};
use tornado_shared::model::OperatorId;
use tornado_store::identity::{OperatorChange, OperatorRow, Proof, PutOutcome, RemoveOutcome};

impl Service {
    /// Each call invalidates the previous code.
    pub(super) async fn make_setup_code(&self) -> Result<SetupLink, AuthError> {
        let code = code::write(&rand::random());
        let expires_at = self.clock.now().saturating_add(self.config.setup_lifetime);
        let hash = code::hash(CodeKind::Setup, &code);
        let audit = self.row(&Actor::caller()?, "setup.link", "server");
        let made = self.store.put_setup_code(&hash, expires_at, &audit).await.map_err(fault::store)?;
        self.sign_trail().await;
        Ok(SetupLink { code: made.then_some(code) })
    }

    pub(super) async fn redeem(&self, input: RedeemSetup) -> Result<SignedIn, AuthError> {
        let presented = code::hash(CodeKind::Setup, &input.code);
        let stored = self.store.setup_code(self.clock.now()).await.map_err(fault::store)?;
        if !stored.is_some_and(|stored| bool::from(stored.ct_eq(&presented))) {
            return Err(AuthError::InvalidSetupCode);
        }
        let name = format!("operator:{}", input.name);
        let change = self
            .change(PutOperatorRole {
                name: input.name,
                password: Some(input.password),
                role: Some(OperatorRole::Owner),
                forget_totp: false,
            })
            .await?;
        let audit = self.row(&Actor::named("nobody"), "setup.redeem", name.clone());
        let row = self.store.redeem_setup(&presented, &change, &audit).await.map_err(fault::store)?;
        self.sign_trail().await;
        let row = row.ok_or(AuthError::InvalidSetupCode)?;
        let proof = Proof { password_hash: row.password_hash.clone(), factor: None };
        self.open_sign_in(&name, row, &proof).await
    }

    /// Short form for the command line.
    pub(super) async fn set_operator(&self, input: PutOperator) -> Result<Operator, AuthError> {
        let PutOperator { name, password } = input;
        let what = PutOperatorRole { name, password: Some(password), role: None, forget_totp: false };
        self.put_operator_role(Acting::root(what)).await
    }

    pub(super) async fn put_operator_role(&self, input: Acting<PutOperatorRole>) -> Result<Operator, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::OperatorsWrite).await?;
        let change = self.change(input.what).await?;
        let mut details = Vec::new();
        if let Some(role) = &change.role {
            details.push(("role", role.clone()));
        }
        for (word, is_so) in [("password", change.password_hash.is_some()), ("totp_off", change.forget_totp)] {
            if is_so {
                details.push((word, "set".to_owned()));
            }
        }
        let audit = self.detailed(&actor, "operator.put", format!("operator:{}", change.name), &details);
        let outcome = self.store.put_operator(&change, &audit).await.map_err(fault::store)?;
        self.sign_trail().await;
        match outcome {
            PutOutcome::Put(row) => self.operator_of(row).await,
            PutOutcome::NeedsPassword => Err(AuthError::InvalidFields("a new operator requires a password".into())),
            PutOutcome::LastOwner => Err(AuthError::LastOwner),
            PutOutcome::Gone => Err(AuthError::NotFound("operator".into())),
        }
    }

    pub(super) async fn remove_operator(&self, input: Acting<OperatorRef>) -> Result<Done, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::OperatorsWrite).await?;
        let name = input.what.name;
        let audit = self.row(&actor, "operator.remove", format!("operator:{name}"));
        let outcome = self.store.remove_operator(&name, &audit).await.map_err(fault::store)?;
        self.sign_trail().await;
        match outcome {
            RemoveOutcome::Removed => Ok(Done {}),
            RemoveOutcome::LastOwner => Err(AuthError::LastOwner),
            RemoveOutcome::Gone => Err(AuthError::NotFound("operator".into())),
        }
    }

    pub(super) async fn all_operators(&self, input: Acting<NoInput>) -> Result<Vec<Operator>, AuthError> {
        self.authorise(input.operator.as_ref(), Act::OperatorsRead).await?;
        let mut operators = Vec::new();
        for row in self.store.list_operators().await.map_err(fault::store)? {
            operators.push(self.operator_of(row).await?);
        }
        Ok(operators)
    }

    async fn change(&self, input: PutOperatorRole) -> Result<OperatorChange, AuthError> {
        let password_hash = match &input.password {
            Some(password) => Some(self.hash_new(password, &input.name).await?),
            None => None,
        };
        Ok(OperatorChange {
            id: OperatorId::random(),
            name: input.name,
            password_hash,
            role: input.role.map(|role| role.as_str().to_owned()),
            forget_totp: input.forget_totp,
            now: self.clock.now(),
        })
    }
}

pub(super) fn to_contract(row: OperatorRow, totp: bool) -> Result<Operator, AuthError> {
    let role = role_of(&row)?;
    Ok(Operator { id: row.id, name: row.name, role, totp, created_at: row.created_at })
}
