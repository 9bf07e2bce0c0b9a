//! What the helper remembers about its server and its login.

use serde::{Deserialize, Serialize};
use tornado_client::{DeviceIdentity, Welcome};
use tornado_shared::api::{Attempt, Tokens};
use tornado_shared::crypto::encoding::Bytes;
use tornado_shared::crypto::identity::{Fingerprint, IdentityKey};
use tornado_shared::crypto::v2::ExportSecret;
use tornado_shared::invitation::{InvitationError, ServerAddress};
use tornado_shared::model::{DeviceId, DeviceName, Secret, UnixSeconds};
use zeroize::Zeroize as _;

/// Everything that outlives the helper. Serialised only into the store.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// Format of the file.
    pub version: Version,
    /// `host:port` of the device API.
    pub server: String,
    /// Host under which the server offered its lanes last, where that is another than in `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offered: Option<String>,
    /// The server's identity; pinned for ever.
    pub identity: Fingerprint,
    /// The TLS key that the identity vouched for.
    pub tls: Fingerprint,
    /// This device's stable key.
    pub device: Seed,
    /// What the user calls this machine.
    #[serde(deserialize_with = "stored_name")]
    pub device_name: DeviceName,
    /// The account's name.
    pub username: String,
    /// Present while the server has not declared the login over.
    pub login: Option<Login>,
}

/// Earlier versions allowed invisible characters, which are refused now.
fn stored_name<'de, D: serde::Deserializer<'de>>(stored: D) -> Result<DeviceName, D::Error> {
    String::deserialize(stored).map(|name| DeviceName::from_stored(&name))
}

/// The number of the file's format.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub(crate) struct Version;

impl TryFrom<u8> for Version {
    type Error = String;
    fn try_from(n: u8) -> Result<Self, String> {
        if n == 1 { Ok(Self) } else { Err(format!("format {n} is not known to this version")) }
    }
}

impl From<Version> for u8 {
    fn from(_: Version) -> Self {
        1
    }
}

/// 32 secret bytes. Wiped when dropped.
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

/// One login.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    pub access: Secret,
    pub access_expires_at: UnixSeconds,
    pub refresh: Secret,
    /// The number of a trade of `refresh` that has not been answered yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<Attempt>,
    pub device_id: DeviceId,
    /// The secret from which the preshared keys come.
    pub export: Seed,
}

impl Login {
    pub(crate) fn new(welcome: &Welcome, now: UnixSeconds) -> Self {
        let tokens = &welcome.payload.tokens;
        Self {
            access: tokens.access_token.clone(),
            access_expires_at: now.saturating_add(tokens.expires_in),
            refresh: tokens.refresh_token.clone(),
            attempt: None,
            device_id: welcome.payload.device_id,
            export: Seed::new(*welcome.export.expose()),
        }
    }

    /// Takes a new pair of tokens.
    pub(crate) fn renew(&mut self, tokens: &Tokens, now: UnixSeconds) {
        self.access = tokens.access_token.clone();
        self.access_expires_at = now.saturating_add(tokens.expires_in);
        self.refresh = tokens.refresh_token.clone();
        self.attempt = None;
    }

    /// The number for the trade of the refresh token: drawn once, the same until an answer has arrived.
    pub(crate) fn attempt(&mut self) -> Attempt {
        *self.attempt.get_or_insert_with(|| Bytes(rand::random()))
    }

    pub(crate) const fn export(&self) -> ExportSecret {
        ExportSecret::from_bytes(*self.export.expose())
    }
}

impl Account {
    pub(crate) fn address(&self) -> Result<ServerAddress, InvitationError> {
        self.server.parse()
    }

    /// Where the device API may be: as enrolled, and where the server said it is. The same key is expected at both.
    pub(crate) fn addresses(&self) -> Result<Vec<ServerAddress>, InvitationError> {
        let enrolled = self.address()?;
        let offered = self.offered.clone().map(|host| ServerAddress { host, port: enrolled.port });
        Ok(std::iter::once(enrolled).chain(offered).collect())
    }

    /// Takes note of the host under which the server offers its lanes. True when that is news. What is no host is not
    /// taken.
    pub(crate) fn note_offered(&mut self, host: &str) -> bool {
        let Ok(enrolled) = self.address() else { return false };
        let offered = ServerAddress { host: plain(host).to_owned(), port: enrolled.port };
        if offered.to_string().parse().as_ref() != Ok(&offered) {
            return false;
        }
        let offered = (offered != enrolled).then_some(offered.host);
        let is_news = self.offered != offered;
        self.offered = offered;
        is_news
    }

    pub(crate) fn device(&self) -> DeviceIdentity {
        DeviceIdentity::new(&IdentityKey::from_seed(self.device.expose()), self.device_name.clone())
    }
}

/// A host without the brackets of an IPv6 literal.
pub(crate) fn plain(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_host_is_remembered_beside_the_enrolled_one() {
        let fingerprint = Fingerprint([7; 32]);
        let mut account = Account {
            version: Version,
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
        assert!(!account.note_offered("192.0.2.1") && account.offered.is_none());
        for damaged in ["", "a b", "x/y", "user@vpn.example.org", "vpn.example.org:1", "[::1", "\u{202e}x"] {
            assert!(!account.note_offered(damaged), "{damaged}");
        }
        assert_eq!(known(&account), "192.0.2.1:4700");
        assert!(account.note_offered("vpn.example.org") && !account.note_offered("vpn.example.org"));
        assert_eq!(known(&account), "192.0.2.1:4700 vpn.example.org:4700");
        assert!(account.note_offered("[2001:db8::7]") && !account.note_offered("2001:db8::7"));
        assert_eq!(known(&account), "192.0.2.1:4700 [2001:db8::7]:4700");
        assert!(account.note_offered("192.0.2.1"), "back at the enrolled one");
        assert_eq!(known(&account), "192.0.2.1:4700");
    }
}
