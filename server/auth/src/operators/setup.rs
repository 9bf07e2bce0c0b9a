//! The first operator, created with a one-time set-up code.

use super::manage::Operators;
use super::sign_ins::SignIns;
use crate::actor::Actor;
use crate::clock::Clock;
use crate::code::{self, CodeKind};
use crate::fault;
use crate::trail::Trail;
use std::sync::Arc;
use subtle::ConstantTimeEq as _;
use tornado_contracts::auth::operators::{OperatorRole, PutOperatorRole, SignedIn};
use tornado_contracts::auth::{AuthError, RedeemSetup, SetupLink};
use tornado_store::identity::{IdentityStore, Proof};

/// The set-up code in the store.
pub struct Setup {
    store: Arc<dyn IdentityStore>,
    trail: Arc<Trail>,
    operators: Arc<Operators>,
    sign_ins: Arc<SignIns>,
    /// Lifetime of a code, seconds.
    lifetime: i64,
    clock: Clock,
}

impl Setup {
    pub fn new(
        store: Arc<dyn IdentityStore>,
        trail: Arc<Trail>,
        operators: Arc<Operators>,
        sign_ins: Arc<SignIns>,
        lifetime: i64,
        clock: Clock,
    ) -> Self {
        Self { store, trail, operators, sign_ins, lifetime, clock }
    }

    /// Each call invalidates the previous code.
    pub async fn setup_link(&self) -> Result<SetupLink, AuthError> {
        let code = code::write(&rand::random());
        let expires_at = self.clock.now().saturating_add(self.lifetime);
        let hash = code::hash(CodeKind::Setup, &code);
        let audit = self.trail.row(&Actor::caller()?, "setup.link", "server");
        let created = self.store.put_setup_code(&hash, expires_at, &audit).await.map_err(fault::store)?;
        self.trail.sign_trail().await;
        Ok(SetupLink { code: created.then_some(code) })
    }

    pub async fn redeem_setup(&self, input: RedeemSetup) -> Result<SignedIn, AuthError> {
        let presented = code::hash(CodeKind::Setup, &input.code);
        let stored = self.store.setup_code(self.clock.now()).await.map_err(fault::store)?;
        if !stored.is_some_and(|stored| bool::from(stored.ct_eq(&presented))) {
            return Err(AuthError::InvalidSetupCode);
        }
        let name = format!("operator:{}", input.name);
        let (password, role) = (Some(input.password), Some(OperatorRole::Owner));
        let owner = PutOperatorRole { name: input.name, password, role, forget_totp: false };
        let change = self.operators.change(owner).await?;
        let audit = self.trail.row(&Actor::named("nobody"), "setup.redeem", name.clone());
        let row = self.store.redeem_setup(&presented, &change, &audit).await.map_err(fault::store)?;
        self.trail.sign_trail().await;
        let row = row.ok_or(AuthError::InvalidSetupCode)?;
        let proof = Proof { password_hash: row.password_hash.clone(), factor: None };
        self.sign_ins.open_sign_in(&name, row, &proof, String::new()).await
    }
}
