//! Heartbeats of devices.

use super::close;
use super::state::persist_state;
use crate::core::Core;
use crate::error;
use crate::machine::Change;
use crate::registry::Entry;
use tornado_contracts::auth::AccessToken;
use tornado_contracts::session::{EventKind, HeartbeatOutcome, HeartbeatReply, SessionError};
use tornado_runtime::trial::fault_point;
use tornado_shared::model::{CloseReason, SessionState};
use tornado_store::sessions::AfterClose;

/// Handles a heartbeat. The token identifies the device; only the state of the session decides whether it
/// continues.
pub(crate) async fn heartbeat(core: &Core, token: AccessToken) -> Result<HeartbeatReply, SessionError> {
    let claims = core.access.verify(&token).await?;
    let _guard = core.registry.locks.lock(claims.device_id).await;
    let entry = core.access.session_of(&claims).ok_or(SessionError::SessionExpired)?;
    let recovered = record(core, &entry, false).await?;
    let outcome = if recovered { HeartbeatOutcome::Reconnected } else { HeartbeatOutcome::Ok };
    Ok(HeartbeatReply { outcome })
}

/// Records a heartbeat of a session that is not closed. The caller holds the device's lock. An offline session
/// comes back online, or stays offline if the lanes fail. Returns true if it came back. The peers are put if it came
/// back or if `put_peers` is true.
pub(crate) async fn record(core: &Core, entry: &Entry, put_peers: bool) -> Result<bool, SessionError> {
    let now = core.now();
    let (state, change) = entry.after_heartbeat(now);
    if let Some(Change::Closed(reason)) = change {
        close::close(core, entry, reason, AfterClose::Quarantine).await?;
        return Err(SessionError::SessionExpired);
    }
    match state {
        SessionState::Online => {}
        SessionState::Connecting | SessionState::Offline | SessionState::Closed => {
            return Err(SessionError::SessionExpired);
        }
    }
    if put_peers || change == Some(Change::Recovered) {
        core.policies.apply(entry).await.map_err(error::wg)?;
        core.lanes.put(entry).await.map_err(error::wg)?;
        fault_point("recover.peered");
    }
    // Applied to the current state, which a handshake may have changed.
    entry.record_heartbeat(now);
    match persist_state(&core.store, entry).await {
        Ok(()) => {}
        Err(SessionError::SessionExpired) => {
            drop(close::close(core, entry, CloseReason::Replaced, AfterClose::Quarantine).await);
            return Err(SessionError::SessionExpired);
        }
        // Tunnels keep working without the database. The sweep writes the state later.
        Err(error) => tracing::warn!(%error, "cannot store a recovery; the sweep retries"),
    }
    core.live.update(entry).await;
    if let Some(change) = change {
        core.live.publish(entry, EventKind::from(change), now).await;
    }
    Ok(change.is_some())
}
