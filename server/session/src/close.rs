//! Closes a session: first its peers, then live row, history and lease in one transaction, then the event.

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
    /// Closes the device's session, if any.
    pub async fn close_of_device(&self, device: DeviceId, reason: CloseReason) -> Result<Closed, SessionError> {
        let _guard = self.locks.lock(device).await;
        let Some(entry) = self.registry.of_device(device) else { return Ok(Closed { session_id: None }) };
        self.close(&entry, reason, AfterClose::Quarantine).await?;
        Ok(Closed { session_id: Some(entry.session_id) })
    }

    /// Closes a session. The caller holds the device's lock. From the first statement on, heartbeats of the session
    /// fail. If the store fails, the entry stays closed in memory and the sweep retries.
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
                tracing::warn!(%error, "cannot remove a peer; the next comparison of the lanes retries");
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
            tracing::warn!(%error, "cannot remove the rate of a closed session; the next sweep retries");
        }
        if let Err(error) = self.live.forget(entry.session_id).await {
            tracing::warn!(%error, "cannot remove live state of a closed session");
        }
        if closed_now {
            self.publish(entry, Change::Closed(reason), at).await;
        }
        Ok(())
    }
}
