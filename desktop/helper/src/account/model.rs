//! The stored account: the enrolled server, this device's key and the login.

use super::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use tornado_client::{DeviceIdentity, Welcome};
use tornado_helper_api::ProfileName;
use tornado_shared::api::{IdempotencyKey, Tokens};
use tornado_shared::crypto::encoding::Bytes;
use tornado_shared::crypto::identity::{Fingerprint, IdentityKey};
use tornado_shared::crypto::v2::ExportSecret;
use tornado_shared::invitation::{InvitationError, ServerAddress};
use tornado_shared::model::{DeviceId, DeviceName, Secret, UnixSeconds};
use zeroize::Zeroize as _;

/// Content of `state.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// Version of the file format.
    pub version: Version,
    /// Name of the profile.
    #[serde(default)]
    pub profile: ProfileName,
    /// `host:port` of the device API.
    pub server: String,
    /// Host of the lanes in the server's latest offer, if it differs from the host in `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<String>,
    /// Fingerprint of the server's identity; pinned permanently.
    pub identity: Fingerprint,
    /// Fingerprint of the TLS key that the identity signed.
    pub tls: Fingerprint,
    /// Seed of this device's long-term key.
    pub device: Seed,
    /// Name of this device.
    #[serde(deserialize_with = "stored_name")]
    pub device_name: DeviceName,
    /// The account's name.
    pub username: String,
    /// `None` once the device logged out or the server ended the login.
    pub login: Option<Login>,
}

/// Accepts names with invisible characters, which earlier versions allowed and new names must not contain.
fn stored_name<'de, D: serde::Deserializer<'de>>(stored: D) -> Result<DeviceName, D::Error> {
    String::deserialize(stored).map(|name| DeviceName::from_stored(&name))
}

/// Version of the file format. The only known version is 1.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub(crate) struct Version;

impl TryFrom<u8> for Version {
    type Error = String;
    fn try_from(n: u8) -> Result<Self, String> {
        if n == 1 { Ok(Self) } else { Err(format!("unknown format version {n}")) }
    }
}

impl From<Version> for u8 {
    fn from(_: Version) -> Self {
        1
    }
}

/// A secret of 32 bytes, zeroised on drop.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Seed(Bytes<32>);

impl Seed {
    pub(crate) const fn new(bytes: [u8; 32]) -> Self {
        Self(Bytes(bytes))
    }

    pub(crate) const fn expose(&self) -> &[u8; 32] {
        &self.0.0
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        self.0.0.zeroize();
    }
}

/// Tokens and secrets of one login.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    pub access: Secret,
    pub access_expires_at: UnixSeconds,
    pub refresh: Secret,
    /// Idempotency key of a refresh with `refresh` that has no response yet.
    #[serde(default, alias = "attempt", skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<IdempotencyKey>,
    pub device_id: DeviceId,
    /// The secret from which preshared keys are derived.
    pub export: Seed,
}

impl Login {
    pub(crate) fn new(welcome: &Welcome, now: UnixSeconds) -> Self {
        let tokens = &welcome.payload.tokens;
        Self {
            access: tokens.access_token.clone(),
            access_expires_at: now.saturating_add(tokens.expires_in),
            refresh: tokens.refresh_token.clone(),
            idempotency_key: None,
            device_id: welcome.payload.device_id,
            export: Seed::new(*welcome.export.expose()),
        }
    }

    /// Stores a new pair of tokens and clears the idempotency key.
    pub(crate) fn set_tokens(&mut self, tokens: &Tokens, now: UnixSeconds) {
        self.access = tokens.access_token.clone();
        self.access_expires_at = now.saturating_add(tokens.expires_in);
        self.refresh = tokens.refresh_token.clone();
        self.idempotency_key = None;
    }

    /// Returns the idempotency key for the refresh: generated once, then the same until a response arrives.
    pub(crate) fn idempotency_key(&mut self) -> IdempotencyKey {
        *self.idempotency_key.get_or_insert_with(|| Bytes(rand::random()))
    }

    pub(crate) const fn export(&self) -> ExportSecret {
        ExportSecret::from_bytes(*self.export.expose())
    }
}

/// Name of the file in the state directory.
const FILE: &str = "state.json";

impl Account {
    /// Returns `None` only if the file does not exist. A file that cannot be read is an error, never treated as absent.
    pub(crate) fn load(store: &Store) -> Result<Option<Self>, StoreError> {
        let Some(account) = store.load::<Self>(FILE)? else { return Ok(None) };
        account.address().map_err(|e| store.damaged(FILE, e.to_string()))?;
        Ok(Some(account))
    }

    pub(crate) fn save(&self, store: &Store) -> Result<(), StoreError> {
        store.replace(FILE, self)
    }

    /// Renames an unusable file. It is kept so that the cause can be investigated.
    pub(crate) fn set_aside(store: &Store) -> Result<(), StoreError> {
        store.rename(FILE, "state.json.broken")
    }

    pub(crate) fn address(&self) -> Result<ServerAddress, InvitationError> {
        self.server.parse()
    }

    /// The possible addresses of the device API: the enrolled one, then the one from the latest offer. The same key is
    /// expected at both.
    pub(crate) fn addresses(&self) -> Result<Vec<ServerAddress>, InvitationError> {
        let enrolled = self.address()?;
        let offered = self.offered.clone().map(|host| ServerAddress { host, port: enrolled.port });
        Ok(std::iter::once(enrolled).chain(offered).collect())
    }

    /// Stores the host of the server's offer. Returns true if it changed. Invalid hosts are ignored.
    pub(crate) fn set_offered_host(&mut self, host: &str) -> bool {
        let Ok(enrolled) = self.address() else { return false };
        let offered = ServerAddress { host: without_brackets(host).to_owned(), port: enrolled.port };
        if offered.to_string().parse().as_ref() != Ok(&offered) {
            return false;
        }
        let offered = (offered != enrolled).then_some(offered.host);
        let changed = self.offered != offered;
        self.offered = offered;
        changed
    }

    pub(crate) fn device(&self) -> DeviceIdentity {
        DeviceIdentity::new(&IdentityKey::from_seed(self.device.expose()), self.device_name.clone())
    }
}

/// Removes the brackets of an IPv6 literal.
pub(crate) fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offered_host_is_stored_beside_the_enrolled_one() {
        let fingerprint = Fingerprint([7; 32]);
        let mut account = Account {
            version: Version,
            profile: ProfileName::default(),
            server: "192.0.2.1:4700".into(),
            offered: None,
            identity: fingerprint,
            tls: fingerprint,
            device: Seed::new([1; 32]),
            device_name: "lab".parse().unwrap(),
            username: "ada".into(),
            login: None,
        };
        let known = |account: &Account| {
            account.addresses().unwrap().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert!(!account.set_offered_host("192.0.2.1") && account.offered.is_none());
        for damaged in ["", "a b", "x/y", "user@vpn.example.org", "vpn.example.org:1", "[::1", "\u{202e}x"] {
            assert!(!account.set_offered_host(damaged), "{damaged}");
        }
        assert_eq!(known(&account), "192.0.2.1:4700");
        assert!(account.set_offered_host("vpn.example.org") && !account.set_offered_host("vpn.example.org"));
        assert_eq!(known(&account), "192.0.2.1:4700 vpn.example.org:4700");
        assert!(account.set_offered_host("[2001:db8::7]") && !account.set_offered_host("2001:db8::7"));
        assert_eq!(known(&account), "192.0.2.1:4700 [2001:db8::7]:4700");
        assert!(account.set_offered_host("192.0.2.1"), "the enrolled host again");
        assert_eq!(known(&account), "192.0.2.1:4700");
    }
}
