//! Operations authorised by tokens: refresh, connect, profile, logout.

use super::welcome::view;
use super::{Service, fault};
use crate::tokens::Holder;
use sha2::{Digest as _, Sha256};
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::{AuthError, Authorize, Grant, LanePresharedKeys, RefreshToken};
use tornado_contracts::token::{Claims, TokenError};
use tornado_rpc::{Done, Fault};
use tornado_runtime::trial::fault_point;
use tornado_shared::api::{Attempt, Profile, Tokens};
use tornado_shared::model::{CloseReason, FamilyId, Lane, Secret, UnixSeconds};
use tornado_store::identity::{KeyOutcome, RevokeReason, RotateOutcome, Rotation, Standing};
use uuid::Uuid;

impl Service {
    /// One conditional update decides who may use a refresh token; reuse ends login and session. The latest refresh may
    /// be repeated with its idempotency key, so a lost response does not end a login.
    pub(super) async fn rotate(&self, input: &RefreshToken) -> Result<Tokens, AuthError> {
        let now = self.clock.now();
        let claims = self.keys.tokens().verify_refresh(&input.refresh_token, now).map_err(refresh_error)?;
        let attempt = input.attempt.map(|attempt| Sha256::digest(attempt.0).into());
        let next = input.attempt.map_or_else(Uuid::new_v4, |attempt| successor(claims.jti, attempt));
        let expires_at = now.saturating_add(self.config.refresh_lifetime);
        let newer = self.restored.filter(|restored| restored.covers(&claims)).map(|_| claims.exp);
        let rotation = Rotation { family: claims.fam, spent: claims.jti, attempt, next, now, expires_at, newer };
        let owed = self.unsettled.owe();
        match self.store.rotate(&rotation).await.map_err(fault::store)? {
            RotateOutcome::Rotated => {
                owed.paid();
                fault_point("refresh.stored");
                let holder = Holder { user: claims.sub, device: claims.device_id, family: claims.fam };
                let pair = self.keys.tokens().write(holder, next, now, self.lifetimes());
                pair.map_err(|_| fault::internal("cannot sign a token"))
            }
            RotateOutcome::Reused => {
                tracing::warn!(family = %claims.fam, "refresh token reused; login revoked");
                let device = format!("device:{}", claims.device_id);
                self.note("service:auth", "login.refresh_reused", &device, Outcome::Done).await;
                // The login ends in any case. A session that cannot be closed now is closed by the next comparison.
                if let Err(error) = self.close(owed, claims.device_id, CloseReason::Revoked).await {
                    tracing::warn!(%error, "could not close the session of an ended login; retrying later");
                }
                Err(AuthError::RefreshReused)
            }
            RotateOutcome::Refused => {
                owed.paid();
                Err(self.why_refused(claims.fam, now).await?)
            }
        }
    }

    async fn why_refused(&self, family: FamilyId, now: UnixSeconds) -> Result<AuthError, AuthError> {
        let standing = self.store.standing(family).await.map_err(fault::store)?;
        Ok(match standing {
            None => AuthError::RefreshInvalid,
            Some(standing) if standing.revoked == Some(RevokeReason::Reused) => AuthError::RefreshReused,
            Some(standing) => match check(&standing) {
                Err(error) => error,
                Ok(()) if standing.expires_at <= now => AuthError::RefreshExpired,
                Ok(()) => AuthError::RefreshInvalid,
            },
        })
    }

    /// Ends the login, then its session. Idempotent, so a caller can retry when the session service did not respond.
    pub(super) async fn log_out(&self, token: &Secret) -> Result<Done, AuthError> {
        let now = self.clock.now();
        let claims = self.keys.tokens().verify_refresh(token, now).map_err(refresh_error)?;
        let owed = self.unsettled.owe();
        let ended = self.store.revoke_family(claims.fam, RevokeReason::Logout, now).await.map_err(fault::store)?;
        if !ended {
            let standing = self.store.standing(claims.fam).await.map_err(fault::store)?;
            // A newer login of the same device owns the session now.
            if standing.is_none_or(|standing| standing.revoked == Some(RevokeReason::Replaced)) {
                owed.paid();
                return Ok(Done {});
            }
        }
        self.close(owed, claims.device_id, CloseReason::Logout).await.map_err(|error| {
            tracing::warn!(%error, "login ended, but could not close its session; retrying later");
            Fault::Unavailable("you are logged out, but the tunnel is still open; it closes in a moment".into())
        })?;
        Ok(Done {})
    }

    pub(super) async fn profile(&self, token: &Secret) -> Result<Profile, AuthError> {
        let (_, standing) = self.holder(token).await?;
        Ok(Profile {
            user: view(&standing.user),
            device_id: standing.device,
            device_name: standing.device_name,
            max_devices: standing.user.max_devices,
            month_quota: standing.user.month_quota,
        })
    }

    pub(super) async fn grant(&self, input: &Authorize) -> Result<Grant, AuthError> {
        let Authorize { access_token, public_key: key, plain } = input;
        let (claims, standing) = self.holder(access_token).await?;
        if standing.wireguard_key != Some(*key) {
            match self.store.set_wireguard_key(standing.device, key).await.map_err(fault::store)? {
                KeyOutcome::Set => {}
                KeyOutcome::InUse => return Err(AuthError::KeyInUse),
                KeyOutcome::DeviceGone => return Err(AuthError::Revoked),
            }
        }
        // Nothing refreshes this login. If its row were deleted when the tokens expire, a suspension would no longer
        // find it.
        if *plain && !self.store.keep_family(claims.fam).await.map_err(fault::store)? {
            return Err(AuthError::Revoked);
        }
        fault_point("grant.keyed");
        let preshared_keys = match &standing.sealed_export {
            None => None,
            Some(sealed) => {
                let export = self.keys.at_rest.open(claims.fam, sealed).map_err(fault::seal)?;
                let of = |lane| export.preshared_key(lane, key);
                Some(LanePresharedKeys { direct: of(Lane::Direct), tor: of(Lane::Tor) })
            }
        };
        let traffic_policy = super::users::traffic_policy(&standing.user);
        Ok(Grant {
            user_id: standing.user.id,
            username: standing.user.username,
            device_id: standing.device,
            family_id: claims.fam,
            max_devices: standing.user.max_devices,
            month_quota: standing.user.month_quota,
            traffic_policy,
            preshared_keys,
        })
    }

    /// The holder of an access token, checked against the store and not only by signature.
    pub(super) async fn holder(&self, token: &Secret) -> Result<(Claims, Standing), AuthError> {
        let claims = self.keys.tokens().verify_access(token, self.clock.now()).map_err(AuthError::Token)?;
        let standing = self.store.standing(claims.fam).await.map_err(fault::store)?.ok_or(AuthError::Revoked)?;
        check(&standing)?;
        if standing.user.id != claims.sub || standing.device != claims.device_id {
            return Err(AuthError::Token(TokenError::Invalid));
        }
        Ok((claims, standing))
    }
}

/// Id of the refresh token that this refresh issues. Each retry of a refresh gets the same id: retries may overtake
/// each other on a busy server, and any response that reaches the device must be valid.
fn successor(spent: Uuid, attempt: Attempt) -> Uuid {
    let digest = Sha256::new().chain_update(b"tornado refresh").chain_update(spent).chain_update(attempt.0).finalize();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, digest)| *byte = digest);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Checks that a login still grants rights.
fn check(standing: &Standing) -> Result<(), AuthError> {
    if standing.user_deleted || !standing.user.is_active {
        return Err(AuthError::UserInactive);
    }
    if standing.revoked.is_some() || standing.device_removed {
        return Err(AuthError::Revoked);
    }
    Ok(())
}

const fn refresh_error(error: TokenError) -> AuthError {
    match error {
        TokenError::Expired => AuthError::RefreshExpired,
        TokenError::Invalid | TokenError::UnknownKey => AuthError::RefreshInvalid,
    }
}
