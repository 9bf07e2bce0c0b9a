//! The desired state of the tunnel, stored so that it survives a restart. The file exists only while a tunnel is
//! desired.
//!
//! It is written before the first route is set and removed after the last route is gone. A helper that is killed at any
//! time therefore finds at its next start that traffic must be blocked. The file also contains the server's addresses,
//! because names cannot be resolved while traffic is blocked.

use super::store::{Store, StoreError};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use tornado_shared::model::Lane;
use tornado_tunnel::plan::Plan;
use tornado_tunnel::policy::Outside;
use tornado_tunnel::state::{BlockedReason, Lockdown};

/// Addresses of hosts, by name.
pub(crate) type Hosts = BTreeMap<String, Vec<IpAddr>>;

/// The desired tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DesiredTunnel {
    /// The lane to use.
    pub lane: Lane,
    /// Addresses of the device API.
    api: Vec<SocketAddr>,
    /// WireGuard endpoints of the server, for both lanes.
    #[serde(alias = "ends")]
    endpoints: Vec<SocketAddr>,
    /// Addresses of the server's host names.
    pub hosts: Hosts,
}

/// The desired state and its store. No method waits for a call in progress.
pub(crate) struct DesiredState {
    store: Store,
    tunnel: Mutex<Option<DesiredTunnel>>,
}

/// The lockdown that the stored state requires at startup. `unreadable` is why the account cannot be read.
pub(crate) fn lockdown_at_start(
    desired: &Result<Option<DesiredTunnel>, StoreError>,
    unreadable: Option<&str>,
    logged_in: bool,
) -> Option<Lockdown> {
    let outside = desired.as_ref().ok().and_then(Option::as_ref).map(DesiredTunnel::outside).unwrap_or_default();
    let reason = match (unreadable, desired) {
        (Some(unreadable), _) => BlockedReason::Store(unreadable.to_owned()),
        (None, Err(error)) => BlockedReason::Unknown(error.to_string()),
        (None, Ok(Some(_))) if logged_in => BlockedReason::Interrupted,
        (None, Ok(Some(_))) => BlockedReason::Ended("this device is not logged in".into()),
        (None, Ok(None)) => return None,
    };
    Some(Lockdown { reason, outside })
}

/// Name of the file in the state directory.
const FILE: &str = "wanted.json";

impl DesiredTunnel {
    pub(crate) fn new(plan: &Plan, hosts: Hosts) -> Self {
        let endpoints = Lane::ALL.map(|lane| plan.on(lane).endpoint).into();
        Self { lane: plan.lane, api: plan.api.clone(), endpoints, hosts }
    }

    /// Returns `None` only if the file does not exist.
    pub(crate) fn load(store: &Store) -> Result<Option<Self>, StoreError> {
        store.load(FILE)
    }

    /// The lockdown that applies once the server rejected this device, permanently or for now.
    pub(crate) fn lockdown(&self, why: &str, logged_in: bool) -> Lockdown {
        let reason = if logged_in { BlockedReason::Denied } else { BlockedReason::Ended };
        Lockdown { reason: reason(why.to_owned()), outside: self.outside() }
    }

    fn outside(&self) -> Vec<Outside> {
        let api = self.api.iter().copied().map(Outside::tcp);
        api.chain(self.endpoints.iter().copied().map(Outside::udp)).collect()
    }
}

impl DesiredState {
    pub(crate) const fn new(store: Store, tunnel: Option<DesiredTunnel>) -> Self {
        Self { store, tunnel: Mutex::new(tunnel) }
    }

    /// Sets the desired tunnel. It is stored when this returns.
    pub(crate) fn set(&self, tunnel: DesiredTunnel) -> Result<(), StoreError> {
        let mut desired = self.tunnel.lock();
        if desired.as_ref() != Some(&tunnel) {
            self.store.replace(FILE, &tunnel)?;
            *desired = Some(tunnel);
        }
        Ok(())
    }

    /// Sets the lane of the desired tunnel. If it cannot be stored, a restart uses the previous lane.
    pub(crate) fn set_lane(&self, lane: Lane) {
        let mut desired = self.tunnel.lock();
        if let Some(tunnel) = desired.as_mut().filter(|tunnel| tunnel.lane != lane) {
            tunnel.lane = lane;
            if let Err(error) = self.store.replace(FILE, tunnel) {
                tracing::warn!(%error, "cannot store the lane of the desired tunnel");
            }
        }
    }

    /// Sets that no tunnel is desired. If it cannot be stored, a restart blocks traffic until the user acts.
    pub(crate) fn clear(&self) -> Result<(), StoreError> {
        *self.tunnel.lock() = None;
        self.store.remove(FILE)
    }

    /// The desired tunnel, if there is one and the store could be read.
    pub(crate) fn get(&self) -> Option<DesiredTunnel> {
        self.tunnel.lock().clone()
    }
}
