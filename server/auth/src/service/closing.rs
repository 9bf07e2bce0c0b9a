//! Sessions that have to end because their login did.

use super::Service;
use std::collections::VecDeque;
use std::sync::{MutexGuard, PoisonError};
use tornado_mesh::session::{CloseDevice, SessionError};
use tornado_shared::model::{CloseReason, DeviceId};

/// Most sessions remembered for another try; beyond it the oldest is given up (its login is ended all the same).
const MAX_PENDING: usize = 10_000;

/// A session that could not be closed yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingClose {
    device: DeviceId,
    reason: CloseReason,
}

impl Service {
    /// Closes a device's session now; when `session` does not answer, again and again later.
    pub(super) async fn close(&self, device: DeviceId, reason: CloseReason) -> Result<(), SessionError> {
        let closed = self.sessions.close_device(CloseDevice { device_id: device, reason }).await;
        if let Err(error) = closed {
            let mut pending = self.pending();
            if pending.len() >= MAX_PENDING {
                pending.pop_front();
            }
            pending.push_back(PendingClose { device, reason });
            return Err(error);
        }
        Ok(())
    }

    /// Tries what is pending once more, in order, until the first failure.
    pub async fn close_pending(&self) {
        loop {
            let Some(next) = self.pending().front().copied() else { return };
            let close = CloseDevice { device_id: next.device, reason: next.reason };
            if let Err(error) = self.sessions.close_device(close).await {
                tracing::debug!(%error, "session still does not close");
                return;
            }
            self.pending().pop_front();
        }
    }

    fn pending(&self) -> MutexGuard<'_, VecDeque<PendingClose>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
