//! Closes sessions whose login has ended.
//!
//! The set of sessions to close is not stored. It is the difference between the live sessions of `session` and the
//! logins in the store, so a crash between ending a login and closing its session loses nothing.

use super::{Service, fault};
use std::sync::atomic::{AtomicBool, Ordering};
use tornado_contracts::auth::AuthError;
use tornado_contracts::session::{CloseDevice, LiveQuery, SessionError};
use tornado_shared::model::{CloseReason, DeviceId};
use tornado_store::identity::RevokeReason;

/// True while live sessions must be compared with logins; true at start.
#[derive(Debug)]
pub(super) struct Unsettled(AtomicBool);

/// A pending close, created before a login is ended. If it is dropped before the close succeeded (the session service
/// failed, or the call's deadline passed), the next comparison closes the session.
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
    /// Ends the sessions of devices whose logins were just ended; every code path uses this function. It returns once
    /// both peers of each session are removed. Failed closes are left to the next comparison.
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

    /// Closes a device's session now. On failure the next comparison closes it.
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

    /// Closes every live session whose device no longer has a login, if one may have been missed: after a start, after
    /// a failed close, and at each upkeep.
    pub async fn settle_sessions(&self) {
        if !self.unsettled.0.swap(false, Ordering::SeqCst) {
            return;
        }
        let owed = self.unsettled.owe();
        let live = match self.sessions.live(LiveQuery::default()).await {
            Ok(live) => live,
            Err(error) => {
                tracing::debug!(%error, "could not get the connected devices from session; retrying");
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

    /// Returns true when the device needs no further work. A newer login of the device keeps the session; its connect
    /// replaces it.
    async fn settle(&self, device: DeviceId) -> bool {
        let reason = match self.store.ended(device).await {
            Ok(None) => return true,
            Ok(Some(reason)) => close_reason(reason),
            Err(error) => {
                tracing::error!(%error, "identity store failed");
                return false;
            }
        };
        match self.sessions.close_device(CloseDevice { device_id: device, reason }).await {
            Ok(closed) => {
                if closed.session_id.is_some() {
                    tracing::info!(%device, ?reason, "closed a session that outlived its login");
                }
                true
            }
            Err(error) => {
                tracing::warn!(%error, "could not close the session of an ended login; retrying later");
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
