//! The server's offer, checked before it is used.
//!
//! The helper that uses it is privileged. Therefore no field stays text: every field is parsed into the narrowest type
//! and checked against its possible values.

use crate::api::{Initiated, LaneOffer};
use crate::invitation::ServerAddress;
use crate::model::{Lane, PublicKey, SessionId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Reasons for which an offer is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// A device cannot have this address.
    #[error("the {0} lane's address is not valid for a device")]
    Address(Lane),
    /// The endpoint is not `host:port`, or its port differs from the port field.
    #[error("the {0} lane's endpoint is not a valid host and port")]
    Endpoint(Lane),
    /// The MTU is outside 1280 (RFC 8200 §5) to 9000.
    #[error("the {0} lane's MTU is outside 1280 to 9000")]
    Mtu(Lane),
    /// Both lanes have the same key, address or endpoint.
    #[error("the two lanes are not distinct")]
    SameLane,
    /// A time is zero or too long.
    #[error("the session's time limits are out of range")]
    Times,
    /// The status is not `success`.
    #[error("the status is not 'success'")]
    Status,
}

/// The checked offer of one lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The lane.
    pub lane: Lane,
    /// The device's IPv4 address.
    pub v4: Ipv4Addr,
    /// The device's IPv6 address.
    pub v6: Ipv6Addr,
    /// The server's WireGuard endpoint.
    pub endpoint: ServerAddress,
    /// The server's public key on this lane.
    pub server_key: PublicKey,
    /// MTU of inner packets, 1280 to 9000.
    pub mtu: u16,
    /// IPv4 address of this lane's resolver.
    pub dns: Option<Ipv4Addr>,
    /// IPv6 address of the same resolver.
    pub dns6: Option<Ipv6Addr>,
}

impl Offer {
    /// The addresses of the lane's resolver; empty if the lane has none.
    #[must_use]
    pub fn resolvers(&self) -> Vec<IpAddr> {
        self.dns.map(IpAddr::V4).into_iter().chain(self.dns6.map(IpAddr::V6)).collect()
    }
}

/// A checked offer of both lanes for one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The session.
    pub session_id: SessionId,
    /// Maximum time between heartbeats.
    pub heartbeat_ttl: Duration,
    /// Maximum duration of the session.
    pub hard_ttl: Duration,
    /// True if both lanes use the preshared keys of this login.
    pub preshared: bool,
    /// Offer of the direct lane.
    pub direct: Offer,
    /// Offer of the tor lane.
    pub tor: Offer,
}

impl Connection {
    /// The offer of a lane.
    #[must_use]
    pub const fn on(&self, lane: Lane) -> &Offer {
        lane.of(&self.direct, &self.tor)
    }
}

impl TryFrom<Initiated> for Connection {
    type Error = OfferError;

    fn try_from(answer: Initiated) -> Result<Self, OfferError> {
        if answer.status != "success" {
            return Err(OfferError::Status);
        }
        let times = answer.session;
        if !(3..=86_400).contains(&times.heartbeat_ttl) || times.hard_ttl < times.heartbeat_ttl {
            return Err(OfferError::Times);
        }
        let direct = check(Lane::Direct, answer.vpn)?;
        let tor = check(Lane::Tor, answer.tor)?;
        if direct.server_key == tor.server_key
            || direct.v4 == tor.v4
            || direct.v6 == tor.v6
            || direct.endpoint == tor.endpoint
        {
            return Err(OfferError::SameLane);
        }
        Ok(Self {
            session_id: answer.session_id,
            heartbeat_ttl: Duration::from_secs(times.heartbeat_ttl),
            hard_ttl: Duration::from_secs(times.hard_ttl),
            preshared: answer.preshared,
            direct,
            tor,
        })
    }
}

fn check(lane: Lane, offer: LaneOffer) -> Result<Offer, OfferError> {
    let v4 = offer.ip;
    if v4.is_unspecified() || v4.is_loopback() || v4.is_multicast() || v4.is_broadcast() || v4.is_link_local() {
        return Err(OfferError::Address(lane));
    }
    let v6 = offer.ip6;
    if v6.is_unspecified() || v6.is_loopback() || v6.is_multicast() || v6.is_unicast_link_local() {
        return Err(OfferError::Address(lane));
    }
    if offer.dns.is_some_and(|dns| dns.is_unspecified() || dns.is_loopback() || dns.is_multicast()) {
        return Err(OfferError::Address(lane));
    }
    if offer.dns6.is_some_and(|dns| dns.is_unspecified() || dns.is_loopback() || dns.is_multicast()) {
        return Err(OfferError::Address(lane));
    }
    // Without a port, parsing would use the device API's default port, so the endpoint must contain the port.
    let endpoint: ServerAddress = offer.endpoint.parse().map_err(|_| OfferError::Endpoint(lane))?;
    if endpoint.port != offer.port || offer.port == 0 || !offer.endpoint.ends_with(&format!(":{}", offer.port)) {
        return Err(OfferError::Endpoint(lane));
    }
    if !(1280..=9000).contains(&offer.mtu) {
        return Err(OfferError::Mtu(lane));
    }
    let (server_key, mtu) = (offer.server_pubkey, offer.mtu);
    Ok(Offer { lane, v4, v6, endpoint, server_key, mtu, dns: offer.dns, dns6: offer.dns6 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PrivateKey;
    use serde_json::{Value, json};

    fn good() -> Value {
        let key = || PrivateKey::random().public_key();
        json!({
            "status": "success",
            "vpn": {"ip": "10.8.0.2", "endpoint": "vpn.example.org:51820", "server_pubkey": key(),
                    "ip6": "fd74::2", "port": 51820, "mtu": 1420},
            "tor": {"ip": "10.9.0.2", "endpoint": "[2001:db8::1]:51821", "server_pubkey": key(),
                    "ip6": "fd75::2", "port": 51821, "mtu": 1420, "dns": "10.9.0.1", "dns6": "fd75::1"},
            "session": {"heartbeat_ttl": 90, "hard_ttl": 86400},
            "session_id": "00000000-0000-4000-8000-000000000001",
            "preshared": true
        })
    }

    fn parse(value: &Value) -> Option<Connection> {
        serde_json::from_value::<Initiated>(value.clone()).ok()?.try_into().ok()
    }

    #[test]
    fn only_typed_values_are_accepted() {
        let connection = parse(&good()).unwrap();
        assert_eq!(connection.on(Lane::Tor).endpoint.to_string(), "[2001:db8::1]:51821");
        let hostile = [
            ("/vpn/ip", json!("10.8.0.2\nPostUp = touch /tmp/owned")),
            ("/vpn/ip", json!("127.0.0.1")),
            ("/vpn/ip", json!("224.0.0.1")),
            ("/vpn/ip6", json!("::1")),
            ("/vpn/endpoint", json!("vpn.example.org:51820\n[Interface]")),
            ("/vpn/endpoint", json!("vpn.example.org")),
            ("/vpn/endpoint", json!("vpn.example.org:51821")),
            ("/vpn/endpoint", json!("$(id):51820")),
            ("/vpn/port", json!(0)),
            ("/vpn/port", json!(70000)),
            ("/vpn/mtu", json!(68)),
            ("/vpn/mtu", json!(65535)),
            ("/vpn/server_pubkey", json!("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")),
            ("/vpn/server_pubkey", json!("x\nPostUp = id")),
            ("/tor/ip", json!("10.8.0.2")),
            ("/tor/dns", json!("127.0.0.53")),
            ("/tor/dns6", json!("::1")),
            ("/session/heartbeat_ttl", json!(0)),
            ("/session/hard_ttl", json!(1)),
            ("/status", json!("ok")),
            ("/session_id", json!("../../etc")),
        ];
        for (pointer, value) in hostile {
            let mut offer = good();
            *offer.pointer_mut(pointer).unwrap() = value.clone();
            assert!(parse(&offer).is_none(), "{pointer} = {value}");
        }
    }
}
