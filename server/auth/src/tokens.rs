//! Logins after they were opened: refresh, logout, and the rights of an access token.

use crate::core::Core;
use crate::fault;
use crate::keys::signing::{Holder, Lifetimes};
use sha2::{Digest as _, Sha256};
use tornado_contracts::TrafficPolicy;
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::{AuthError, Authorize, Grant, LanePresharedKeys, RefreshToken};
use tornado_contracts::token::{Claims, TokenError};
use tornado_rpc::{Done, Fault};
use tornado_runtime::trial::fault_point;
use tornado_shared::api::{IdempotencyKey, Profile, Tokens, UserView};
use tornado_shared::crypto::v2::ExportSecret;
use tornado_shared::model::{CloseReason, DeviceId, FamilyId, Lane, Secret, UnixSeconds, UserId, Username};
use tornado_store::identity::{
    DeviceClaim, KeyOutcome, NewLogin, RefreshOutcome, RevokeReason, Standing, TokenRefresh, User,
};
use uuid::Uuid;

/// A login to be stored, with its export secret sealed.
pub fn new_login(core: &Core, device: DeviceClaim, export: Option<&ExportSecret>) -> Result<NewLogin, AuthError> {
    let (family, now) = (FamilyId::random(), core.clock.now());
    let sealed_export = export.map(|export| core.keys.at_rest().seal(family, export, rand::random())).transpose()?;
    Ok(NewLogin {
        new_device: DeviceId::random(),
        device,
        family,
        refresh_jti: Uuid::new_v4(),
        sealed_export,
        now,
        expires_at: now.saturating_add(core.lifetimes.refresh),
    })
}

/// The first pair of tokens of a stored login. `longest`: limit of the access token's lifetime, seconds.
pub fn issue(
    core: &Core,
    user: UserId,
    device: DeviceId,
    login: &NewLogin,
    longest: Option<i64>,
) -> Result<Tokens, AuthError> {
    let access = longest.map_or(core.lifetimes.access, |longest| core.lifetimes.access.min(longest));
    let holder = Holder { user, device, family: login.family };
    let lifetimes = Lifetimes { access, ..core.lifetimes };
    Ok(core.keys.tokens().write(holder, login.refresh_jti, login.now, lifetimes)?)
}

/// One conditional update decides who may use a refresh token; reuse ends login and session. The latest refresh may
/// be repeated with its idempotency key, so a lost response does not end a login.
pub async fn refresh(core: &Core, input: &RefreshToken) -> Result<Tokens, AuthError> {
    let now = core.clock.now();
    let claims = core.keys.tokens().verify_refresh(&input.refresh_token, now).map_err(refresh_error)?;
    let idempotency_key = input.idempotency_key.map(|key| Sha256::digest(key.0).into());
    let next = input.idempotency_key.map_or_else(Uuid::new_v4, |key| successor(claims.jti, key));
    let expires_at = now.saturating_add(core.lifetimes.refresh);
    let newer = core.restored.filter(|restored| restored.covers(&claims)).map(|_| claims.exp);
    let refresh = TokenRefresh { family: claims.fam, spent: claims.jti, idempotency_key, next, now, expires_at, newer };
    let pending = core.closing.begin();
    match core.store.refresh(&refresh).await.map_err(fault::store)? {
        RefreshOutcome::Refreshed => {
            pending.done();
            fault_point("refresh.stored");
            let holder = Holder { user: claims.sub, device: claims.device_id, family: claims.fam };
            Ok(core.keys.tokens().write(holder, next, now, core.lifetimes)?)
        }
        RefreshOutcome::Reused => {
            tracing::warn!(family = %claims.fam, "refresh token reused; login revoked");
            let device = format!("device:{}", claims.device_id);
            core.trail.note("service:auth", "login.refresh_reused", &device, Outcome::Done).await;
            // The login ends in any case. A session that cannot be closed now is closed by the next comparison.
            if let Err(error) = core.closing.close_device(pending, claims.device_id, CloseReason::Revoked).await {
                tracing::warn!(%error, "could not close the session of an ended login; retrying later");
            }
            Err(AuthError::RefreshReused)
        }
        RefreshOutcome::Refused => {
            pending.done();
            Err(why_refused(core, claims.fam, now).await?)
        }
    }
}

async fn why_refused(core: &Core, family: FamilyId, now: UnixSeconds) -> Result<AuthError, AuthError> {
    let standing = core.store.standing(family).await.map_err(fault::store)?;
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
pub async fn logout(core: &Core, token: &Secret) -> Result<Done, AuthError> {
    let now = core.clock.now();
    let claims = core.keys.tokens().verify_refresh(token, now).map_err(refresh_error)?;
    let pending = core.closing.begin();
    let ended = core.store.revoke_family(claims.fam, RevokeReason::Logout, now).await.map_err(fault::store)?;
    if !ended {
        let standing = core.store.standing(claims.fam).await.map_err(fault::store)?;
        // A newer login of the same device owns the session now.
        if standing.is_none_or(|standing| standing.revoked == Some(RevokeReason::Replaced)) {
            pending.done();
            return Ok(Done {});
        }
    }
    core.closing.close_device(pending, claims.device_id, CloseReason::Logout).await.map_err(|error| {
        tracing::warn!(%error, "login ended, but could not close its session; retrying later");
        Fault::Unavailable("you are logged out, but the tunnel is still open; it closes in a moment".into())
    })?;
    Ok(Done {})
}

pub async fn whoami(core: &Core, token: &Secret) -> Result<Profile, AuthError> {
    let (_, standing) = holder(core, token).await?;
    Ok(Profile {
        user: view(&standing.user),
        device_id: standing.device,
        device_name: standing.device_name,
        max_devices: standing.user.max_devices,
        month_quota: standing.user.month_quota,
    })
}

pub async fn authorize(core: &Core, input: &Authorize) -> Result<Grant, AuthError> {
    let Authorize { access_token, public_key: key, exported } = input;
    let (claims, standing) = holder(core, access_token).await?;
    if standing.wireguard_key != Some(*key) {
        match core.store.set_wireguard_key(standing.device, key).await.map_err(fault::store)? {
            KeyOutcome::Set => {}
            KeyOutcome::InUse => return Err(AuthError::KeyInUse),
            KeyOutcome::DeviceGone => return Err(AuthError::Revoked),
        }
    }
    // Nothing refreshes this login. If its row were deleted when the tokens expire, a suspension would no longer
    // find it.
    if *exported && !core.store.keep_family(claims.fam).await.map_err(fault::store)? {
        return Err(AuthError::Revoked);
    }
    fault_point("grant.keyed");
    let preshared_keys = match &standing.sealed_export {
        None => None,
        Some(sealed) => {
            let export = core.keys.at_rest().open(claims.fam, sealed)?;
            let of = |lane| export.preshared_key(lane, key);
            Some(LanePresharedKeys { direct: of(Lane::Direct), tor: of(Lane::Tor) })
        }
    };
    let traffic_policy = traffic_policy(&standing.user);
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
pub async fn holder(core: &Core, token: &Secret) -> Result<(Claims, Standing), AuthError> {
    let claims = core.keys.tokens().verify_access(token, core.clock.now()).map_err(AuthError::Token)?;
    let standing = core.store.standing(claims.fam).await.map_err(fault::store)?.ok_or(AuthError::Revoked)?;
    check(&standing)?;
    if standing.user.id != claims.sub || standing.device != claims.device_id {
        return Err(AuthError::Token(TokenError::Invalid));
    }
    Ok((claims, standing))
}

/// Id of the refresh token that this refresh issues. Each retry of a refresh gets the same id: retries may overtake
/// each other on a busy server, and any response that reaches the device must be valid.
fn successor(spent: Uuid, key: IdempotencyKey) -> Uuid {
    let digest = Sha256::new().chain_update(b"tornado refresh").chain_update(spent).chain_update(key.0).finalize();
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

/// The account's traffic policy.
pub const fn traffic_policy(user: &User) -> TrafficPolicy {
    let User { download_rate, upload_rate, together, .. } = *user;
    TrafficPolicy { download_rate, upload_rate, peer_group: together }
}

/// An account as its own devices see it.
pub fn view(user: &User) -> UserView {
    new_view(user.id, user.username.clone(), user.email.clone(), user.is_active)
}

pub fn new_view(id: UserId, username: Username, email: Option<String>, is_active: bool) -> UserView {
    UserView { id, username, email: email.unwrap_or_default(), is_active }
}
