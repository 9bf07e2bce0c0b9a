//! Invitation links: `tornado://HOST:PORT/?i=IDENTITY&t=TLS&c=CODE`.
//!
//! A link contains everything that a new device needs to reach the server, to pin its identity and to enrol once.

use crate::crypto::identity::Fingerprint;
use crate::model::Secret;
use std::fmt;
use std::str::FromStr;
use url::{Host, Url};

/// Default port of the device API.
pub const DEFAULT_PORT: u16 = 4605;

/// A parsed invitation link.
#[derive(Clone)]
pub struct Invitation {
    /// Address of the device API.
    pub server: ServerAddress,
    /// Fingerprint of the server's identity; pinned permanently.
    pub identity: Fingerprint,
    /// SHA-256 of the certificate's SubjectPublicKeyInfo when the invitation was created.
    pub tls: Option<Fingerprint>,
    /// The one-time code.
    pub code: Secret,
}

/// Host and port of a device API. IPv6 literals are displayed in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    /// Host name or IP address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// Reasons for which a link or an address is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// The text is not a `tornado://` link.
    #[error("not an invitation link: it must begin with 'tornado://'")]
    Scheme,
    /// The host is missing or invalid.
    #[error("the server address is missing or invalid")]
    Host,
    /// A parameter is missing or invalid.
    #[error("the invitation link is invalid ({0}); copy the whole link again")]
    Part(&'static str),
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for ServerAddress {
    type Err = InvitationError;

    /// Accepts `host`, `host:port`, `1.2.3.4`, `::1`, `[::1]:port`; the port defaults to 4605.
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let s = s.trim();
        if s.len() > 300 {
            return Err(InvitationError::Host);
        }
        let authority = if s.parse::<std::net::Ipv6Addr>().is_ok() { format!("[{s}]") } else { s.to_owned() };
        let url = Url::parse(&format!("tornado://{authority}/")).map_err(|_| InvitationError::Host)?;
        if url.path() != "/" || !url.username().is_empty() || url.password().is_some() {
            return Err(InvitationError::Host);
        }
        Self::from_url(&url)
    }
}

impl ServerAddress {
    fn from_url(url: &Url) -> Result<Self, InvitationError> {
        // `tornado` is not a special scheme of the URL standard, so the host is not parsed yet. Parse it like the host
        // of an http URL.
        let text = url.host_str().filter(|h| !h.is_empty()).ok_or(InvitationError::Host)?;
        let host = match Host::parse(text).map_err(|_| InvitationError::Host)? {
            Host::Domain(name) if is_host_name(&name) => name,
            Host::Domain(_) => return Err(InvitationError::Host),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        Ok(Self { host, port: url.port().unwrap_or(DEFAULT_PORT) })
    }
}

/// RFC 952 and RFC 1123 §2.1: labels of letters, digits and inner hyphens.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        let inner = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= 253 && name.trim_end_matches('.').split('.').all(label)
}

impl Invitation {
    /// The link. It contains the one-time code, so show it to the invited person only.
    #[must_use]
    pub fn to_link(&self) -> Secret {
        let mut link = format!("tornado://{}/?i={}", self.server, self.identity);
        if let Some(tls) = &self.tls {
            link.push_str(&format!("&t={tls}"));
        }
        link.push_str(&format!("&c={}", self.code.expose()));
        Secret::new(link)
    }
}

impl FromStr for Invitation {
    type Err = InvitationError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let s = s.trim();
        if !s.starts_with("tornado://") || s.len() > 1024 {
            return Err(InvitationError::Scheme);
        }
        let url = Url::parse(s).map_err(|_| InvitationError::Host)?;
        let part = |name| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let identity = part("i").ok_or(InvitationError::Part("identity"))?;
        let code = part("c").ok_or(InvitationError::Part("code"))?;
        if code.len() < 16 || code.len() > 64 || !code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(InvitationError::Part("code"));
        }
        let tls = part("t").map(|t| t.parse().map_err(|_| InvitationError::Part("certificate"))).transpose()?;
        Ok(Self {
            server: ServerAddress::from_url(&url)?,
            identity: identity.parse().map_err(|_| InvitationError::Part("identity"))?,
            tls,
            code: Secret::new(code),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_of_all_kinds_parse() {
        for (text, host, port) in [
            ("vpn.example.org", "vpn.example.org", 4605),
            ("vpn.example.org:443", "vpn.example.org", 443),
            ("192.0.2.1:99", "192.0.2.1", 99),
            ("::1", "::1", 4605),
            ("[2001:db8::1]:8443", "2001:db8::1", 8443),
        ] {
            let address: ServerAddress = text.parse().unwrap();
            assert_eq!((address.host.as_str(), address.port), (host, port), "{text}");
        }
        for text in ["", "a b", "http://x", "x/y", "me@x", "x:99999", "-;rm"] {
            assert!(text.parse::<ServerAddress>().is_err(), "{text}");
        }
    }

    #[test]
    fn links_round_trip() {
        let invitation = Invitation {
            server: "[2001:db8::1]:4605".parse().unwrap(),
            identity: Fingerprint([1; 32]),
            tls: Some(Fingerprint([2; 32])),
            code: Secret::new("ABCDEFGH23456789ABCD"),
        };
        let parsed: Invitation = invitation.to_link().expose().parse().unwrap();
        assert_eq!(parsed.server, invitation.server);
        assert_eq!(parsed.identity, invitation.identity);
        assert_eq!(parsed.tls, invitation.tls);
        assert_eq!(parsed.code.expose(), invitation.code.expose());
    }

    proptest! {
        #[test]
        fn rubbish_never_panics(s in "(tornado://)?.{0,80}") {
            let _ = s.parse::<Invitation>();
            let _ = s.parse::<ServerAddress>();
        }
    }
}
