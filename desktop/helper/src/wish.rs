//! What the user wants of the tunnel, as it outlives the helper: a file while one is wanted, none while none is.
//!
//! Written before the first route is set and removed after the last is gone, so that a helper which is killed at any
//! moment finds, at its next start, that traffic is to be held back. It also keeps the way to the server: names cannot
//! be asked while traffic is held back.

use crate::store::{Store, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tornado_shared::model::Lane;
use tornado_tunnel::plan::Plan;
use tornado_tunnel::policy::Outside;
use tornado_tunnel::state::{BlockedReason, Hold};

/// Addresses of hosts by name.
pub(crate) type Hosts = BTreeMap<String, Vec<IpAddr>>;

/// A tunnel is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The lane to use.
    pub lane: Lane,
    /// The device API.
    api: Vec<SocketAddr>,
    /// The server's ends of both lanes.
    ends: Vec<SocketAddr>,
    /// The server's addresses by the names under which they were found.
    pub hosts: Hosts,
}

/// The wish and where it is stored. Nothing here waits for a call that is under way.
pub(crate) struct Wishes {
    store: Store,
    wanted: Mutex<Option<Wanted>>,
}

/// What a start finds.
pub(crate) fn hold(wanted: &Result<Option<Wanted>, StoreError>, broken: Option<&str>, logged_in: bool) -> Option<Hold> {
    let outside = wanted.as_ref().ok().and_then(Option::as_ref).map(Wanted::outside).unwrap_or_default();
    let reason = match (broken, wanted) {
        (Some(broken), _) => BlockedReason::Store(broken.to_owned()),
        (None, Err(error)) => BlockedReason::Unknown(error.to_string()),
        (None, Ok(Some(_))) if logged_in => BlockedReason::Interrupted,
        (None, Ok(Some(_))) => BlockedReason::Ended("it is not logged in any more".into()),
        (None, Ok(None)) => return None,
    };
    Some(Hold { reason, outside })
}

impl Wanted {
    pub(crate) fn new(plan: &Plan, hosts: Hosts) -> Self {
        let ends = Lane::ALL.map(|lane| plan.on(lane).endpoint).into();
        Self { lane: plan.lane, api: plan.api.clone(), ends, hosts }
    }

    /// What to hold back once the server wants this device no longer, or not now.
    pub(crate) fn ended(&self, why: &str, logged_in: bool) -> Hold {
        let reason = if logged_in { BlockedReason::Denied } else { BlockedReason::Ended };
        Hold { reason: reason(why.to_owned()), outside: self.outside() }
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

    /// From now on a tunnel is wanted; on disk when this returns.
    pub(crate) fn want(&self, wanted: Wanted) -> Result<(), StoreError> {
        let mut held = self.lock();
        if held.as_ref() != Some(&wanted) {
            self.store.save_wanted(&wanted)?;
            *held = Some(wanted);
        }
        Ok(())
    }

    /// The tunnel that is wanted goes over this lane. Should it not be stored, a restart takes the former one.
    pub(crate) fn lane(&self, lane: Lane) {
        let mut held = self.lock();
        if let Some(wanted) = held.as_mut().filter(|wanted| wanted.lane != lane) {
            wanted.lane = lane;
            if let Err(error) = self.store.save_wanted(wanted) {
                tracing::warn!(%error, "the chosen lane was not stored");
            }
        }
    }

    /// None is wanted any more. Should it not be stored, a restart holds traffic back until it is told again.
    pub(crate) fn clear(&self) -> Result<(), StoreError> {
        *self.lock() = None;
        self.store.forget_wanted()
    }

    /// The tunnel that is wanted, if one is and it is known which.
    pub(crate) fn now(&self) -> Option<Wanted> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Wanted>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
