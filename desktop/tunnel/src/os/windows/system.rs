//! The Windows on which this process runs.

use super::engine::Engine;
use super::filters::filters;
use super::link::Up;
use super::routes::{Way, routes};
use super::settings::Settings;
use crate::os::{Disturbance, Os, OsError};
use crate::plan::{Backend, Link, Observation, Slot};
use crate::policy::{Routing, local_networks, overlap};
use async_trait::async_trait;
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tornado_windows::os::names;
use tornado_windows::os::network::{AddedRoute, Watch, adapters, add_route, remove_route, route_outside};

/// Changes come in bursts. Changes within this time are handled together.
const BURST: Duration = Duration::from_millis(50);
/// How often the configuration is checked without a notification: the filtering engine sends none.
const INTERVAL: Duration = Duration::from_secs(5);

/// Windows, as this process configures it.
pub struct Windows {
    settings: Settings,
    links: HashMap<Slot, Up>,
    engine: Engine,
    /// Our routes.
    routes: BTreeSet<AddedRoute>,
    /// The resolvers in use, and the interface that has them.
    names: Option<(u64, Vec<IpAddr>)>,
    watch: Watch,
    /// The required routing.
    required: Option<Routing>,
}

impl Windows {
    /// Subscribes to changes of the network. Changes nothing.
    ///
    /// # Errors
    /// If Windows rejects the subscription.
    pub fn open(settings: Settings) -> Result<Self, OsError> {
        let watch = Watch::open().map_err(|error| OsError::new("watch for changes of the network", error))?;
        let (links, engine, routes) = (HashMap::new(), Engine::default(), BTreeSet::new());
        Ok(Self { settings, links, engine, routes, names: None, watch, required: None })
    }

    fn name(&self, slot: Slot) -> String {
        let number = match slot {
            Slot::A => 0,
            Slot::B => 1,
        };
        format!("{}{number}", self.settings.interface)
    }

    /// Sets everything to what the routing requires. Returns what another program had changed.
    fn sync(&mut self, routing: &Routing) -> Result<Vec<&'static str>, OsError> {
        self.required = Some(routing.clone());
        let luid = match routing.slot {
            Some(slot) => {
                let link = self.links.get(&slot);
                Some(link.ok_or_else(|| OsError::new("find the interface", "it does not exist"))?.luid())
            }
            None => None,
        };
        let links = Slot::ALL.map(|slot| self.name(slot));
        let found = adapters().map_err(|error| OsError::new("list the interfaces", error))?;
        let addresses: Vec<_> = found
            .iter()
            .filter(|adapter| !adapter.is_loopback)
            .flat_map(|adapter| adapter.addresses.iter().map(|net| (adapter.alias.clone(), *net)))
            .collect();
        let mut local = if routing.lan { local_networks(&addresses, &links) } else { Vec::new() };
        local.retain(|network| !routing.never_local.iter().any(|range| overlap(range, &network.net)));
        // The filters are set before the routes that they protect.
        let is_disturbed = self.engine.sync(filters(&routing.firewall(links, &local)))?;
        self.sync_routes(routing, luid)?;
        self.sync_names(routing, luid)?;
        Ok(if is_disturbed { vec!["the firewall"] } else { Vec::new() })
    }

    fn sync_routes(&mut self, routing: &Routing, luid: Option<u64>) -> Result<(), OsError> {
        let mut wanted = BTreeSet::new();
        for (net, way) in routes(routing) {
            match (way, luid) {
                (Way::Tunnel, Some(luid)) => {
                    wanted.insert(AddedRoute { net, luid, gateway: None });
                }
                (Way::Outside, _) => match route_outside(net.network()) {
                    Ok(route) => {
                        wanted.insert(AddedRoute { net, luid: route.luid, gateway: route.gateway });
                    }
                    // Without one, it is unreachable in either case.
                    Err(error) => tracing::debug!(%error, %net, "there is no route outside the tunnel"),
                },
                (Way::Tunnel, None) => {}
            }
        }
        for route in self.routes.difference(&wanted) {
            // The interface may be gone, with its routes.
            if let Err(error) = remove_route(route) {
                tracing::debug!(%error, ?route, "cannot remove a route");
            }
        }
        self.routes.clone_from(&wanted);
        // A route that exists is not an error, so routes that another program removed are restored.
        wanted.iter().try_for_each(add_route).map_err(|error| OsError::new("add a route", error))
    }

    fn sync_names(&mut self, routing: &Routing, luid: Option<u64>) -> Result<(), OsError> {
        let wanted = luid.filter(|_| !routing.names.is_empty()).map(|luid| (luid, routing.names.clone()));
        if wanted == self.names {
            return Ok(());
        }
        let set = || match &wanted {
            Some((luid, servers)) => {
                names::set_resolvers(*luid, servers)?;
                names::set_rule(servers)
            }
            None => names::remove_rules().map(drop),
        };
        set().map_err(|error| OsError::new("set the resolvers", error))?;
        self.names = wanted;
        forget_answers();
        Ok(())
    }

    async fn drop_link(&mut self, slot: Slot) {
        if let Some(link) = self.links.remove(&slot) {
            self.routes.retain(|route| route.luid != link.luid());
            link.stop().await;
        }
    }
}

/// Makes Windows forget the responses of other resolvers.
fn forget_answers() {
    let root = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
    let run = Command::new(PathBuf::from(root).join(r"System32\ipconfig.exe")).arg("/flushdns").output();
    if let Err(error) = run {
        tracing::debug!(%error, "cannot empty the cache of names");
    }
}

/// The resolvers that this machine uses outside the tunnel.
#[must_use]
pub fn own_resolvers() -> Vec<IpAddr> {
    let found = adapters().inspect_err(|error| tracing::debug!(%error, "cannot list the resolvers of this machine"));
    let up = found.unwrap_or_default().into_iter().filter(|adapter| adapter.is_up && !adapter.is_loopback);
    up.flat_map(|adapter| adapter.resolvers).collect()
}

/// Removes filters and resolvers, also of an earlier process. The adapters, with their routes, end with their process.
///
/// # Errors
/// The first failure; the other parts are removed in either case.
pub fn release() -> Result<(), OsError> {
    let filters = Engine::default().remove();
    let rules = names::remove_rules().map_err(|error| OsError::new("remove the rules for DNS", error));
    forget_answers();
    filters.and(rules.map(drop))
}

#[async_trait]
impl Os for Windows {
    /// The driver takes up to seconds to create an adapter.
    fn call_timeout(&self) -> Duration {
        Duration::from_secs(30)
    }

    async fn up(&mut self, link: &Link) -> Result<Backend, OsError> {
        self.drop_link(link.slot).await;
        let up = Up::create(&self.settings, self.name(link.slot), link).await?;
        self.links.insert(link.slot, up);
        Ok(Backend::Userspace)
    }

    async fn route(&mut self, routing: &Routing) -> Result<(), OsError> {
        self.sync(routing).map(drop)
    }

    async fn changed(&mut self) {
        if tokio::time::timeout(INTERVAL, self.watch.changed()).await.is_ok() {
            tokio::time::sleep(BURST).await;
        }
    }

    async fn restore(&mut self) -> Result<Disturbance, OsError> {
        let Some(routing) = self.required.clone() else { return Ok(Disturbance::default()) };
        let restored = self.sync(&routing)?;
        Ok(Disturbance { restored, ahead: Vec::new() })
    }

    async fn remove(&mut self, slot: Slot) -> Result<(), OsError> {
        self.drop_link(slot).await;
        Ok(())
    }

    async fn observe(&mut self, slot: Slot) -> Result<Observation, OsError> {
        let link = self.links.get(&slot);
        link.ok_or_else(|| OsError::new("observe the interface", "it does not exist"))?.observe().await
    }

    async fn tear_down(&mut self) -> Result<(), OsError> {
        (self.required, self.names) = (None, None);
        for slot in Slot::ALL {
            self.drop_link(slot).await;
        }
        for route in std::mem::take(&mut self.routes) {
            if let Err(error) = remove_route(&route) {
                tracing::debug!(%error, ?route, "cannot remove a route");
            }
        }
        release()
    }
}
