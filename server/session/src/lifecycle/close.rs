//! Closes a session: first its peers, then live row, history and lease in one transaction, then the event.

use crate::core::Core;
use crate::error;
use crate::registry::Entry;
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::{Closed, EventKind, SessionError};
use tornado_runtime::trial::fault_point;
use tornado_shared::model::{CloseReason, DeviceId};
use tornado_store::sessions::{AfterClose, CloseSession};

/// Closes the session of the token's device.
pub(crate) async fn disconnect(core: &Core, token: AccessToken) -> Result<Closed, SessionError> {
    let claims = core.access.verify(&token).await?;
    let _guard = core.registry.locks.lock(claims.device_id).await;
    // The session may belong to the device's previous login. Only `auth` knows which of the two was revoked.
    if core.registry.of_device(claims.device_id).is_some_and(|entry| entry.family_id != claims.fam) {
        core.access.whoami(token).await?;
    }
    close_current(core, claims.device_id, CloseReason::Disconnect).await
}

/// Closes the device's session, if any.
pub(crate) async fn close_device(core: &Core, device: DeviceId, reason: CloseReason) -> Result<Closed, SessionError> {
    let _guard = core.registry.locks.lock(device).await;
    close_current(core, device, reason).await
}

async fn close_current(core: &Core, device: DeviceId, reason: CloseReason) -> Result<Closed, SessionError> {
    let Some(entry) = core.registry.of_device(device) else { return Ok(Closed { session_id: None }) };
    close(core, &entry, reason, AfterClose::Quarantine).await?;
    Ok(Closed { session_id: Some(entry.session_id) })
}

/// Closes a session. The caller holds the device's lock. From the first statement on, heartbeats of the session
/// fail. If the store fails, the entry stays closed in memory and the sweep retries.
pub(crate) async fn close(
    core: &Core,
    entry: &Entry,
    reason: CloseReason,
    lease: AfterClose,
) -> Result<(), SessionError> {
    let reason = entry.close(reason);
    let lease = match core.lanes.remove(entry).await {
        Ok(()) => lease,
        Err(error) => {
            tracing::warn!(%error, "cannot remove a peer; the next comparison of the lanes retries");
            core.lanes.request_check();
            AfterClose::Quarantine
        }
    };
    fault_point("close.unpeered");
    let at = core.now();
    let (direct, tor) = entry.transferred();
    let close = CloseSession { session_id: entry.session_id, reason, at, direct, tor, lease };
    let is_first = core.store.close(&close).await.map_err(error::store)?;
    fault_point("close.stored");
    core.registry.remove(entry);
    if let Err(error) = core.policies.apply(entry).await {
        tracing::warn!(%error, "cannot remove the rate of a closed session; the next sweep retries");
    }
    core.live.forget(entry).await;
    if is_first {
        core.counters.ends.get_or_create(&[("reason", reason.as_str())]).inc();
        core.live.publish(entry, EventKind::Closed(reason), at).await;
    }
    Ok(())
}
