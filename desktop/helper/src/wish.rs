//! The desired state of the tunnel, stored so that it survives a restart. The file exists only while a tunnel is
//! desired.
//!
//! It is written before the first route is set and removed after the last route is gone. A helper that is killed at any
//! time therefore finds at its next start that traffic must be blocked. The file also contains the server's addresses,
//! because names cannot be resolved while traffic is blocked.

use crate::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tornado_shared::model::Lane;
use tornado_tunnel::plan::Plan;
use tornado_tunnel::policy::Outside;
use tornado_tunnel::state::{BlockedReason, Lockdown};

/// Addresses of hosts, by name.
pub(crate) type Hosts = BTreeMap<String, Vec<IpAddr>>;

/// The desired tunnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The lane to use.
    pub lane: Lane,
    /// Addresses of the device API.
    api: Vec<SocketAddr>,
    /// WireGuard endpoints of the server, for both lanes.
    ends: Vec<SocketAddr>,
    /// Addresses of the server's host names.
    pub hosts: Hosts,
}

/// The desired state and its store. No method waits for a call in progress.
pub(crate) struct Wishes {
    store: Store,
    wanted: Mutex<Option<Wanted>>,
}

/// The lockdown that the stored state requires at startup.
pub(crate) fn hold(
    wanted: &Result<Option<Wanted>, StoreError>,
    broken: Option<&str>,
    logged_in: bool,
) -> Option<Lockdown> {
    let outside = wanted.as_ref().ok().and_then(Option::as_ref).map(Wanted::outside).unwrap_or_default();
    let reason = match (broken, wanted) {
        (Some(broken), _) => BlockedReason::Store(broken.to_owned()),
        (None, Err(error)) => BlockedReason::Unknown(error.to_string()),
        (None, Ok(Some(_))) if logged_in => BlockedReason::Interrupted,
        (None, Ok(Some(_))) => BlockedReason::Ended("this device is not logged in".into()),
        (None, Ok(None)) => return None,
    };
    Some(Lockdown { reason, outside })
}

impl Wanted {
    pub(crate) fn new(plan: &Plan, hosts: Hosts) -> Self {
        let ends = Lane::ALL.map(|lane| plan.on(lane).endpoint).into();
        Self { lane: plan.lane, api: plan.api.clone(), ends, hosts }
    }

    /// The lockdown that applies once the server rejected this device, permanently or for now.
    pub(crate) fn ended(&self, why: &str, logged_in: bool) -> Lockdown {
        let reason = if logged_in { BlockedReason::Denied } else { BlockedReason::Ended };
        Lockdown { reason: reason(why.to_owned()), outside: self.outside() }
    }

    fn outside(&self) -> Vec<Outside> {
        let api = self.api.iter().copied().map(Outside::tcp);
        api.chain(self.ends.iter().copied().map(Outside::udp)).collect()
    }
}

impl Wishes {
    pub(crate) const fn new(store: Store, wanted: Option<Wanted>) -> Self {
        Self { store, wanted: Mutex::new(wanted) }
    }

    /// Sets the desired tunnel. It is stored when this returns.
    pub(crate) fn want(&self, wanted: Wanted) -> Result<(), StoreError> {
        let mut held = self.lock();
        if held.as_ref() != Some(&wanted) {
            self.store.save_wanted(&wanted)?;
            *held = Some(wanted);
        }
        Ok(())
    }

    /// Sets the lane of the desired tunnel. If it cannot be stored, a restart uses the previous lane.
    pub(crate) fn lane(&self, lane: Lane) {
        let mut held = self.lock();
        if let Some(wanted) = held.as_mut().filter(|wanted| wanted.lane != lane) {
            wanted.lane = lane;
            if let Err(error) = self.store.save_wanted(wanted) {
                tracing::warn!(%error, "cannot store the lane of the desired tunnel");
            }
        }
    }

    /// Sets that no tunnel is desired. If it cannot be stored, a restart blocks traffic until the user acts.
    pub(crate) fn clear(&self) -> Result<(), StoreError> {
        *self.lock() = None;
        self.store.forget_wanted()
    }

    /// The desired tunnel, if there is one and the store could be read.
    pub(crate) fn now(&self) -> Option<Wanted> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Wanted>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
