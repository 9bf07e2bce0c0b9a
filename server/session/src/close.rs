//! Closing: peers first, then live row, history and lease in one transaction, then everybody hears of it.

use crate::entry::Entry;
use crate::fault;
use crate::machine::{Change, Machine};
use crate::service::Service;
use std::sync::Arc;
use tornado_contracts::session::{Closed, SessionError};
use tornado_runtime::trial::fault_point;
use tornado_shared::model::{CloseReason, DeviceId};
use tornado_store::sessions::{AfterClose, CloseSession};

impl Service {
    /// Ends the session of a device, if it has one.
    pub async fn close_of_device(&self, device: DeviceId, reason: CloseReason) -> Result<Closed, SessionError> {
        let _guard = self.locks.lock(device).await;
        let Some(entry) = self.registry.of_device(device) else { return Ok(Closed { session_id: None }) };
        self.close(&entry, reason, AfterClose::Quarantine).await?;
        Ok(Closed { session_id: Some(entry.session_id) })
    }

    /// Ends a session; to be called under its device's lock. From the first line on no heartbeat is answered
    /// with ok. When the store fails the session stays known as closed, and the sweep tries again.
    pub async fn close(&self, entry: &Arc<Entry>, reason: CloseReason, lease: AfterClose) -> Result<(), SessionError> {
        let reason = {
            let mut cell = entry.cell();
            cell.machine = cell.machine.close(reason).0;
            match cell.machine {
                Machine::Closed(closed) => closed.reason,
                Machine::Connecting(_) | Machine::Online(_) | Machine::Offline(_) => reason,
            }
        };
        let lease = match self.lanes.remove(entry).await {
            Ok(()) => lease,
            Err(error) => {
                tracing::warn!(%error, "a peer could not be removed now; the next comparison of the lanes removes it");
                self.look_at_lanes.notify_one();
                AfterClose::Quarantine
            }
        };
        fault_point("close.unpeered");
        let at = self.now();
        let (direct, tor) = {
            let cell = entry.cell();
            (cell.direct.total, cell.tor.total)
        };
        let close = CloseSession { session_id: entry.session_id, reason, at, direct, tor, lease };
        let closed_now = self.store.close(&close).await.map_err(|error| fault::store(&error))?;
        fault_point("close.stored");
        self.registry.remove(entry);
        if let Err(error) = self.treat(entry).await {
            tracing::warn!(%error, "the lanes still hold a rate of a session that ended; the next sweep says so again");
        }
        if let Err(error) = self.live.forget(entry.session_id).await {
            tracing::warn!(%error, "live state of a closed session was not removed");
        }
        if closed_now {
            self.publish(entry, Change::Closed(reason), at).await;
        }
        Ok(())
    }
}
