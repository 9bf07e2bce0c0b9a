//! A session service with scripted behaviour.

use async_trait::async_trait;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tornado_contracts::session::{CloseDevice, Closed, LiveQuery, LiveSession, SessionError};
use tornado_e2e_support::SessionsCalls;
use tornado_rpc::Fault;
use tornado_shared::model::{
    CloseReason, DeviceId, LaneAddresses, LanePools, PrivateKey, SessionId, SessionState, Slot, Transfer, UserId,
};

#[derive(Default)]
pub struct FakeSessions {
    pub silent: AtomicBool,
    /// Closes never return.
    pub hangs: AtomicBool,
    /// Notified when a close that never returns has arrived.
    pub close_requested: tokio::sync::Notify,
    pub live: Mutex<Vec<(UserId, DeviceId)>>,
    pub closed: Mutex<Vec<(DeviceId, CloseReason)>>,
}

impl FakeSessions {
    fn respond(&self) -> Result<(), SessionError> {
        if self.silent.load(Ordering::SeqCst) { Err(not_here()) } else { Ok(()) }
    }

    /// Adds live sessions of an account's devices.
    pub fn connect<const N: usize>(&self, user: UserId, devices: [DeviceId; N]) {
        self.live.lock().unwrap().extend(devices.map(|device| (user, device)));
    }

    pub fn closed(&self) -> Vec<(DeviceId, CloseReason)> {
        self.closed.lock().unwrap().clone()
    }
}

fn not_here() -> SessionError {
    Fault::Unavailable("session is not reachable".into()).into()
}

fn session(user_id: UserId, device_id: DeviceId) -> LiveSession {
    let addresses: LaneAddresses = LanePools::default().direct.addresses(Slot::FIRST).unwrap();
    LiveSession {
        session_id: SessionId::random(),
        user_id,
        username: "anybody".parse().unwrap(),
        device_id,
        public_key: PrivateKey::random().public_key(),
        state: SessionState::Online,
        direct: addresses,
        tor: addresses,
        started_at: 0,
        last_heartbeat: 0,
        latest_handshake: None,
        handshake_age: None,
        lane: None,
        endpoint: None,
        direct_transfer: Transfer::default(),
        tor_transfer: Transfer::default(),
    }
}

#[async_trait]
impl SessionsCalls for FakeSessions {
    async fn close_device(&self, input: CloseDevice) -> Result<Closed, SessionError> {
        self.respond()?;
        if self.hangs.load(Ordering::SeqCst) {
            self.close_requested.notify_one();
            std::future::pending::<()>().await;
        }
        self.closed.lock().unwrap().push((input.device_id, input.reason));
        Ok(Closed { session_id: None })
    }
    async fn live(&self, query: LiveQuery) -> Result<Vec<LiveSession>, SessionError> {
        self.respond()?;
        let live = self.live.lock().unwrap();
        let of_user = live.iter().filter(|(user, _)| query.user_id.is_none_or(|requested| requested == *user));
        Ok(of_user.map(|(user, device)| session(*user, *device)).collect())
    }
}
