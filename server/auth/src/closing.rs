//! Closes sessions whose login has ended.
//!
//! The set of sessions to close is not stored. It is the difference between the live sessions of `session` and the
//! logins in the store, so a crash between ending a login and closing its session loses nothing.

use crate::fault;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tornado_contracts::auth::AuthError;
use tornado_contracts::session::{CloseDevice, LiveQuery, LiveSession, SessionError, Sessions};
use tornado_shared::model::{CloseReason, DeviceId, UserId};
use tornado_store::identity::{RevokeReason, SqlIdentityStore};

/// Closes sessions at `session`.
pub struct Closing {
    store: SqlIdentityStore,
    sessions: Arc<dyn Sessions>,
    /// True while live sessions must be compared with logins; true at start.
    unsettled: AtomicBool,
}

/// A pending close, created before a login is ended. If it is dropped before the close succeeded (the session service
/// failed, or the call's deadline passed), the next comparison closes the session.
pub struct PendingClose<'a> {
    unsettled: &'a AtomicBool,
    done: bool,
}

impl PendingClose<'_> {
    /// No session remains to be closed.
    pub fn done(mut self) {
        self.done = true;
    }
}

impl Drop for PendingClose<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.unsettled.store(true, Ordering::SeqCst);
        }
    }
}

impl Closing {
    pub fn new(store: SqlIdentityStore, sessions: Arc<dyn Sessions>) -> Self {
        Self { store, sessions, unsettled: AtomicBool::new(true) }
    }

    /// Requests a comparison of live sessions with logins.
    pub fn mark_unsettled(&self) {
        self.unsettled.store(true, Ordering::SeqCst);
    }

    pub const fn begin(&self) -> PendingClose<'_> {
        PendingClose { unsettled: &self.unsettled, done: false }
    }

    /// Live sessions of an account.
    pub async fn live(&self, user: UserId) -> Result<Vec<LiveSession>, SessionError> {
        self.sessions.live(LiveQuery { user_id: Some(user) }).await
    }

    /// Ends the sessions of devices whose logins were just ended; every code path uses this function. It returns once
    /// both peers of each session are removed. Failed closes are left to the next comparison.
    pub async fn end_sessions(
        &self,
        pending: PendingClose<'_>,
        devices: &[DeviceId],
        reason: CloseReason,
    ) -> Result<(), AuthError> {
        let close = |device: &DeviceId| self.sessions.close_device(CloseDevice { device_id: *device, reason });
        let closed = futures::future::join_all(devices.iter().map(close)).await;
        match closed.into_iter().find_map(Result::err) {
            None => {
                pending.done();
                Ok(())
            }
            Some(error) => Err(fault::unsettled(&error.to_string())),
        }
    }

    /// Ends the newest sessions of an account above the allowed number; their logins remain.
    pub async fn end_surplus(&self, user: UserId, max: u32) -> Result<(), AuthError> {
        let mut live = self.live(user).await.map_err(|error| fault::unsettled(&error.to_string()))?;
        live.sort_by_key(|session| (session.started_at, session.session_id.0));
        let surplus = live.iter().skip(usize::try_from(max).unwrap_or(usize::MAX));
        let devices: Vec<_> = surplus.map(|session| session.device_id).collect();
        self.end_sessions(self.begin(), &devices, CloseReason::Evicted).await
    }

    /// Closes a device's session now. On failure the next comparison closes it.
    pub async fn close_device(
        &self,
        pending: PendingClose<'_>,
        device: DeviceId,
        reason: CloseReason,
    ) -> Result<(), SessionError> {
        self.sessions.close_device(CloseDevice { device_id: device, reason }).await?;
        pending.done();
        Ok(())
    }

    /// Closes every live session whose device no longer has a login, if one may have been missed: after a start, after
    /// a failed close, and at each upkeep.
    pub async fn settle_sessions(&self) {
        if !self.unsettled.swap(false, Ordering::SeqCst) {
            return;
        }
        let pending = self.begin();
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
            pending.done();
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
