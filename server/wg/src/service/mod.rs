//! The service: composes its parts, starts and stops them.

mod api;

use crate::canary::{CanaryDevice, CanaryTable, CanaryWatch};
use crate::config::Settings;
use crate::error::Error;
use crate::firewall::Firewall;
use crate::flow_limit::FlowLimit;
use crate::guard::{Alarm, HostWatch, RulesWatch};
use crate::host::Forwarding;
use crate::interfaces::{Absent, Factory, Interface, keys};
use crate::metrics;
use crate::model::PerLane;
use crate::netfilter::Notices;
use crate::peers::{Additions, Endpoints, PeerSet, Reconciler, Registry, Removals};
use crate::routing::Routing;
use crate::shared::{Shared, Wakes};
use crate::status::{State, Status};
use crate::tor_lane::TorLaneSwitch;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_contracts::auth::audit::AuditClient;
use tornado_runtime::metrics::Metrics;
use tornado_runtime::{ReadySetter, Tasks};
use tornado_shared::model::Lane;

/// Service `wg`.
pub(crate) struct Service {
    boot_id: uuid::Uuid,
    /// Ends held responses.
    stopping: CancellationToken,
    factory: Arc<Factory>,
    shared: Shared,
    routing: Arc<Routing>,
    registry: Arc<Registry>,
    additions: Additions,
    removals: Removals,
    tor_lane: Arc<TorLaneSwitch>,
    alarm: Arc<Alarm>,
    host: HostWatch,
    canary_device: Arc<CanaryDevice>,
    flow_limit: FlowLimit,
}

impl Service {
    /// Applies the firewall before the interfaces are created, so that no interface exists without a policy. If a step
    /// fails, everything is removed again.
    pub(crate) async fn start(
        factory: Factory,
        firewall: Firewall,
        state_dir: &Path,
        ready: ReadySetter,
        stopping: CancellationToken,
    ) -> Result<Self, Error> {
        let service = Self::compose(Arc::new(factory), firewall, state_dir, ready, stopping)?;
        match service.set_up().await {
            Ok(()) => Ok(service),
            Err(error) => {
                service.stop().await;
                Err(error)
            }
        }
    }

    fn compose(
        factory: Arc<Factory>,
        firewall: Firewall,
        state_dir: &Path,
        ready: ReadySetter,
        stopping: CancellationToken,
    ) -> Result<Self, Error> {
        let (config, server): (&Settings, _) = (factory.config(), factory.public_keys());
        let absent = |lane| -> Arc<dyn Interface> { Arc::new(Absent(config.interface(lane).to_owned())) };
        let state = State::new(PerLane { direct: absent(Lane::Direct), tor: absent(Lane::Tor) });
        let shared = Shared {
            firewall: Arc::new(firewall),
            status: Arc::new(Status::new(state, ready)),
            wakes: Arc::new(Wakes::new()),
        };
        let port = config.port(Lane::Tor);
        let device = Arc::new(CanaryDevice::new(keys::canary(state_dir)?, server.tor, port, config.canary()?));
        let set = PeerSet::new(config.wiring.lanes.pools, server).with_canary(device.peer());
        let registry =
            Arc::new(Registry::new(set, Endpoints::load(state_dir), config.wiring.lanes.pools, shared.clone()));
        let tor_lane = Arc::new(TorLaneSwitch::new(shared.clone(), config.gateway(Lane::Tor)?));
        let alarm = Arc::new(Alarm::load(shared.clone(), tor_lane.clone(), state_dir));
        let routing = Arc::new(Routing::new(factory.netlink().clone(), config)?);
        Ok(Self {
            boot_id: uuid::Uuid::new_v4(),
            stopping,
            additions: Additions::new(registry.clone()),
            removals: Removals::new(registry.clone()),
            host: HostWatch::new(shared.clone(), factory.clone(), Forwarding::load(state_dir)),
            flow_limit: FlowLimit::new(registry.clone(), shared.firewall.clone()),
            factory,
            shared,
            routing,
            registry,
            tor_lane,
            alarm,
            canary_device: device,
        })
    }

    async fn set_up(&self) -> Result<(), Error> {
        let mut state = self.shared.status.lock().await;
        let (host, _) = self.host.adapt_firewall().await?;
        self.shared.firewall.apply().await?;
        state.firewall_verified = true;
        self.routing.set_up().await?;
        for lane in Lane::ALL {
            *state.interfaces.of_mut(lane) = self.factory.open(lane).await?;
            *state.up.of_mut(lane) = true;
        }
        self.host.enable_forwarding(&host)?;
        state.interfaces.tor.put_peers(&[self.canary_device.peer()]).await?;
        Ok(())
    }

    /// Publishes the lanes and their state.
    pub(crate) fn publish(&self, published: &Metrics) {
        let name = |lane| self.factory.config().interface(lane).to_owned();
        let interfaces = PerLane { direct: name(Lane::Direct), tor: name(Lane::Tor) };
        metrics::publish(published, self.shared.status.clone(), interfaces);
    }

    /// Starts the watches. `notices` are the kernel's notifications, if available.
    pub(crate) fn spawn_watches(
        self: &Arc<Self>,
        tasks: &mut Tasks,
        notices: Option<Notices>,
        canary_table: CanaryTable,
        auth: AuditClient,
    ) {
        let (stop, notifies) = (tasks.stop().clone(), notices.is_some());
        let own = || (self.clone(), stop.clone());
        let (shared, alarm) = (self.shared.clone(), self.alarm.clone());
        let reconciler = Reconciler { factory: self.factory.clone(), registry: self.registry.clone() };
        tasks.spawn("lanes", reconciler.watch(notifies, stop.clone()));
        let (wg, until) = own();
        tasks.spawn("endpoints", async move { wg.registry.watch_endpoints(&until).await });
        let rules = RulesWatch { shared: shared.clone(), routing: self.routing.clone(), alarm: alarm.clone() };
        tasks.spawn("firewall", rules.watch(notices, stop.clone()));
        let (wg, until) = own();
        tasks.spawn("host", async move { wg.host.watch(notifies, &until).await });
        let (device, tor_lane) = (self.canary_device.clone(), self.tor_lane.clone());
        let interval = Duration::from_secs(self.factory.config().own.canary_interval.into());
        let canary = CanaryWatch { shared, device, tor_lane, alarm, interval };
        tasks.spawn("canary", canary.watch(canary_table, stop.clone()));
        let (wg, until) = own();
        tasks.spawn("flow limit", async move { wg.flow_limit.watch(&until).await });
        let (wg, until) = own();
        tasks.spawn("alarms", async move { wg.alarm.deliver_to_audit(auth, &until).await });
    }

    /// Removes the interfaces, then rules and routes, then the table, so that no interface exists without a policy.
    pub(crate) async fn stop(&self) {
        self.shared.status.report_stopping();
        self.registry.close().await;
        let state = self.shared.status.lock().await;
        for lane in Lane::ALL {
            state.interfaces.of(lane).close().await;
        }
        self.routing.remove().await;
        if let Err(error) = self.shared.firewall.remove().await {
            tracing::warn!(%error, "could not remove the nftables table");
        }
    }
}
