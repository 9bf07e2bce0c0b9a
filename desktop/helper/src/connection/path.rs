//! Chooses another path to the server when the current one fails or may have failed. Name, address and address family
//! are chosen again, and a new link is created beside the old one, which carries the traffic until the new link has
//! completed a handshake.

use super::state::Connection;
use crate::account::without_brackets;
use crate::server::endpoints;
use std::time::Duration;
use tokio::time::Instant;
use tornado_client::Error as ApiError;
use tornado_helper_api::{Choice, ControlPlane};
use tornado_rpc::ServiceError as _;
use tornado_tunnel::state::Phase;

/// How long the lane waits for the device API to report whether the session exists and where the server is.
const API_TIMEOUT: Duration = Duration::from_millis(1500);
/// The same when only the device API is known to fail.
const API_FAILED_TIMEOUT: Duration = Duration::from_secs(5);

impl Connection {
    /// Chooses the path to the server again. Does nothing without a tunnel.
    ///
    /// # Cancel safety
    /// If the future is dropped, the tunnel stays as it is, or a link that is being set up times out. The next run
    /// starts over.
    pub(crate) async fn choose_path(&mut self, why: Choice, disconnects: u64) {
        self.resolver.clear_cache();
        if self.session.is_none() || !self.control.is_up() || !self.session_exists().await {
            return;
        }
        if self.control.disconnects() != disconnects {
            return;
        }
        if self.apply_and_publish(disconnects).await {
            self.publish.chosen(why);
            tracing::info!(?why, "the path to the server was restored");
            if self.publish.now().control == ControlPlane::Reachable {
                self.publish.recovered();
            }
        }
    }

    /// Applies the session's offer, unless there was a disconnect request since `disconnects`. Returns true if the
    /// tunnel is connected as requested.
    async fn apply_and_publish(&mut self, disconnects: u64) -> bool {
        let applied = self.apply().await;
        if self.control.undo_if_superseded(disconnects).await {
            return false;
        }
        match applied {
            Ok(view) => {
                self.publish.tunnel(&view);
                view.phase == Phase::Connected && view.failure.is_none()
            }
            Err(error) => {
                self.publish.notice(error.code(), &error);
                false
            }
        }
    }

    /// Called after the device API failed: the server may have moved, and its lanes with it.
    pub(super) async fn follow_moved_server(&mut self, disconnects: u64) {
        self.resolver.clear_cache();
        if let Ok(Ok(server)) = tokio::time::timeout(API_FAILED_TIMEOUT, self.reach()).await {
            self.set_server(server);
        }
        let view = self.control.view();
        let (Some(current), Some(lane), Some(session)) = (view.endpoint, view.lane, &self.session) else { return };
        let offer = session.offer.on(lane).clone();
        let Ok(now) = endpoints(&mut self.resolver, &offer, &session.server.addresses).await else { return };
        if now.contains(&current) || !self.control.is_up() || self.control.disconnects() != disconnects {
            return;
        }
        if self.apply_and_publish(disconnects).await {
            self.publish.chosen(Choice::Moved);
        }
    }

    /// Stores the host at which the server offers its lanes, and requests a new offer if it changed.
    pub(crate) async fn set_offered_host(&mut self, host: &str, disconnects: u64) {
        self.credentials.set_offered_host(host);
        self.follow_host(host, disconnects).await;
    }

    /// Requests a new offer if the server's lanes moved to another host.
    pub(super) async fn follow_host(&mut self, host: &str, disconnects: u64) {
        let Some(session) = &self.session else { return };
        if session.offer.on(session.lane).endpoint.host == without_brackets(host) {
            return;
        }
        match self.renew_session().await {
            Ok(true) if self.control.disconnects() == disconnects => {
                tracing::info!("the server moved its lanes to another address");
                self.publish.session(self.session_id());
                self.apply_and_publish(disconnects).await;
            }
            Ok(_) => {}
            Err(error) => tracing::info!(code = error.code(), "cannot get a new offer from the server"),
        }
    }

    /// Finds the server, checks that the session exists, and creates it again if it does not. Returns false if the
    /// server ended the login or the session for good: the next heartbeat, which is due at once, handles that.
    async fn session_exists(&mut self) -> bool {
        let Ok(Ok(server)) = tokio::time::timeout(API_TIMEOUT, self.reach()).await else {
            self.publish.control(ControlPlane::Unreachable);
            self.heartbeat_now();
            return true;
        };
        let api = server.api.clone();
        self.set_server(server);
        let heartbeat = async {
            self.credentials.refresh_if_due(&api).await?;
            api.heartbeat(&self.credentials.access()).await
        };
        match tokio::time::timeout(API_TIMEOUT, heartbeat).await {
            Ok(Ok(_)) => {
                self.publish.control(ControlPlane::Reachable);
                if let Some(session) = &mut self.session {
                    session.schedule.succeeded(Instant::now(), rand::random());
                }
                return true;
            }
            Ok(Err(error)) if error.is_session_expired() => match self.renew_session().await {
                Ok(_) => {
                    self.publish.session(self.session_id());
                    self.publish.control(ControlPlane::Reachable);
                    return true;
                }
                Err(error) => tracing::info!(code = error.code(), "cannot create the session again"),
            },
            Ok(Err(error)) if error.is_transient() => {}
            Ok(Err(ApiError::WrongCertificate | ApiError::WrongServer(_))) | Err(_) => {}
            Ok(Err(error)) => {
                tracing::info!(code = error.code(), "the server rejected the heartbeat");
                self.heartbeat_now();
                return false;
            }
        }
        self.heartbeat_now();
        true
    }
}
