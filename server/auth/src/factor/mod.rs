//! The second factor of users and operators: authenticator codes and recovery codes.

pub mod totp;

use crate::actor::Actor;
use crate::code::{self, CodeKind};
use crate::core::Core;
use crate::fault;
use crate::guard::Running;
use tornado_contracts::auth::AuthError;
use tornado_rpc::Done;
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::Secret;
use tornado_store::identity::{Factor, FactorOwner, NewAudit};
use zeroize::Zeroizing;

const RECOVERY_CODES: usize = 10;

pub async fn has_factor(core: &Core, owner: FactorOwner) -> Result<bool, AuthError> {
    let factor = core.store.factor(owner).await.map_err(fault::store)?;
    Ok(factor.is_some_and(|factor| factor.confirmed))
}

/// Completes an attempt whose password was right. Returns the sealed secret of the factor, if the owner has one.
pub async fn judge_factor(
    core: &Core,
    attempt: Running<'_>,
    owner: FactorOwner,
    actor: &str,
    code: Option<&Secret>,
) -> Result<Option<Vec<u8>>, AuthError> {
    if code.is_some() {
        attempt.check_code()?;
    }
    let judged = check_factor(core, owner, actor, code).await;
    match &judged {
        Ok(_) => attempt.succeeded(),
        Err(AuthError::TotpInvalid) => attempt.code_failed(),
        Err(_) => {}
    }
    judged
}

/// Each code is accepted once.
async fn check_factor(
    core: &Core,
    owner: FactorOwner,
    actor: &str,
    code: Option<&Secret>,
) -> Result<Option<Vec<u8>>, AuthError> {
    let factor = core.store.factor(owner).await.map_err(fault::store)?;
    let Some(factor) = factor.filter(|factor| factor.confirmed) else { return Ok(None) };
    let code = code.filter(|code| !code.expose().trim().is_empty()).ok_or(AuthError::TotpRequired)?;
    let now = core.clock.now();
    let good = match totp::check(&*open_factor(core, owner, &factor)?, code, now) {
        Some(step) => core.store.use_step(owner, step).await.map_err(fault::store)?,
        None => {
            let hash = code::hash(CodeKind::Recovery, code);
            let subject = format!("{}:{}", owner.kind(), owner.id());
            let row = core.trail.row(&Actor::named(actor), "login.recovery_code", subject);
            core.trail.signed(core.store.use_recovery(owner, &hash, now, &row)).await?
        }
    };
    if good { Ok(Some(factor.sealed_secret)) } else { Err(AuthError::TotpInvalid) }
}

pub async fn offer_factor(
    core: &Core,
    owner: FactorOwner,
    verified: &str,
    account: &str,
) -> Result<TotpOffer, AuthError> {
    let secret = Zeroizing::new(rand::random::<[u8; totp::SECRET_LEN]>());
    let sealed = core.keys.at_rest().seal_bytes(&aad(owner), &*secret, rand::random())?;
    if !core.store.offer_factor(owner, verified, &sealed, core.clock.now()).await.map_err(fault::store)? {
        let why = "an authenticator is already set up; remove it first";
        return Err(AuthError::InvalidFields(why.into()));
    }
    let (secret, url) =
        totp::offer(&secret, account).ok_or_else(|| fault::internal("cannot create an authenticator secret"))?;
    Ok(TotpOffer { secret, url })
}

pub async fn confirm_factor(
    core: &Core,
    owner: FactorOwner,
    code: &Secret,
    row: &NewAudit,
) -> Result<RecoveryCodes, AuthError> {
    let factor = core.store.factor(owner).await.map_err(fault::store)?;
    let Some(factor) = factor.filter(|factor| !factor.confirmed) else {
        return Err(AuthError::InvalidFields("there is no authenticator to confirm; start again".into()));
    };
    let step = totp::check(&*open_factor(core, owner, &factor)?, code, core.clock.now());
    let step = step.ok_or(AuthError::TotpInvalid)?;
    let codes: Vec<Secret> = (0..RECOVERY_CODES).map(|_| code::write(&rand::random())).collect();
    let hashes: Vec<_> = codes.iter().map(|code| code::hash(CodeKind::Recovery, code)).collect();
    if !core.trail.signed(core.store.confirm_factor(owner, &factor.sealed_secret, step, &hashes, row)).await? {
        return Err(AuthError::InvalidFields("the authenticator is already confirmed".into()));
    }
    Ok(RecoveryCodes { codes })
}

pub async fn remove_factor(core: &Core, owner: FactorOwner, verified: &str, row: &NewAudit) -> Result<Done, AuthError> {
    if !core.trail.signed(core.store.remove_factor(owner, verified, row)).await? {
        return Err(AuthError::NotFound("authenticator".into()));
    }
    Ok(Done {})
}

fn open_factor(
    core: &Core,
    owner: FactorOwner,
    factor: &Factor,
) -> Result<Zeroizing<[u8; totp::SECRET_LEN]>, AuthError> {
    Ok(core.keys.at_rest().open_bytes(&aad(owner), &factor.sealed_secret)?)
}

fn aad(owner: FactorOwner) -> Vec<u8> {
    format!("tornado-vpn second factor\0{}\0{}", owner.kind(), owner.id()).into_bytes()
}
