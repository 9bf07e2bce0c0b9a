//! The service: its restored state and its tasks.

use crate::config::Config;
use crate::core::{Core, Parts};
use crate::lanes::Watch;
use crate::lifecycle::{restore, sweep};
use crate::tor;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_runtime::Tasks;
use tornado_store::StoreError;

/// Longest pause between attempts while service `wg` does not respond. A restart of `wg` is detected by the end of a
/// held response.
const WG_RETRY: Duration = Duration::from_millis(200);

pub(crate) struct Service {
    pub core: Core,
}

impl Service {
    /// Composes the service and restores all live sessions from the store.
    pub async fn restore(config: Config, parts: Parts) -> Result<Arc<Self>, StoreError> {
        let core = Core::new(config, parts);
        restore(&core).await?;
        Ok(Arc::new(Self { core }))
    }

    /// The watcher of the lanes.
    pub fn watch(&self) -> Watch {
        let Core { lanes, policies, reconciler, config, .. } = &self.core;
        let stats_interval = Duration::from_secs(config.stats_interval.into());
        Watch::new(lanes.clone(), policies.clone(), reconciler.clone(), stats_interval)
    }

    /// Starts the tasks of the service.
    pub fn spawn(self: &Arc<Self>, tasks: &mut Tasks) {
        let stop = tasks.stop().clone();
        tasks.spawn("lanes", self.watch().run(WG_RETRY, stop.clone()));
        tasks.spawn("tor", tor::run(self.core.tor.clone(), self.core.countries.clone(), stop.clone()));
        let (service, stopped) = (self.clone(), stop.clone());
        tasks.spawn("keys", async move { service.core.access.keys.run(stopped).await });
        let (service, stopped) = (self.clone(), stop.clone());
        tasks.spawn("copies", async move { remove_copies(&service.core, stopped).await });
        let service = self.clone();
        tasks.spawn("sweep", async move { sweep::run(&service.core, stop).await });
    }
}

/// Removes old copies of the database each hour until `shutdown`.
async fn remove_copies(core: &Core, shutdown: CancellationToken) {
    let mut ticks = tornado_runtime::every(Duration::from_secs(3600));
    while shutdown.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = core.store.database().remove_copies(core.now()) {
            tracing::error!(%error, "could not delete old copies of the database");
        }
    }
}
