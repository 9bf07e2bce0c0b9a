//! Conversion of a granted connection into the response for the device.

use super::Connected;
use tornado_shared::api::{Initiated, LaneOffer, SessionTimes};
use tornado_shared::invitation::ServerAddress;
use tornado_shared::model::{Lane, LaneAddresses};

impl Connected {
    /// The response for a device that reaches the server at `host`. `None`: a lane is missing.
    #[must_use]
    pub fn initiated(&self, host: &str) -> Option<Initiated> {
        Some(Initiated {
            status: "success".into(),
            vpn: self.offer(host, Lane::Direct, self.direct)?,
            tor: self.offer(host, Lane::Tor, self.tor)?,
            session: SessionTimes { heartbeat_ttl: self.heartbeat_ttl, hard_ttl: self.hard_ttl },
            session_id: self.session_id,
            preshared: self.preshared,
        })
    }

    fn offer(&self, host: &str, lane: Lane, addresses: LaneAddresses) -> Option<LaneOffer> {
        let end = self.ends.iter().find(|end| end.lane == lane)?;
        Some(LaneOffer {
            ip: addresses.v4,
            endpoint: ServerAddress { host: host.to_owned(), port: end.port }.to_string(),
            server_pubkey: end.public_key,
            ip6: addresses.v6,
            port: end.port,
            mtu: end.mtu,
            dns: end.dns.map(|resolver| resolver.v4),
            dns6: end.dns.filter(|_| end.ipv6).map(|resolver| resolver.v6),
        })
    }
}
