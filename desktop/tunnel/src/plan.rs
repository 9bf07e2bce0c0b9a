//! What a tunnel is made of, as data.

use crate::policy::{Outside, Routing, onion_ranges};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tornado_shared::model::{Lane, PresharedKey, PrivateKey, PublicKey, Transfer};

/// Seconds between keepalives: shorter than the usual life of a NAT mapping (`wg(8)`).
pub const KEEPALIVE: u16 = 25;

/// Both lanes of a session, and which of them to use.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The key made for this connection. Lives in memory only.
    pub private_key: PrivateKey,
    /// The lane that carries the traffic.
    pub lane: Lane,
    /// Direct lane.
    pub direct: LanePlan,
    /// Tor lane.
    pub tor: LanePlan,
    /// Where the device API was proved to be; our own marked sockets reach it outside the tunnel.
    pub api: Vec<SocketAddr>,
}

/// One lane of a session.
#[derive(Debug, Clone)]
pub struct LanePlan {
    /// The device's addresses, at most one a family.
    pub addresses: Vec<IpAddr>,
    /// The server's key.
    pub peer: PublicKey,
    /// Preshared key of this login, lane and device key.
    pub preshared_key: Option<PresharedKey>,
    /// The server's end that is tried first, or carries the traffic.
    pub endpoint: SocketAddr,
    /// Other addresses of the same end, in the order in which they are tried.
    pub others: Vec<SocketAddr>,
    /// Inner MTU, bytes.
    pub mtu: u16,
    /// Resolvers of the lane. Empty: it has none, and the device's own settings stand.
    pub dns: Vec<IpAddr>,
}

impl LanePlan {
    /// All addresses of the server's end, the one in use first.
    pub fn endpoints(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        std::iter::once(self.endpoint).chain(self.others.iter().copied())
    }

    /// The next address comes first, and the first last.
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
    /// The part of a lane.
    #[must_use]
    pub const fn on(&self, lane: Lane) -> &LanePlan {
        match lane {
            Lane::Direct => &self.direct,
            Lane::Tor => &self.tor,
        }
    }

    /// Another address of the lane's end is tried.
    pub(crate) fn try_next_endpoint(&mut self) {
        match self.lane {
            Lane::Direct => self.direct.rotate(),
            Lane::Tor => self.tor.rotate(),
        }
    }

    /// The same session over another lane.
    #[must_use]
    pub fn with_lane(mut self, lane: Lane) -> Self {
        self.lane = lane;
        self
    }

    /// The link that carries the wanted lane.
    #[must_use]
    pub fn link(&self, slot: Slot) -> Link {
        Link { slot, private_key: self.private_key.clone(), lane: self.on(self.lane).clone() }
    }

    /// The routing that leads everything into that link. On the tor lane no name is ever asked outside of it; on the
    /// direct lane none is as soon as the lane has a resolver.
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

    /// The routing that holds everything back until the link is up.
    #[must_use]
    pub fn held(&self) -> Routing {
        let mut held = Routing::held(self.outside());
        held.inner = self.inner();
        held
    }

    /// This device's addresses on both lanes.
    fn inner(&self) -> Vec<IpAddr> {
        Lane::ALL.iter().flat_map(|lane| self.on(*lane).addresses.clone()).collect()
    }

    /// What must not go through the tunnel: calls of the device API and both lanes' own packets.
    #[must_use]
    pub fn outside(&self) -> Vec<Outside> {
        let mut outside: Vec<Outside> = self.api.iter().copied().map(Outside::tcp).collect();
        outside.extend(Lane::ALL.into_iter().flat_map(|lane| self.on(lane).endpoints()).map(Outside::udp));
        outside
    }
}

/// One of two interfaces. Two, so that a new tunnel stands before the old one goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The first.
    A,
    /// The second.
    B,
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::A, Self::B];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

/// One interface with its only peer.
#[derive(Debug, Clone)]
pub struct Link {
    /// Which interface.
    pub slot: Slot,
    /// The device's key.
    pub private_key: PrivateKey,
    /// Addresses, peer, endpoint.
    pub lane: LanePlan,
}

/// Which implementation moves the packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The kernel's WireGuard.
    Kernel,
    /// WireGuard inside this process over a TUN device.
    Userspace,
}

/// What an interface says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observation {
    /// Time since the latest handshake; none before the first.
    pub handshake_age: Option<Duration>,
    /// Bytes seen from the device: `rx` came from the server.
    pub transfer: Transfer,
    /// True when this machine has no route to the server.
    pub no_network: bool,
}
