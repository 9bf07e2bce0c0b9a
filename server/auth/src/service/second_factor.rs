//! The second factor of users and operators: authenticator codes and recovery codes.

use super::access::Actor;
use super::{Service, fault};
use crate::code::{self, CodeKind};
use crate::totp;
use tornado_contracts::auth::AuthError;
use tornado_rpc::Done;
use tornado_shared::api::{RecoveryCodes, TotpOffer};
use tornado_shared::model::Secret;
use tornado_store::identity::{Factor, FactorOwner, NewAudit};
use zeroize::Zeroizing;

const RECOVERY_CODES: usize = 10;

impl Service {
    pub(super) async fn has_factor(&self, owner: FactorOwner) -> Result<bool, AuthError> {
        let factor = self.store.factor(owner).await.map_err(fault::store)?;
        Ok(factor.is_some_and(|factor| factor.confirmed))
    }

    /// Called after the password was found right. Each code is accepted once. Returns the sealed secret of the factor.
    pub(super) async fn check_factor(
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
                let row =
                    self.row(&Actor::named(actor), "login.recovery_code", format!("{}:{}", owner.kind(), owner.id()));
                let used = self.store.use_recovery(owner, &hash, now, &row).await.map_err(fault::store)?;
                if used {
                    self.sign_trail().await;
                }
                used
            }
        };
        if good { Ok(Some(factor.sealed_secret)) } else { Err(AuthError::TotpInvalid) }
    }

    pub(super) async fn offer_factor(
        &self,
        owner: FactorOwner,
        verified: &str,
        account: &str,
    ) -> Result<TotpOffer, AuthError> {
        let secret = Zeroizing::new(rand::random::<[u8; totp::SECRET_LEN]>());
        let sealed = self.keys.at_rest.seal_bytes(&aad(owner), &*secret, rand::random()).map_err(fault::seal)?;
        if !self.store.offer_factor(owner, verified, &sealed, self.clock.now()).await.map_err(fault::store)? {
            let why = "an authenticator is already set up; remove it first";
            return Err(AuthError::InvalidFields(why.into()));
        }
        let (secret, url) =
            totp::offer(&secret, account).ok_or_else(|| fault::internal("cannot create an authenticator secret"))?;
        Ok(TotpOffer { secret, url })
    }

    pub(super) async fn confirm_factor(
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
        self.sign_trail().await;
        Ok(RecoveryCodes { codes })
    }

    pub(super) async fn remove_factor(
        &self,
        owner: FactorOwner,
        verified: &str,
        row: &NewAudit,
    ) -> Result<Done, AuthError> {
        if !self.store.remove_factor(owner, verified, row).await.map_err(fault::store)? {
            return Err(AuthError::NotFound("authenticator".into()));
        }
        self.sign_trail().await;
        Ok(Done {})
    }

    fn open_factor(&self, owner: FactorOwner, factor: &Factor) -> Result<Zeroizing<[u8; totp::SECRET_LEN]>, AuthError> {
        self.keys.at_rest.open_bytes(&aad(owner), &factor.sealed_secret).map_err(fault::seal)
    }
}

fn aad(owner: FactorOwner) -> Vec<u8> {
    format!("tornado-vpn second factor\0{}\0{}", owner.kind(), owner.id()).into_bytes()
}
