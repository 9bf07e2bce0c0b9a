//! Services whose responses depend on the token or the envelope.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tornado_contracts::auth::{AccessToken, AttestTls, AuthError, OpenLogin, RefreshToken};
use tornado_contracts::session::{
    ChooseExit, CloseDevice, Closed, Connect, Connected, HeartbeatOutcome, HeartbeatReply, HistoryQuery, HistoryRow,
    LiveQuery, LiveSession, OwnHistory, PoolStatus, RenewIdentity, SessionError, Sessions, SessionsStatus, UsageQuery,
    UserUsage,
};
use tornado_contracts::token::{TokenError, VerifyingKey};
use tornado_contracts::wg::{
    Backend, CanaryStatus, KnownStatus, LaneEnd, PeerSpec, PeerStatus, RemovePeer, Removed, SetGroups, SetTorLane,
    SyncPeers, SyncReport, TorExits, TorLane, TorLaneReason, Wg, WgError, WgStatus,
};
use tornado_e2e_support::AuthCalls;
use tornado_rpc::{Done, Fault, NoInput};
use tornado_shared::api::{
    ExitOffer, LaneBytes, LaneState, LoginBody, LoginReply, LoginReplyV1, OwnUsage, Profile, QuotaView, ServerInfo,
    Tokens, TorView, UserView,
};
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::login_key::StoredLoginKey;
use tornado_shared::model::{
    CloseReason, CountryCode, DeviceId, Lane, LanePools, PrivateKey, Secret, SessionId, Slot, Transfer, UserId,
};
use uuid::Uuid;

pub const USER: UserId = UserId(Uuid::from_u128(7));
pub const DEVICE: DeviceId = DeviceId(Uuid::from_u128(8));
pub const SESSION: SessionId = SessionId(Uuid::from_u128(9));

fn user() -> UserView {
    UserView { id: USER, username: "alice".parse().unwrap(), email: String::new(), is_active: true }
}

fn tokens() -> Tokens {
    let secret = |text: &str| Secret::new(text);
    Tokens {
        access_token: secret("access"),
        refresh_token: secret("refresh"),
        access_jti: Uuid::from_u128(1),
        refresh_jti: Uuid::from_u128(2),
        device_id: DEVICE,
        expires_in: 900,
    }
}

fn gone() -> Fault {
    Fault::Unavailable("/run/tornado/secret.sock is not reachable".into())
}

/// The first byte of a v1 ephemeral key, or the token, selects the response.
pub struct FakeAuth;

#[async_trait::async_trait]
impl AuthCalls for FakeAuth {
    async fn server_info(&self, _: NoInput) -> Result<ServerInfo, AuthError> {
        let identity = IdentityKey::from_seed(&[1; 32]);
        let login_key = StoredLoginKey::random(0, 3600).load().sign(&identity);
        Ok(ServerInfo { identity: identity.public(), login_key, pubkey: "AAAA".into(), tls: None, now: 0 })
    }
    async fn open_login(&self, input: OpenLogin) -> Result<LoginReply, AuthError> {
        assert!(input.client_ip.is_loopback());
        let LoginBody::V1(envelope) = input.body else { return Err(AuthError::UnknownLoginKey) };
        match envelope.ephemeral_pubkey.0[0] {
            0 => Ok(LoginReply::V1(Box::new(LoginReplyV1 {
                status: "ok".into(),
                user: user(),
                tokens: tokens(),
                device_id: DEVICE,
            }))),
            1 => Err(AuthError::InvalidCredentials),
            2 => Err(AuthError::TooManyAttempts { retry_after: 33 }),
            3 => Err(AuthError::UserInactive),
            4 => Err(AuthError::MaxDevices),
            5 => panic!("a bug"),
            _ => Err(AuthError::InvalidEnvelope),
        }
    }
    async fn refresh(&self, input: RefreshToken) -> Result<Tokens, AuthError> {
        match input.refresh_token.expose() {
            "good" => Ok(tokens()),
            "old" => Err(AuthError::RefreshExpired),
            "spent" => Err(AuthError::RefreshReused),
            _ => Err(AuthError::RefreshInvalid),
        }
    }
    async fn logout(&self, input: RefreshToken) -> Result<Done, AuthError> {
        match input.refresh_token.expose() {
            "good" => Ok(Done {}),
            "away" => Err(gone().into()),
            _ => Err(AuthError::RefreshInvalid),
        }
    }
    async fn whoami(&self, input: AccessToken) -> Result<Profile, AuthError> {
        match input.access_token.expose() {
            "good" => {
                let device_name = "laptop".parse().unwrap();
                Ok(Profile { user: user(), device_id: DEVICE, device_name, max_devices: 3, month_quota: None })
            }
            "old" => Err(AuthError::Token(TokenError::Expired)),
            _ => Err(AuthError::Token(TokenError::Invalid)),
        }
    }

    async fn verifying_keys(&self, _: NoInput) -> Result<Vec<VerifyingKey>, AuthError> {
        Ok(vec![])
    }
    async fn attest_tls(&self, _: AttestTls) -> Result<Done, AuthError> {
        Ok(Done {})
    }
}

/// Error returned by the next call; `Ok` if none is set.
#[derive(Default)]
pub struct FakeSessions {
    pub next_error: Mutex<Option<SessionError>>,
    pub exit: Mutex<Option<CountryCode>>,
}

impl FakeSessions {
    pub fn fail(&self, error: SessionError) {
        *self.next_error.lock().unwrap() = Some(error);
    }

    pub fn away(&self) {
        self.fail(gone().into());
    }

    fn check(&self, token: &Secret) -> Result<(), SessionError> {
        match token.expose() {
            "good" => self.next_error.lock().unwrap().take().map_or(Ok(()), Err),
            "old" => Err(SessionError::Token(TokenError::Expired)),
            _ => Err(SessionError::Token(TokenError::Invalid)),
        }
    }
}

pub fn ends() -> Vec<LaneEnd> {
    let end = |(lane, port)| {
        let public_key = PrivateKey::random().public_key();
        LaneEnd { lane, interface: format!("wg-{lane}"), public_key, port, mtu: 1420, dns: None, ipv6: true, up: true }
    };
    [(Lane::Direct, 51820), (Lane::Tor, 51821)].map(end).to_vec()
}

#[async_trait::async_trait]
impl Sessions for FakeSessions {
    async fn connect(&self, input: Connect) -> Result<Connected, SessionError> {
        self.check(&input.access_token)?;
        let pools = LanePools::default();
        Ok(Connected {
            session_id: SESSION,
            direct: pools.direct.addresses(Slot(5)).unwrap(),
            tor: pools.tor.addresses(Slot(5)).unwrap(),
            ends: ends(),
            preshared: false,
            heartbeat_ttl: 90,
            hard_ttl: 1_296_000,
        })
    }
    async fn heartbeat(&self, input: AccessToken) -> Result<HeartbeatReply, SessionError> {
        self.check(&input.access_token)?;
        Ok(HeartbeatReply { outcome: HeartbeatOutcome::Reconnected })
    }
    async fn disconnect(&self, input: AccessToken) -> Result<Closed, SessionError> {
        self.check(&input.access_token)?;
        Ok(Closed { session_id: Some(SESSION) })
    }
    async fn mine(&self, input: AccessToken) -> Result<Option<LiveSession>, SessionError> {
        self.check(&input.access_token)?;
        Ok(None)
    }
    async fn new_identity(&self, input: AccessToken) -> Result<Done, SessionError> {
        self.check(&input.access_token)?;
        Ok(Done {})
    }
    async fn tor_view(&self, input: AccessToken) -> Result<TorView, SessionError> {
        self.check(&input.access_token)?;
        Ok(TorView {
            lane: LaneState::Open,
            exit: *self.exit.lock().unwrap(),
            ready: true,
            waiting_for: None,
            countries: vec![ExitOffer { country: "de".parse().unwrap(), exits: 3 }],
            path: None,
            no_path: Some("nothing was sent yet".into()),
        })
    }
    async fn choose_exit(&self, input: ChooseExit) -> Result<Done, SessionError> {
        self.check(&input.access_token)?;
        if let Some(country) = input.country.filter(|country| country.as_str() != "de") {
            return Err(SessionError::NoExit { country, why: "Tor has no exit there".into() });
        }
        *self.exit.lock().unwrap() = input.country;
        Ok(Done {})
    }
    async fn renew_identity(&self, _: RenewIdentity) -> Result<Done, SessionError> {
        Ok(Done {})
    }
    async fn close_device(&self, _: CloseDevice) -> Result<Closed, SessionError> {
        Ok(Closed { session_id: None })
    }
    async fn live(&self, _: LiveQuery) -> Result<Vec<LiveSession>, SessionError> {
        Ok(vec![])
    }
    async fn history(&self, _: HistoryQuery) -> Result<Vec<HistoryRow>, SessionError> {
        Ok(vec![])
    }
    async fn usage(&self, _: UsageQuery) -> Result<UserUsage, SessionError> {
        Ok(UserUsage::default())
    }
    async fn own_usage(&self, input: AccessToken) -> Result<OwnUsage, SessionError> {
        self.check(&input.access_token)?;
        let moved = |n| LaneBytes { direct: Transfer { rx_bytes: n, tx_bytes: 2 * n }, tor: Transfer::default() };
        let quota = Some(QuotaView::new(1000, 850, 1_796_083_200));
        Ok(OwnUsage { sessions: 3, total: moved(100), today: moved(1), month: moved(10), quota })
    }
    /// Sessions 1 to 5, newest first.
    async fn own_history(&self, input: OwnHistory) -> Result<Vec<HistoryRow>, SessionError> {
        self.check(&input.access_token)?;
        let first = input.before.map_or(5, |before| u64::try_from(before.0.as_u128()).unwrap() - 1);
        let row = |n: u64| HistoryRow {
            session_id: SessionId(Uuid::from_u128(n.into())),
            user_id: USER,
            username: "alice".parse().unwrap(),
            device_id: DEVICE,
            started_at: i64::try_from(n).unwrap(),
            ended_at: (n < 5).then_some(100),
            reason: (n < 5).then_some(CloseReason::Disconnect),
            direct_transfer: Transfer { rx_bytes: n, tx_bytes: 0 },
            tor_transfer: Transfer::default(),
        };
        Ok((1..=first).rev().take(input.limit as usize).map(row).collect())
    }
    async fn status(&self, _: NoInput) -> Result<SessionsStatus, SessionError> {
        Err(Fault::Forbidden("not for this service".into()).into())
    }
    async fn pool(&self, _: NoInput) -> Result<PoolStatus, SessionError> {
        Ok(PoolStatus { leased: 0, quarantined: 0, total: 0 })
    }
}

/// Both lanes up; the test sets the tor lane's state.
pub struct FakeWg {
    pub tor_lane: Mutex<TorLane>,
    pub firewall_verified: AtomicBool,
}

impl Default for FakeWg {
    fn default() -> Self {
        Self { tor_lane: Mutex::new(TorLane::Closed), firewall_verified: AtomicBool::new(true) }
    }
}

impl FakeWg {
    /// A different number for each state.
    fn revision(&self) -> u64 {
        let lane = match *self.tor_lane.lock().unwrap() {
            TorLane::Closed => 0,
            TorLane::Maintenance { .. } => 1,
            TorLane::Open { .. } => 2,
        };
        lane * 2 + u64::from(self.firewall_verified.load(Ordering::SeqCst))
    }
}

#[async_trait::async_trait]
impl Wg for FakeWg {
    async fn put_peer(&self, _: PeerSpec) -> Result<Done, WgError> {
        Ok(Done {})
    }
    async fn remove_peer(&self, _: RemovePeer) -> Result<Removed, WgError> {
        Ok(Removed::default())
    }
    async fn sync_peers(&self, _: SyncPeers) -> Result<SyncReport, WgError> {
        Ok(SyncReport::default())
    }
    async fn set_groups(&self, _: SetGroups) -> Result<Done, WgError> {
        Ok(Done {})
    }
    async fn peers(&self, _: NoInput) -> Result<Vec<PeerStatus>, WgError> {
        Ok(vec![])
    }
    async fn set_tor_lane(&self, _: SetTorLane) -> Result<Done, WgError> {
        Ok(Done {})
    }
    async fn next_status(&self, known: KnownStatus) -> Result<WgStatus, WgError> {
        let changed = async {
            while self.revision() == known.revision {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        drop(tokio::time::timeout(Duration::from_millis(known.hold_ms), changed).await);
        self.status(NoInput {}).await
    }
    async fn status(&self, _: NoInput) -> Result<WgStatus, WgError> {
        Ok(WgStatus {
            boot_id: Uuid::from_u128(3),
            revision: self.revision(),
            synced: true,
            backend: Backend::Userspace,
            lanes: ends(),
            peers: 0,
            firewall_verified: self.firewall_verified.load(Ordering::SeqCst),
            tor_lane: *self.tor_lane.lock().unwrap(),
            tor_exits: TorExits::new(),
            tor_lane_reason: TorLaneReason::Start,
            canary: CanaryStatus::default(),
            over_flow_limit: Vec::new(),
        })
    }
}
