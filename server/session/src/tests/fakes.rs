//! Fakes of the services that `session` calls. They follow their contracts.

use async_trait::async_trait;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tornado_contracts::auth::*;
use tornado_contracts::token::{AUDIENCE, Claims, ISSUER, TokenKind, Verifier, VerifyingKey};
use tornado_contracts::wg::*;
use tornado_contracts::{Treatment, UserTreatment};
use tornado_rpc::{Done, Fault, NoInput};
use tornado_shared::api::{LoginReply, Profile, ServerInfo, Tokens, UserView};
use tornado_shared::model::*;

/// A device with a login.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub user_id: UserId,
    pub device_id: DeviceId,
    pub family_id: FamilyId,
    pub key: PublicKey,
    pub token: Secret,
}

pub(super) struct FakeAuth {
    seed: [u8; 32],
    pub max_devices: Mutex<u32>,
    pub month_quota: Mutex<Option<u64>>,
    pub treatments: Mutex<HashMap<UserId, Treatment>>,
    pub away: Mutex<bool>,
    pub revoked: Mutex<HashSet<FamilyId>>,
    pub fetches: Mutex<u32>,
    pub v1: Mutex<bool>,
    /// While a test holds it, `authorize` has decided but does not return.
    pub hold: tokio::sync::Mutex<()>,
    /// While a test holds it, `treatments` does not return.
    pub hold_treatments: tokio::sync::Mutex<()>,
    pub decided: Mutex<u32>,
}

impl FakeAuth {
    pub fn new() -> Self {
        Self {
            seed: [42; 32],
            max_devices: Mutex::new(100),
            month_quota: Mutex::default(),
            treatments: Mutex::default(),
            away: Mutex::new(false),
            revoked: Mutex::default(),
            fetches: Mutex::new(0),
            v1: Mutex::new(false),
            hold: tokio::sync::Mutex::default(),
            hold_treatments: tokio::sync::Mutex::default(),
            decided: Mutex::new(0),
        }
    }

    pub fn device(&self, user_id: UserId) -> Device {
        self.login(user_id, DeviceId::random(), PrivateKey::random().public_key())
    }

    pub fn login(&self, user_id: UserId, device_id: DeviceId, key: PublicKey) -> Device {
        let family_id = FamilyId::random();
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub: user_id,
            device_id,
            fam: family_id,
            iat: 0,
            nbf: 0,
            exp: i64::from(u32::MAX),
            jti: uuid::Uuid::new_v4(),
            kind: TokenKind::Access,
            scope: None,
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("k1".into());
        let der = SigningKey::from_bytes(&self.seed).to_pkcs8_der().unwrap();
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap();
        Device { user_id, device_id, family_id, key, token: Secret::new(token) }
    }

    fn keys(&self) -> Vec<VerifyingKey> {
        let public = SigningKey::from_bytes(&self.seed).verifying_key();
        let x = data_encoding::BASE64URL_NOPAD.encode(public.as_bytes());
        vec![VerifyingKey { kid: "k1".into(), kind: TokenKind::Access, x }]
    }

    fn claims(&self, token: &Secret) -> Result<Claims, AuthError> {
        let verifier = Verifier::new(&self.keys(), TokenKind::Access);
        let claims = verifier.verify(token.expose(), 1).map_err(AuthError::Token)?;
        if self.revoked.lock().unwrap_or_else(PoisonError::into_inner).contains(&claims.fam) {
            return Err(AuthError::Revoked);
        }
        Ok(claims)
    }

    fn here(&self) -> Result<(), AuthError> {
        if *self.away.lock().unwrap_or_else(PoisonError::into_inner) {
            Err(Fault::Unavailable("auth is down".into()).into())
        } else {
            Ok(())
        }
    }
}

fn unused<T>() -> Result<T, AuthError> {
    Err(Fault::Forbidden("session never calls this".into()).into())
}

#[async_trait]
impl Auth for FakeAuth {
    async fn authorize(&self, input: Authorize) -> Result<Grant, AuthError> {
        self.here()?;
        let claims = self.claims(&input.access_token)?;
        *self.decided.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        drop(self.hold.lock().await);
        let mut half = [0; 32];
        half[..16].copy_from_slice(claims.fam.0.as_bytes());
        let direct = PresharedKey::from_bytes(half);
        half[16] = 1;
        let tor = PresharedKey::from_bytes(half);
        Ok(Grant {
            user_id: claims.sub,
            username: "alice".parse().unwrap(),
            device_id: claims.device_id,
            family_id: claims.fam,
            max_devices: *self.max_devices.lock().unwrap(),
            month_quota: *self.month_quota.lock().unwrap(),
            treatment: self.treatments.lock().unwrap().get(&claims.sub).copied().unwrap_or_default(),
            preshared_keys: (!*self.v1.lock().unwrap()).then_some(LanePresharedKeys { direct, tor }),
        })
    }
    async fn treatments(&self, _: NoInput) -> Result<Vec<UserTreatment>, AuthError> {
        // Like any call to a service that hangs.
        let _held = self.hold_treatments.lock().await;
        self.here()?;
        let all = self.treatments.lock().unwrap();
        Ok(all.iter().map(|(user_id, treatment)| UserTreatment { user_id: *user_id, treatment: *treatment }).collect())
    }
    async fn verifying_keys(&self, _: NoInput) -> Result<Vec<VerifyingKey>, AuthError> {
        self.here()?;
        *self.fetches.lock().unwrap() += 1;
        Ok(self.keys())
    }
    async fn server_info(&self, _: NoInput) -> Result<ServerInfo, AuthError> {
        unused()
    }
    async fn open_login(&self, _: OpenLogin) -> Result<LoginReply, AuthError> {
        unused()
    }
    async fn refresh(&self, _: RefreshToken) -> Result<Tokens, AuthError> {
        unused()
    }
    async fn logout(&self, _: RefreshToken) -> Result<Done, AuthError> {
        unused()
    }
    async fn whoami(&self, input: AccessToken) -> Result<Profile, AuthError> {
        self.here()?;
        let claims = self.claims(&input.access_token)?;
        let (id, username, email) = (claims.sub, "alice".parse().unwrap(), String::new());
        let user = UserView { id, username, email, is_active: true };
        let (device_id, device_name) = (claims.device_id, "laptop".parse().unwrap());
        let (max_devices, month_quota) = (*self.max_devices.lock().unwrap(), *self.month_quota.lock().unwrap());
        Ok(Profile { user, device_id, device_name, max_devices, month_quota })
    }
    async fn attest_tls(&self, _: AttestTls) -> Result<Done, AuthError> {
        unused()
    }
    async fn create_invitation(&self, _: Acting<CreateInvitation>) -> Result<InvitationLink, AuthError> {
        unused()
    }
    async fn setup_link(&self, _: NoInput) -> Result<SetupLink, AuthError> {
        unused()
    }
    async fn redeem_setup(&self, _: RedeemSetup) -> Result<operators::SignedIn, AuthError> {
        unused()
    }
    async fn put_operator(&self, _: PutOperator) -> Result<Operator, AuthError> {
        unused()
    }
}

/// A peer on the fake lanes.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub spec: PeerSpec,
    pub count: Removed,
    pub handshake: Option<UnixSeconds>,
    pub endpoint: Option<std::net::SocketAddr>,
}

#[derive(Default)]
pub(super) struct Lanes {
    pub boot_id: uuid::Uuid,
    pub synced: bool,
    pub peers: HashMap<PublicKey, Peer>,
    /// Every call fails.
    pub down: bool,
    /// Number of puts that will fail on the second lane.
    pub failing_puts: u32,
    pub syncs: u32,
    pub groups: Vec<Group>,
    pub failing_groups: bool,
    pub tor_lane: Option<TorLane>,
    pub tor_exits: TorExits,
}

#[derive(Default)]
pub(super) struct FakeWg(pub Mutex<Lanes>);

impl FakeWg {
    /// Restarts the process; userspace peers are lost.
    pub fn restart(&self) {
        let mut lanes = self.0.lock().unwrap();
        let syncs = lanes.syncs;
        *lanes = Lanes { boot_id: uuid::Uuid::new_v4(), syncs, ..Lanes::default() };
    }

    pub fn has(&self, key: PublicKey) -> bool {
        self.0.lock().unwrap().peers.contains_key(&key)
    }

    pub fn keys(&self) -> HashSet<PublicKey> {
        self.0.lock().unwrap().peers.keys().copied().collect()
    }

    pub fn moves(&self, key: PublicKey, direct: u64, tor: u64) {
        let mut lanes = self.0.lock().unwrap();
        let count = &mut lanes.peers.get_mut(&key).unwrap().count;
        count.direct.rx_bytes += direct;
        count.direct.tx_bytes += 10 * direct;
        count.tor.rx_bytes += tor;
        count.tor.tx_bytes += 10 * tor;
    }

    fn here(&self) -> Result<MutexGuard<'_, Lanes>, WgError> {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lanes.down { Err(Fault::Unavailable("down".into()).into()) } else { Ok(lanes) }
    }
}

fn end(lane: Lane) -> LaneEnd {
    let status = serde_json::json!({
        "lane": lane, "interface": "wg", "port": 51820, "mtu": 1420, "up": true,
        "public_key": PrivateKey::from_bytes([7; 32]).public_key(),
    });
    serde_json::from_value(status).unwrap()
}

#[async_trait]
impl Wg for FakeWg {
    async fn put_peer(&self, spec: PeerSpec) -> Result<Done, WgError> {
        // Yields, so that calls of different devices overlap.
        tokio::task::yield_now().await;
        let mut lanes = self.here()?;
        if !lanes.synced {
            return Err(WgError::NotSynced);
        }
        if lanes.failing_puts > 0 {
            lanes.failing_puts -= 1;
            return Err(WgError::LaneFailed { lane: Lane::Tor, detail: "no such device".into() });
        }
        let taken = |peer: &Peer| {
            peer.spec.public_key != spec.public_key && peer.spec.direct.addresses == spec.direct.addresses
        };
        if lanes.peers.values().any(taken) {
            return Err(WgError::AddressInUse);
        }
        let fresh = Peer { spec: spec.clone(), count: Removed::default(), handshake: None, endpoint: None };
        let key = spec.public_key;
        lanes.peers.entry(key).or_insert(fresh).spec = spec;
        Ok(Done {})
    }

    async fn remove_peer(&self, input: RemovePeer) -> Result<Removed, WgError> {
        tokio::task::yield_now().await;
        Ok(self.here()?.peers.remove(&input.public_key).map(|peer| peer.count).unwrap_or_default())
    }

    async fn sync_peers(&self, input: SyncPeers) -> Result<SyncReport, WgError> {
        let mut lanes = self.here()?;
        let mut wanted = HashMap::new();
        for spec in input.peers {
            let fresh = Peer { spec: spec.clone(), count: Removed::default(), handshake: None, endpoint: None };
            let mut peer = lanes.peers.remove(&spec.public_key).unwrap_or(fresh);
            peer.spec = spec.clone();
            wanted.insert(spec.public_key, peer);
        }
        let removed = lanes.peers.len();
        lanes.peers = wanted;
        lanes.synced = true;
        lanes.syncs += 1;
        Ok(SyncReport { put: lanes.peers.len(), removed, kept: 0 })
    }

    async fn set_groups(&self, input: SetGroups) -> Result<Done, WgError> {
        let mut lanes = self.here()?;
        if lanes.failing_groups {
            return Err(Fault::Unavailable("no nft".into()).into());
        }
        lanes.groups = input.groups;
        Ok(Done {})
    }

    async fn peers(&self, _: NoInput) -> Result<Vec<PeerStatus>, WgError> {
        let lanes = self.here()?;
        let status = |peer: &Peer, lane| PeerStatus {
            public_key: peer.spec.public_key,
            lane,
            endpoint: peer.endpoint,
            latest_handshake: peer.handshake,
            transfer: match lane {
                Lane::Direct => peer.count.direct,
                Lane::Tor => peer.count.tor,
            },
        };
        Ok(lanes.peers.values().flat_map(|peer| Lane::ALL.map(|lane| status(peer, lane))).collect())
    }

    async fn set_tor_lane(&self, _: SetTorLane) -> Result<Done, WgError> {
        Ok(Done {})
    }
    async fn next_status(&self, known: KnownStatus) -> Result<WgStatus, WgError> {
        drop(self.here()?);
        tokio::time::sleep(std::time::Duration::from_millis(known.hold_ms)).await;
        self.status(NoInput {}).await
    }
    async fn status(&self, _: NoInput) -> Result<WgStatus, WgError> {
        let lanes = self.here()?;
        Ok(WgStatus {
            boot_id: lanes.boot_id,
            revision: 0,
            synced: lanes.synced,
            backend: Backend::Userspace,
            lanes: Lane::ALL.map(end).to_vec(),
            peers: lanes.peers.len(),
            firewall_verified: true,
            tor_lane: lanes.tor_lane.unwrap_or(TorLane::Closed),
            tor_exits: lanes.tor_exits.clone(),
            tor_lane_reason: TorLaneReason::Start,
            canary: CanaryStatus::default(),
            over_flow_limit: Vec::new(),
        })
    }
}
