//! A session on the server, and the parameters of its tunnel.

use super::schedule::Schedule;
use crate::account::Login;
use crate::server::{Resolver, VerifiedServer, endpoints};
use std::time::Duration;
use tokio::time::Instant;
use tornado_client::Connection as Offer;
use tornado_helper_api::HelperError;
use tornado_shared::model::{Lane, PrivateKey};
use tornado_tunnel::plan::{LanePlan, Plan};

/// How long a disconnect or logout waits for the server before a background task completes it.
pub(crate) const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// A session on the server, with or without a tunnel.
pub(super) struct Session {
    pub server: VerifiedServer,
    /// The device's key for this session. It is never stored.
    pub key: PrivateKey,
    pub offer: Offer,
    pub lane: Lane,
    pub schedule: Schedule,
}

impl Session {
    pub(super) fn new(server: VerifiedServer, key: PrivateKey, offer: Offer, lane: Lane) -> Self {
        let schedule = Schedule::new(offer.heartbeat_ttl, Instant::now(), rand::random());
        Self { server, key, offer, lane, schedule }
    }

    /// The parameters of both lanes for the tunnel.
    pub(super) async fn plan(&self, login: &Login, resolver: &mut Resolver) -> Result<Plan, HelperError> {
        let direct = self.lane_plan(Lane::Direct, login, resolver).await?;
        let tor = self.lane_plan(Lane::Tor, login, resolver).await?;
        let api = self.server.addresses.clone();
        Ok(Plan { private_key: self.key.clone(), lane: self.lane, direct, tor, api })
    }

    async fn lane_plan(&self, lane: Lane, login: &Login, resolver: &mut Resolver) -> Result<LanePlan, HelperError> {
        let offer = self.offer.on(lane);
        let mut endpoints = endpoints(resolver, offer, &self.server.addresses).await?;
        Ok(LanePlan {
            addresses: vec![offer.v4.into(), offer.v6.into()],
            peer: offer.server_key,
            preshared_key: Some(login.export().preshared_key(lane, &self.key.public_key())),
            endpoint: endpoints.remove(0),
            others: endpoints,
            mtu: offer.mtu,
            dns: offer.resolvers(),
        })
    }
}
