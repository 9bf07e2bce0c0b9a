//! Heartbeats, which keep the session alive.

use super::state::Connection;
use tokio::time::Instant;
use tornado_client::{DeviceApi, Error as ApiError};
use tornado_helper_api::ControlPlane;
use tornado_rpc::ServiceError as _;
use tornado_shared::model::Secret;
use tornado_tunnel::state::Phase;

impl Connection {
    /// Sends one heartbeat if it is due, and handles the response. Refreshes the token where needed. An unreachable
    /// server never ends the tunnel. `disconnects` is the number of disconnect requests from before the lock was taken.
    pub(crate) async fn heartbeat(&mut self, disconnects: u64) {
        let Some(session) = &self.session else { return };
        if session.schedule.due() > Instant::now() {
            return;
        }
        let api = session.server.api.clone();
        if matches!(self.control.phase(), Phase::Disconnected | Phase::Blocked) {
            // The tunnel went down while another call held the lock. A session without a tunnel is of no use.
            self.close_session().await;
            return;
        }
        let heartbeat = |api: DeviceApi, access: Secret| async move { api.heartbeat(&access).await.map(drop) };
        let mut outcome = self.credentials.authorised(&api, heartbeat).await;
        if outcome.as_ref().is_err_and(ApiError::is_session_expired) && self.control.disconnects() == disconnects {
            tracing::info!("the session expired on the server; connecting again with the same keys");
            outcome = match self.renew_session().await {
                Ok(changed) => {
                    self.publish.session(self.session_id());
                    if changed && let Err(error) = self.apply().await {
                        self.publish.notice(error.code(), &error);
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            };
        }
        match outcome {
            Ok(()) => {
                if self.publish.now().control == ControlPlane::Unreachable {
                    self.publish.recovered();
                }
                self.publish.control(ControlPlane::Reachable);
                if let Some(session) = &mut self.session {
                    session.schedule.succeeded(Instant::now(), rand::random());
                }
                // A device without the event stream, or one that was offline, learns of changes here.
                if let Some(host) = self.query_lanes().await {
                    self.follow_host(&host, disconnects).await;
                }
            }
            Err(error) => self.heartbeat_failed(&error, Instant::now(), disconnects).await,
        }
    }

    async fn heartbeat_failed(&mut self, error: &ApiError, now: Instant, disconnects: u64) {
        self.credentials.end_login_if_revoked(error);
        self.report(error);
        self.publish.account(self.credentials.account());
        if matches!(error, ApiError::WrongCertificate | ApiError::WrongServer(_)) {
            // The server's TLS key changed during a session: verify the new key with the pinned identity.
            if let Ok(server) = self.reach().await {
                self.set_server(server);
            }
        }
        if error.is_transient() {
            self.follow_moved_server(disconnects).await;
        }
        if let Some(session) = &mut self.session {
            session.schedule.failed(now, error.retry_after(), rand::random());
        }
        if error.ends_login() || ends_session(error) {
            // The server rejected this device and the user does not know yet, so no traffic may leave unprotected.
            self.session = None;
            self.publish.session(None);
            let logged_in = self.credentials.is_logged_in();
            self.control.lock_down(&error.to_string(), logged_in, disconnects).await;
        }
    }

    /// Records in the status why the tunnel could not be restored. Activates lockdown if the login has ended.
    pub(crate) async fn restore_failed(&self, error: &tornado_helper_api::HelperError) {
        self.publish.account(self.credentials.account());
        if self.credentials.is_logged_in() {
            self.publish.notice(error.code(), error);
        } else {
            self.control.lock_down(&error.to_string(), false, self.control.disconnects()).await;
        }
    }
}

/// Responses to a repeated connect that a retry cannot resolve.
fn ends_session(error: &ApiError) -> bool {
    matches!(error, ApiError::Refused { status: 401 | 403 | 409, .. })
        && !error.wants_fresh_token()
        && !error.is_session_expired()
        || matches!(error, ApiError::Downgrade(_))
}
