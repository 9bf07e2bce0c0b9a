//! What the use cases share: configuration, state and clients. Use cases are functions over a [`Core`]; a part that
//! keeps an invariant is a struct with private fields.

use crate::access::Access;
use crate::accounting::Accounting;
use crate::config::Config;
use crate::counters::Counters;
use crate::countries::Countries;
use crate::lanes::{LaneClient, Policies, Reconciler};
use crate::limit::ChangeLimit;
use crate::live::LiveState;
use crate::registry::Registry;
use parking_lot::Mutex;
use std::sync::Arc;
use tornado_contracts::auth::Auth;
use tornado_contracts::tor::Tor;
use tornado_contracts::wg::Wg;
use tornado_live::LiveStore;
use tornado_runtime::clock::Clock;
use tornado_shared::model::{LanePools, Slot, UnixSeconds};
use tornado_store::sessions::SqlSessions;

/// Dependencies of the service.
pub(crate) struct Parts {
    pub pools: LanePools,
    pub store: SqlSessions,
    pub live: Arc<dyn LiveStore>,
    pub auth: Arc<dyn Auth>,
    pub wg: Arc<dyn Wg>,
    pub tor: Arc<dyn Tor>,
    pub clock: Clock,
}

pub(crate) struct Core {
    pub store: SqlSessions,
    pub live: LiveState,
    pub registry: Arc<Registry>,
    pub lanes: Arc<LaneClient>,
    pub policies: Arc<Policies>,
    pub reconciler: Arc<Reconciler>,
    pub access: Access,
    pub accounting: Accounting,
    pub tor: Arc<dyn Tor>,
    pub countries: Arc<Countries>,
    /// Rate limit for new circuits.
    pub changes: Mutex<ChangeLimit>,
    pub counters: Arc<Counters>,
    pub config: Config,
    pub pools: LanePools,
    pub clock: Clock,
}

impl Core {
    pub fn new(config: Config, parts: Parts) -> Self {
        let Parts { pools, store, live, auth, wg, tor, clock } = parts;
        let counters = Arc::new(Counters { since: clock.now(), ..Counters::default() });
        let registry = Arc::new(Registry::default());
        let lanes = Arc::new(LaneClient::new(wg));
        let policies = Policies::new(auth.clone(), lanes.clone(), registry.clone());
        let reconciler = Reconciler::new(lanes.clone(), registry.clone(), counters.clone(), clock.clone());
        Self {
            live: LiveState::new(live, counters.clone()),
            policies: Arc::new(policies),
            reconciler: Arc::new(reconciler),
            access: Access::new(auth, registry.clone(), clock.clone()),
            accounting: Accounting::new(&store, registry.clone()),
            countries: Arc::new(Countries::new(registry.clone(), config.exit_countries)),
            changes: Mutex::new(ChangeLimit::new(config.identity_changes)),
            store,
            registry,
            lanes,
            tor,
            counters,
            config,
            pools,
            clock,
        }
    }

    pub fn now(&self) -> UnixSeconds {
        self.clock.now()
    }

    /// First and last slot for devices.
    pub fn slots(&self) -> (Slot, Slot) {
        (Slot::FIRST, self.pools.last_device_slot())
    }
}
