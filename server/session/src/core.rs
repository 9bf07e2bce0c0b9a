//! What the use cases share: configuration, state and clients.

use crate::access::Access;
use crate::accounting::Accounting;
use crate::config::Config;
use crate::counters::Counters;
use crate::lanes::{LaneClient, Policies, Reconciler};
use crate::live::LiveState;
use crate::registry::Registry;
use std::sync::Arc;
use tornado_runtime::clock::Clock;
use tornado_shared::model::{LanePools, Slot, UnixSeconds};
use tornado_store::sessions::SessionStore;

#[derive(Clone)]
pub(crate) struct Core {
    pub config: Arc<Config>,
    pub pools: LanePools,
    pub store: Arc<dyn SessionStore>,
    pub live: Arc<LiveState>,
    pub registry: Arc<Registry>,
    pub lanes: Arc<LaneClient>,
    pub policies: Arc<Policies>,
    pub reconciler: Arc<Reconciler>,
    pub access: Arc<Access>,
    pub accounting: Arc<Accounting>,
    pub counters: Arc<Counters>,
    pub clock: Clock,
}

impl Core {
    pub fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// First and last slot for devices.
    pub fn slots(&self) -> (Slot, Slot) {
        (Slot::FIRST, self.pools.last_device_slot())
    }
}
