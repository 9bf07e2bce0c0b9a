//! The first operator, created with a one-time set-up code.

use super::{manage, sign_ins};
use crate::actor::Actor;
use crate::code::{self, CodeKind};
use crate::core::Core;
use crate::fault;
use subtle::ConstantTimeEq as _;
use tornado_contracts::auth::operators::{OperatorRole, PutOperatorRole, SignedIn};
use tornado_contracts::auth::{AuthError, RedeemSetup, SetupLink};
use tornado_store::identity::Proof;

/// Lifetime of a code, seconds.
const LIFETIME: i64 = 3600;

/// Each call invalidates the previous code.
pub async fn setup_link(core: &Core) -> Result<SetupLink, AuthError> {
    let code = code::write(&rand::random());
    let expires_at = core.clock.now().saturating_add(LIFETIME);
    let hash = code::hash(CodeKind::Setup, &code);
    let audit = core.trail.row(&Actor::caller()?, "setup.link", "server");
    let created = core.trail.signed(core.store.put_setup_code(&hash, expires_at, &audit)).await?;
    Ok(SetupLink { code: created.then_some(code) })
}

pub async fn redeem_setup(core: &Core, input: RedeemSetup) -> Result<SignedIn, AuthError> {
    let presented = code::hash(CodeKind::Setup, &input.code);
    let stored = core.store.setup_code(core.clock.now()).await.map_err(fault::store)?;
    if !stored.is_some_and(|stored| bool::from(stored.ct_eq(&presented))) {
        return Err(AuthError::InvalidSetupCode);
    }
    let name = format!("operator:{}", input.name);
    let (password, role) = (Some(input.password), Some(OperatorRole::Owner));
    let owner = PutOperatorRole { name: input.name, password, role, forget_totp: false };
    let change = manage::change(core, owner).await?;
    let audit = core.trail.row(&Actor::named("unauthenticated"), "setup.redeem", name.clone());
    let row = core.trail.signed(core.store.redeem_setup(&presented, &change, &audit)).await?;
    let row = row.ok_or(AuthError::InvalidSetupCode)?;
    let proof = Proof { password_hash: row.password_hash.clone(), factor: None };
    sign_ins::open_sign_in(core, &name, row, &proof).await
}
