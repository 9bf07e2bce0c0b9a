//! Sessions that have to end because their login did.
//!
//! What is still to be closed is not remembered: it is what `session` has and the store says has ended. So
//! nothing is lost when this service dies between ending a login and closing its session.

use super::{Service, fault};
use std::sync::atomic::{AtomicBool, Ordering};
use tornado_contracts::auth::AuthError;
use tornado_contracts::session::{CloseDevice, LiveQuery, SessionError};
use tornado_shared::model::{CloseReason, DeviceId};
use tornado_store::identity::RevokeReason;

/// Whether live sessions have to be compared with logins. At start they have to.
#[derive(Debug)]
pub(super) struct Unsettled(AtomicBool);

/// A close that is owed from before a login is ended. Dropped unpaid (the session service failed, the call's
/// deadline cut it off), it leaves the debt to the next comparison.
pub(super) struct Owed<'a> {
    unsettled: &'a Unsettled,
    paid: bool,
}

impl Default for Unsettled {
    fn default() -> Self {
        Self(AtomicBool::new(true))
    }
}

impl Unsettled {
    pub(super) fn mark(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    pub(super) const fn owe(&self) -> Owed<'_> {
        Owed { unsettled: self, paid: false }
    }
}

impl Owed<'_> {
    pub(super) fn paid(mut self) {
        self.paid = true;
    }
}

impl Drop for Owed<'_> {
    fn drop(&mut self) {
        if !self.paid {
            self.unsettled.mark();
        }
    }
}

impl Service {
    /// Ends the sessions of devices that have just lost their logins, by whatever way: the one path for all. The answer
    /// comes when both peers of each are gone; what fails now is done by the next comparison.
    pub(super) async fn end_sessions(
        &self,
        owed: Owed<'_>,
        devices: &[DeviceId],
        reason: CloseReason,
    ) -> Result<(), AuthError> {
        let close = |device: &DeviceId| self.sessions.close_device(CloseDevice { device_id: *device, reason });
        let closed = futures::future::join_all(devices.iter().map(close)).await;
        match closed.into_iter().find_map(Result::err) {
            None => {
                owed.paid();
                Ok(())
            }
            Some(error) => Err(fault::unsettled(&error.to_string())),
        }
    }

    /// Closes a device's session now; when that fails, the next comparison does it.
    pub(super) async fn close(
        &self,
        owed: Owed<'_>,
        device: DeviceId,
        reason: CloseReason,
    ) -> Result<(), SessionError> {
        self.sessions.close_device(CloseDevice { device_id: device, reason }).await?;
        owed.paid();
        Ok(())
    }

    /// Closes every live session whose device has no login any more, if one may have been missed: after a
    /// start, after a close that failed, and at each upkeep.
    pub async fn settle_sessions(&self) {
        if !self.unsettled.0.swap(false, Ordering::SeqCst) {
            return;
        }
        let owed = self.unsettled.owe();
        let live = match self.sessions.live(LiveQuery::default()).await {
            Ok(live) => live,
            Err(error) => {
                tracing::debug!(%error, "session does not say which devices are connected; trying again");
                return;
            }
        };
        let mut all_closed = true;
        for session in live {
            all_closed &= self.settle(session.device_id).await;
        }
        if all_closed {
            owed.paid();
        }
    }

    /// True when nothing is left to be done. A newer login of the device keeps the session; its connect
    /// replaces it.
    async fn settle(&self, device: DeviceId) -> bool {
        let reason = match self.store.ended(device).await {
            Ok(None) => return true,
            Ok(Some(reason)) => close_reason(reason),
            Err(error) => {
                tracing::error!(%error, "the identity store failed");
                return false;
            }
        };
        match self.sessions.close_device(CloseDevice { device_id: device, reason }).await {
            Ok(closed) => {
                if closed.session_id.is_some() {
                    tracing::info!(%device, ?reason, "a session outlived its login and was closed");
                }
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the session of an ended login is still to be closed");
                false
            }
        }
    }
}

const fn close_reason(reason: RevokeReason) -> CloseReason {
    match reason {
        RevokeReason::Logout => CloseReason::Logout,
        RevokeReason::Replaced => CloseReason::Replaced,
        RevokeReason::Reused
        | RevokeReason::DeviceRemoved
        | RevokeReason::Suspended
        | RevokeReason::Deleted
        | RevokeReason::PasswordChanged
        | RevokeReason::Revoked => CloseReason::Revoked,
    }
}
