//! Composes the parts of the service.

use crate::access::Access;
use crate::accounting::Accounting;
use crate::clock::Clock;
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
use tornado_store::StoreError;
use tornado_store::sessions::SessionStore;

/// Dependencies of the service.
pub(crate) struct Parts {
    pub store: Arc<dyn SessionStore>,
    pub live: Arc<dyn LiveStore>,
    pub auth: Arc<dyn Auth>,
    pub wg: Arc<dyn Wg>,
    pub tor: Arc<dyn Tor>,
    pub clock: Clock,
}

pub(crate) struct Service {
    pub config: Arc<Config>,
    pub core: Core,
    pub access: Arc<Access>,
    pub accounting: Arc<Accounting>,
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
        let Parts { store, live, auth, wg, tor, clock } = parts;
        let config = Arc::new(config);
        let counters = Arc::new(Counters::new(clock()));
        let registry = Arc::new(Registry::default());
        let lanes = Arc::new(LaneClient::new(wg));
        let reconciler = Reconciler::new(lanes.clone(), registry.clone(), counters.clone(), clock.clone());
        let core = Core {
            live: Arc::new(LiveState::new(live, counters.clone())),
            policies: Arc::new(Policies::new(auth.clone(), lanes.clone(), registry.clone())),
            reconciler: Arc::new(reconciler),
            store,
            registry,
            lanes,
            counters,
            clock,
        };
        lifecycle::restore(&core, &config).await?;
        let access = Arc::new(Access::new(auth, core.registry.clone(), core.clock.clone()));
        let accounting = Arc::new(Accounting::new(&core.store, core.registry.clone()));
        let countries = Arc::new(Countries::new(core.registry.clone(), config.exit_countries));
        let closer = Arc::new(Closer::new(core.clone(), access.clone()));
        let heartbeats = Arc::new(Heartbeats::new(core.clone(), access.clone(), closer.clone()));
        Ok(Arc::new(Self {
            connector: Connector::new(
                config.clone(),
                core.clone(),
                access.clone(),
                accounting.clone(),
                countries.clone(),
                closer.clone(),
                heartbeats.clone(),
            ),
            sweeper: Sweeper::new(config.clone(), core.clone(), access.clone(), accounting.clone(), closer.clone()),
            circuits: Circuits::new(
                core.clone(),
                access.clone(),
                tor.clone(),
                countries.clone(),
                config.identity_changes,
            ),
            config,
            core,
            access,
            accounting,
            closer,
            heartbeats,
            countries,
            tor,
        }))
    }

    /// The watcher of the lanes.
    pub fn watch(&self) -> Watch {
        let Core { lanes, policies, reconciler, .. } = self.core.clone();
        Watch::new(lanes, policies, reconciler, Duration::from_secs(self.config.stats_interval.into()))
    }

    /// Starts the tasks of the service.
    pub fn spawn(self: &Arc<Self>, tasks: &mut Tasks) {
        let stop = tasks.stop().clone();
        let longest = Duration::from_millis(self.config.wg_poll_ms.into());
        tasks.spawn("lanes", self.watch().run(longest, stop.clone()));
        tasks.spawn("tor", tor::run(self.tor.clone(), self.countries.clone(), stop.clone()));
        let (service, stopped) = (self.clone(), stop.clone());
        tasks.spawn("keys", async move { service.access.keys.run(stopped).await });
        let service = self.clone();
        tasks.spawn("sweep", async move { service.sweeper.run(stop).await });
    }
}
