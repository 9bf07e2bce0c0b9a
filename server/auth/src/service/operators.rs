//! Operators: the first by a one-time set-up code, the others by root.

use super::{Service, fault};
use crate::code::{self, CodeKind};
use crate::password;
use subtle::ConstantTimeEq as _;
use tornado_mesh::auth::{AuthError, Operator, PutOperator, RedeemSetup, SetupLink};
use tornado_shared::model::{OperatorId, Secret, Username};
use tornado_store::identity::{NewOperator, OperatorRow};

impl Service {
    /// Each call makes the code before it worthless.
    pub(super) async fn make_setup_code(&self) -> Result<SetupLink, AuthError> {
        let code = code::write(&rand::random());
        let expires_at = self.clock.now().saturating_add(self.config.setup_lifetime);
        let hash = code::hash(CodeKind::Setup, &code);
        let made = self.store.put_setup_code(&hash, expires_at).await.map_err(fault::store)?;
        Ok(SetupLink { code: made.then_some(code) })
    }

    pub(super) async fn redeem(&self, input: RedeemSetup) -> Result<Operator, AuthError> {
        let presented = code::hash(CodeKind::Setup, &input.code);
        let stored = self.store.setup_code(self.clock.now()).await.map_err(fault::store)?;
        if !stored.is_some_and(|stored| bool::from(stored.ct_eq(&presented))) {
            return Err(AuthError::InvalidSetupCode);
        }
        let operator = self.new_operator(&input.name, &input.password).await?;
        let row = self.store.redeem_setup(&presented, &operator).await.map_err(fault::store)?;
        row.map(to_contract).ok_or(AuthError::InvalidSetupCode)
    }

    pub(super) async fn set_operator(&self, input: PutOperator) -> Result<Operator, AuthError> {
        let operator = self.new_operator(&input.name, &input.password).await?;
        self.store.put_operator(&operator).await.map(to_contract).map_err(fault::store)
    }

    async fn new_operator(&self, name: &Username, password: &Secret) -> Result<NewOperator, AuthError> {
        password::check_new(password, name).map_err(fault::policy)?;
        let password_hash = self.hasher.hash(password).await.map_err(fault::hash)?;
        Ok(NewOperator { id: OperatorId::random(), name: name.clone(), password_hash, now: self.clock.now() })
    }
}

fn to_contract(row: OperatorRow) -> Operator {
    Operator { id: row.id, name: row.name, created_at: row.created_at }
}
