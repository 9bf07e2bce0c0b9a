//! Changes of a device's circuits: another exit country, or a new identity. Both set a new isolation number, so that
//! Tor uses new circuits for the device.
//!
//! Stored first: if the lanes fail, the next put or sync applies the change.

use crate::core::Core;
use crate::error;
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::{ChooseExit, SessionError};
use tornado_contracts::tor::CountryRefusal;
use tornado_rpc::{Done, Fault};
use tornado_shared::model::{CountryCode, DeviceId, FamilyId, SessionState};

/// Sets the device's exit country after `tor` has confirmed that it is available.
pub(crate) async fn choose_exit(core: &Core, input: ChooseExit) -> Result<Done, SessionError> {
    let ChooseExit { access_token, country } = input;
    let token = AccessToken { access_token };
    let claims = core.access.verify(&token).await?;
    let device = claims.device_id;
    let _guard = core.registry.locks.lock(device).await;
    let entry = core.access.session_or_login(&claims, token).await?;
    let former = match &entry {
        Some(entry) => entry.circuits().1,
        None => core.store.exit(device).await.map_err(error::store)?,
    };
    if former == country {
        return Ok(Done {});
    }
    count_change(core, device)?;
    if let Some(country) = country {
        core.countries.check_limit(country, claims.sub, device)?;
        start_exit(core, country).await?;
    }
    let session = entry.as_ref().map(|entry| entry.session_id);
    let number = core.store.choose_exit(device, session, country).await;
    let number = number.map_err(error::store)?;
    if let Some(entry) = entry {
        let isolation = number.and_then(|number| number.try_into().ok()).ok_or(SessionError::SessionExpired)?;
        entry.set_circuits(isolation, country);
        if entry.has_peers() {
            core.lanes.put(&entry).await.map_err(error::wg)?;
        }
    }
    core.countries.request_report();
    Ok(Done {})
}

/// Sets a new isolation number for the token's device.
pub(crate) async fn new_identity(core: &Core, token: AccessToken) -> Result<Done, SessionError> {
    let claims = core.access.verify(&token).await?;
    count_change(core, claims.device_id)?;
    renew_identity(core, claims.device_id, |family| family == claims.fam).await
}

/// Sets a new isolation number if `may` accepts the login that opened the session.
pub(crate) async fn renew_identity(
    core: &Core,
    device: DeviceId,
    may: impl FnOnce(FamilyId) -> bool,
) -> Result<Done, SessionError> {
    let _guard = core.registry.locks.lock(device).await;
    let entry = core.registry.of_device(device).filter(|entry| may(entry.family_id));
    let entry = entry.ok_or(SessionError::SessionExpired)?;
    let state = entry.state();
    match state {
        SessionState::Online | SessionState::Offline => {}
        SessionState::Connecting | SessionState::Closed => return Err(SessionError::SessionExpired),
    }
    let number = core.store.renew_isolation(entry.session_id).await.map_err(error::store)?;
    let isolation = number.and_then(|number| number.try_into().ok()).ok_or(SessionError::SessionExpired)?;
    entry.set_circuits(isolation, entry.circuits().1);
    if state == SessionState::Online {
        core.lanes.put(&entry).await.map_err(error::wg)?;
    }
    Ok(Done {})
}

/// Counts a change of circuits against the device's rate limit.
fn count_change(core: &Core, device: DeviceId) -> Result<(), SessionError> {
    let taken = core.changes.lock().take(device, core.now());
    taken.map_err(|retry_after| SessionError::TooOften { retry_after })
}

/// Makes `tor` start the country. Until the choice is stored, periodic calls do not contain it; `tor` tolerates
/// that.
async fn start_exit(core: &Core, country: CountryCode) -> Result<(), SessionError> {
    let mut desired = core.countries.in_use();
    desired.countries.insert(country);
    let report = core.tor.sync_countries(desired).await.map_err(|error| {
        let why = Fault::Unavailable(format!("cannot select an exit country: {error}"));
        SessionError::from(why)
    })?;
    match report.refused.get(&country) {
        Some(why @ (CountryRefusal::NoExit | CountryRefusal::TooMany { .. })) => {
            Err(SessionError::NoExit { country, why: why.to_string() })
        }
        None => Ok(()),
    }
}
