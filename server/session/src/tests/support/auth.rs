//! A fake of service `auth`. It follows the contract.

use async_trait::async_trait;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use tornado_contracts::auth::*;
use tornado_contracts::token::{AUDIENCE, Claims, ISSUER, TokenKind, Verifier, VerifyingKey};
use tornado_contracts::{TrafficPolicy, UserTrafficPolicy};
use tornado_e2e_support::AuthCalls;
use tornado_rpc::{Fault, NoInput};
use tornado_shared::api::{Profile, UserView};
use tornado_shared::model::*;

/// A device with a login.
#[derive(Debug, Clone)]
pub(in crate::tests) struct Device {
    pub user_id: UserId,
    pub device_id: DeviceId,
    pub family_id: FamilyId,
    pub key: PublicKey,
    pub token: Secret,
}

pub(in crate::tests) struct FakeAuth {
    seed: [u8; 32],
    pub max_devices: Mutex<u32>,
    pub month_quota: Mutex<Option<u64>>,
    pub policies: Mutex<HashMap<UserId, TrafficPolicy>>,
    pub away: Mutex<bool>,
    pub revoked: Mutex<HashSet<FamilyId>>,
    pub fetches: Mutex<u32>,
    pub v1: Mutex<bool>,
    /// While a test holds it, `authorize` has decided but does not return.
    pub hold: tokio::sync::Mutex<()>,
    /// While a test holds it, `traffic_policies` does not return.
    pub hold_policies: tokio::sync::Mutex<()>,
    pub decided: Mutex<u32>,
}

impl FakeAuth {
    pub fn new() -> Self {
        Self {
            seed: [42; 32],
            max_devices: Mutex::new(100),
            month_quota: Mutex::default(),
            policies: Mutex::default(),
            away: Mutex::new(false),
            revoked: Mutex::default(),
            fetches: Mutex::new(0),
            v1: Mutex::new(false),
            hold: tokio::sync::Mutex::default(),
            hold_policies: tokio::sync::Mutex::default(),
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
        if self.revoked.lock().contains(&claims.fam) {
            return Err(AuthError::Revoked);
        }
        Ok(claims)
    }

    fn here(&self) -> Result<(), AuthError> {
        if *self.away.lock() { Err(Fault::Unavailable("auth is down".into()).into()) } else { Ok(()) }
    }
}

#[async_trait]
impl AuthCalls for FakeAuth {
    async fn authorize(&self, input: Authorize) -> Result<Grant, AuthError> {
        self.here()?;
        let claims = self.claims(&input.access_token)?;
        *self.decided.lock() += 1;
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
            max_devices: *self.max_devices.lock(),
            month_quota: *self.month_quota.lock(),
            traffic_policy: self.policies.lock().get(&claims.sub).copied().unwrap_or_default(),
            preshared_keys: (!*self.v1.lock()).then_some(LanePresharedKeys { direct, tor }),
        })
    }
    async fn traffic_policies(&self, _: NoInput) -> Result<Vec<UserTrafficPolicy>, AuthError> {
        // Like any call to a service that hangs.
        let _held = self.hold_policies.lock().await;
        self.here()?;
        let all = self.policies.lock();
        let policy = |(user_id, policy): (&UserId, &TrafficPolicy)| UserTrafficPolicy {
            user_id: *user_id,
            traffic_policy: *policy,
        };
        Ok(all.iter().map(policy).collect())
    }
    async fn verifying_keys(&self, _: NoInput) -> Result<Vec<VerifyingKey>, AuthError> {
        self.here()?;
        *self.fetches.lock() += 1;
        Ok(self.keys())
    }

    async fn whoami(&self, input: AccessToken) -> Result<Profile, AuthError> {
        self.here()?;
        let claims = self.claims(&input.access_token)?;
        let (id, username, email) = (claims.sub, "alice".parse().unwrap(), String::new());
        let user = UserView { id, username, email, is_active: true };
        let (device_id, device_name) = (claims.device_id, "laptop".parse().unwrap());
        let (max_devices, month_quota) = (*self.max_devices.lock(), *self.month_quota.lock());
        Ok(Profile { user, device_id, device_name, max_devices, month_quota })
    }
}
