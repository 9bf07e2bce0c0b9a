//! Composes the parts of the service.

use crate::access::Access;
use crate::accounting::Accounting;
use crate::config::Config;
use crate::core::Core;
use crate::counters::Counters;
use crate::lanes::{LaneClient, Policies, Reconciler, Watch};
use crate::lifecycle::{self, Closer, Connector, Heartbeats, Sweeper};
use crate::live::LiveState;
use crate::registry::Registry;
use crate::tor::{self, Circuits, Countries};
use std::sync::Arc;
use std::time::Duration;
use tornado_contracts::auth::Auth;
use tornado_contracts::tor::Tor;
use tornado_contracts::wg::Wg;
use tornado_live::LiveStore;
use tornado_runtime::Tasks;
use tornado_runtime::clock::Clock;
use tornado_shared::model::LanePools;
use tornado_store::StoreError;
use tornado_store::sessions::SessionStore;

/// Longest pause between attempts while service `wg` does not respond. A restart of `wg` is detected by the end of a
/// held response.
const WG_RETRY: Duration = Duration::from_millis(200);

/// Dependencies of the service.
pub(crate) struct Parts {
    pub pools: LanePools,
    pub store: Arc<dyn SessionStore>,
    pub live: Arc<dyn LiveStore>,
    pub auth: Arc<dyn Auth>,
    pub wg: Arc<dyn Wg>,
    pub tor: Arc<dyn Tor>,
    pub clock: Clock,
}

pub(crate) struct Service {
    pub core: Core,
    pub closer: Arc<Closer>,
    pub heartbeats: Arc<Heartbeats>,
    pub connector: Connector,
    pub sweeper: Sweeper,
    pub countries: Arc<Countries>,
    pub circuits: Circuits,
    pub tor: Arc<dyn Tor>,
}

impl Service {
    /// Composes the service and restores all live sessions from the store.
    pub async fn restore(config: Config, parts: Parts) -> Result<Arc<Self>, StoreError> {
        let Parts { pools, store, live, auth, wg, tor, clock } = parts;
        let counters = Arc::new(Counters::new(clock.now()));
        let registry = Arc::new(Registry::default());
        let lanes = Arc::new(LaneClient::new(wg));
        let policies = Policies::new(auth.clone(), lanes.clone(), registry.clone());
        let reconciler = Reconciler::new(lanes.clone(), registry.clone(), counters.clone(), clock.clone());
        let core = Core {
            config: Arc::new(config),
            pools,
            live: Arc::new(LiveState::new(live, counters.clone())),
            policies: Arc::new(policies),
            reconciler: Arc::new(reconciler),
            access: Arc::new(Access::new(auth, registry.clone(), clock.clone())),
            accounting: Arc::new(Accounting::new(&store, registry.clone())),
            store,
            registry,
            lanes,
            counters,
            clock,
        };
        lifecycle::restore(&core).await?;
        let countries = Arc::new(Countries::new(core.registry.clone(), core.config.exit_countries));
        let closer = Arc::new(Closer::new(core.clone()));
        let heartbeats = Arc::new(Heartbeats::new(core.clone(), closer.clone()));
        Ok(Arc::new(Self {
            connector: Connector::new(core.clone(), countries.clone(), closer.clone(), heartbeats.clone()),
            sweeper: Sweeper::new(core.clone(), closer.clone()),
            circuits: Circuits::new(core.clone(), tor.clone(), countries.clone()),
            core,
            closer,
            heartbeats,
            countries,
            tor,
        }))
    }

    /// The watcher of the lanes.
    pub fn watch(&self) -> Watch {
        let Core { lanes, policies, reconciler, .. } = self.core.clone();
        Watch::new(lanes, policies, reconciler, Duration::from_secs(self.core.config.stats_interval.into()))
    }

    /// Starts the tasks of the service.
    pub fn spawn(self: &Arc<Self>, tasks: &mut Tasks) {
        let stop = tasks.stop().clone();
        tasks.spawn("lanes", self.watch().run(WG_RETRY, stop.clone()));
        tasks.spawn("tor", tor::run(self.tor.clone(), self.countries.clone(), stop.clone()));
        let (service, stopped) = (self.clone(), stop.clone());
        tasks.spawn("keys", async move { service.core.access.keys.run(stopped).await });
        let service = self.clone();
        tasks.spawn("sweep", async move { service.sweeper.run(stop).await });
    }
}
