//! The second factor of users and operators: authenticator codes and recovery codes.

pub mod totp;

use crate::actor::Actor;
use crate::code::{self, CodeKind};
use crate::fault;
use crate::guard::Running;
use crate::keys::Keys;
use crate::trail::Trail;
use std::sync::Arc;
use tornado_contracts::auth::AuthError;
use tornado_rpc::Done;
use tornado_runtime::clock::Clock;
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::Secret;
use tornado_store::identity::{Factor, FactorOwner, IdentityStore, NewAudit};
use zeroize::Zeroizing;

const RECOVERY_CODES: usize = 10;

/// Second factors in the store, sealed with the at-rest key.
pub struct Factors {
    store: Arc<dyn IdentityStore>,
    keys: Arc<Keys>,
    trail: Arc<Trail>,
    clock: Clock,
}

impl Factors {
    pub fn new(store: Arc<dyn IdentityStore>, keys: Arc<Keys>, trail: Arc<Trail>, clock: Clock) -> Self {
        Self { store, keys, trail, clock }
    }

    pub async fn has_factor(&self, owner: FactorOwner) -> Result<bool, AuthError> {
        let factor = self.store.factor(owner).await.map_err(fault::store)?;
        Ok(factor.is_some_and(|factor| factor.confirmed))
    }

    /// Completes an attempt whose password was right. Returns the sealed secret of the factor, if the owner has one.
    pub async fn judge_factor(
        &self,
        attempt: Running<'_>,
        owner: FactorOwner,
        actor: &str,
        code: Option<&Secret>,
    ) -> Result<Option<Vec<u8>>, AuthError> {
        if code.is_some() {
            attempt.check_code()?;
        }
        let judged = self.check_factor(owner, actor, code).await;
        match &judged {
            Ok(_) => attempt.succeeded(),
            Err(AuthError::TotpInvalid) => attempt.code_failed(),
            Err(_) => {}
        }
        judged
    }

    /// Each code is accepted once.
    async fn check_factor(
        &self,
        owner: FactorOwner,
        actor: &str,
        code: Option<&Secret>,
    ) -> Result<Option<Vec<u8>>, AuthError> {
        let factor = self.store.factor(owner).await.map_err(fault::store)?;
        let Some(factor) = factor.filter(|factor| factor.confirmed) else { return Ok(None) };
        let code = code.filter(|code| !code.expose().trim().is_empty()).ok_or(AuthError::TotpRequired)?;
        let now = self.clock.now();
        let good = match totp::check(&*self.open_factor(owner, &factor)?, code, now) {
            Some(step) => self.store.use_step(owner, step).await.map_err(fault::store)?,
            None => {
                let hash = code::hash(CodeKind::Recovery, code);
                let subject = format!("{}:{}", owner.kind(), owner.id());
                let row = self.trail.row(&Actor::named(actor), "login.recovery_code", subject);
                let used = self.store.use_recovery(owner, &hash, now, &row).await.map_err(fault::store)?;
                if used {
                    self.trail.sign_trail().await;
                }
                used
            }
        };
        if good { Ok(Some(factor.sealed_secret)) } else { Err(AuthError::TotpInvalid) }
    }

    pub async fn offer_factor(
        &self,
        owner: FactorOwner,
        verified: &str,
        account: &str,
    ) -> Result<TotpOffer, AuthError> {
        let secret = Zeroizing::new(rand::random::<[u8; totp::SECRET_LEN]>());
        let sealed = self.keys.at_rest().seal_bytes(&aad(owner), &*secret, rand::random())?;
        if !self.store.offer_factor(owner, verified, &sealed, self.clock.now()).await.map_err(fault::store)? {
            let why = "an authenticator is already set up; remove it first";
            return Err(AuthError::InvalidFields(why.into()));
        }
        let (secret, url) =
            totp::offer(&secret, account).ok_or_else(|| fault::internal("cannot create an authenticator secret"))?;
        Ok(TotpOffer { secret, url })
    }

    pub async fn confirm_factor(
        &self,
        owner: FactorOwner,
        code: &Secret,
        row: &NewAudit,
    ) -> Result<RecoveryCodes, AuthError> {
        let factor = self.store.factor(owner).await.map_err(fault::store)?;
        let Some(factor) = factor.filter(|factor| !factor.confirmed) else {
            return Err(AuthError::InvalidFields("there is no authenticator to confirm; start again".into()));
        };
        let step = totp::check(&*self.open_factor(owner, &factor)?, code, self.clock.now());
        let step = step.ok_or(AuthError::TotpInvalid)?;
        let codes: Vec<Secret> = (0..RECOVERY_CODES).map(|_| code::write(&rand::random())).collect();
        let hashes: Vec<_> = codes.iter().map(|code| code::hash(CodeKind::Recovery, code)).collect();
        if !self.store.confirm_factor(owner, &factor.sealed_secret, step, &hashes, row).await.map_err(fault::store)? {
            return Err(AuthError::InvalidFields("the authenticator is already confirmed".into()));
        }
        self.trail.sign_trail().await;
        Ok(RecoveryCodes { codes })
    }

    pub async fn remove_factor(&self, owner: FactorOwner, verified: &str, row: &NewAudit) -> Result<Done, AuthError> {
        if !self.store.remove_factor(owner, verified, row).await.map_err(fault::store)? {
            return Err(AuthError::NotFound("authenticator".into()));
        }
        self.trail.sign_trail().await;
        Ok(Done {})
    }

    fn open_factor(&self, owner: FactorOwner, factor: &Factor) -> Result<Zeroizing<[u8; totp::SECRET_LEN]>, AuthError> {
        Ok(self.keys.at_rest().open_bytes(&aad(owner), &factor.sealed_secret)?)
    }
}

fn aad(owner: FactorOwner) -> Vec<u8> {
    format!("tornado-vpn second factor\0{}\0{}", owner.kind(), owner.id()).into_bytes()
}
