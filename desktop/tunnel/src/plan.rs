//! The parameters of a tunnel, as data.

use crate::policy::{Outside, Routing, onion_ranges};
pub use crate::slot::Slot;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
pub use tornado_shared::model::Backend;
use tornado_shared::model::{Lane, PresharedKey, PrivateKey, PublicKey, Transfer};

/// Seconds between keepalives, shorter than the usual lifetime of a NAT mapping (`wg(8)`).
pub const KEEPALIVE: u16 = 25;

/// Both lanes of a session, and which of them to use.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The key generated for this session. It exists only in memory.
    pub private_key: PrivateKey,
    /// The lane that carries the traffic.
    pub lane: Lane,
    /// Parameters of the direct lane.
    pub direct: LanePlan,
    /// Parameters of the tor lane.
    pub tor: LanePlan,
    /// Addresses at which the device API was verified. Marked sockets of the helper reach it outside the tunnel.
    pub api: Vec<SocketAddr>,
}

/// One lane of a session.
#[derive(Debug, Clone)]
pub struct LanePlan {
    /// The device's addresses, at most one per family.
    pub addresses: Vec<IpAddr>,
    /// The server's public key.
    pub peer: PublicKey,
    /// Preshared key for this login, lane and device key.
    pub preshared_key: Option<PresharedKey>,
    /// The endpoint that is tried first, or that is in use.
    pub endpoint: SocketAddr,
    /// Alternative endpoints, in the order in which they are tried.
    pub others: Vec<SocketAddr>,
    /// Inner MTU, bytes.
    pub mtu: u16,
    /// Resolvers of the lane. If empty, the lane offers none and the device's own settings apply.
    pub dns: Vec<IpAddr>,
}

impl LanePlan {
    /// All endpoints, the one in use first.
    pub fn endpoints(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        std::iter::once(self.endpoint).chain(self.others.iter().copied())
    }

    /// Moves the first endpoint to the end, so that the next one is tried.
    fn rotate(&mut self) {
        if !self.others.is_empty() {
            self.others.rotate_left(1);
            if let Some(last) = self.others.last_mut() {
                std::mem::swap(last, &mut self.endpoint);
            }
        }
    }
}

impl Plan {
    /// The parameters of a lane.
    #[must_use]
    pub const fn on(&self, lane: Lane) -> &LanePlan {
        lane.of(&self.direct, &self.tor)
    }

    /// Selects the next endpoint of the lane in use.
    pub(crate) fn try_next_endpoint(&mut self) {
        match self.lane {
            Lane::Direct => self.direct.rotate(),
            Lane::Tor => self.tor.rotate(),
        }
    }

    /// The same session on another lane.
    #[must_use]
    pub fn with_lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// The link for the selected lane.
    #[must_use]
    pub fn link(&self, slot: Slot) -> Link {
        Link { slot, private_key: self.private_key.clone(), lane: self.on(self.lane).clone() }
    }

    /// The routing that sends all traffic into that link. On the tor lane, DNS queries never leave outside the tunnel;
    /// on the direct lane, they do not as soon as the lane has a resolver.
    #[must_use]
    pub fn routing(&self, slot: Slot) -> Routing {
        let lane = self.on(self.lane);
        let routing = Routing { inner: self.inner(), ..Routing::new(slot, &lane.addresses, self.outside()) };
        match self.lane {
            Lane::Direct if lane.dns.is_empty() => routing,
            Lane::Direct => routing.guarded(lane.dns.clone()),
            Lane::Tor => Routing { never_local: onion_ranges(), ..routing.guarded(lane.dns.clone()) },
        }
    }

    /// The routing that blocks all traffic until the link is up.
    #[must_use]
    pub fn lockdown(&self) -> Routing {
        let mut routing = Routing::lockdown(self.outside());
        routing.inner = self.inner();
        routing
    }

    /// This device's addresses on both lanes.
    fn inner(&self) -> Vec<IpAddr> {
        Lane::ALL.iter().flat_map(|lane| self.on(*lane).addresses.clone()).collect()
    }

    /// Traffic that must not go through the tunnel: calls of the device API and the WireGuard packets of both lanes.
    #[must_use]
    pub fn outside(&self) -> Vec<Outside> {
        let mut outside: Vec<Outside> = self.api.iter().copied().map(Outside::tcp).collect();
        outside.extend(Lane::ALL.into_iter().flat_map(|lane| self.on(lane).endpoints()).map(Outside::udp));
        outside
    }
}

/// One interface with its only peer.
#[derive(Debug, Clone)]
pub struct Link {
    /// The interface.
    pub slot: Slot,
    /// The device's private key.
    pub private_key: PrivateKey,
    /// Addresses, peer and endpoint.
    pub lane: LanePlan,
}

/// State and counters of an interface.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observation {
    /// Time since the latest handshake; `None` before the first one.
    pub handshake_age: Option<Duration>,
    /// Byte counters from the device's side: `rx` was received from the server.
    pub transfer: Transfer,
    /// True if this machine has no route to the server.
    pub no_network: bool,
}
