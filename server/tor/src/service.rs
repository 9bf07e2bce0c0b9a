//! Composes the rooms of the service.

use crate::config::Settings;
use crate::exits::{Countries, Offer};
use crate::instance::Instance;
use crate::lane::{desired, tor_lane};
use crate::process::Layout;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Mutex;
use tornado_contracts::tor::{LaneState, TorControl, TorError, TorOrder, TorStatus};
use tornado_contracts::wg::{SetTorLane, TorExits};
use tornado_runtime::clock::Clock;

pub(crate) struct Service {
    /// The lane's own Tor process.
    pub(crate) tor: Arc<Instance>,
    /// The Tor processes of exit countries.
    pub(crate) countries: Arc<Countries>,
    pub(crate) offer: Offer,
    /// Number of addresses on which the maintenance page listens.
    pub(crate) pages: Arc<AtomicUsize>,
    /// Serialises orders.
    orders: Mutex<()>,
}

impl Service {
    pub(crate) fn new(settings: Arc<Settings>, layout: Layout, clock: Clock) -> Self {
        let desired = desired::load(&layout.desired());
        Self {
            countries: Arc::new(Countries::new(&settings.own)),
            tor: Arc::new(Instance::new(settings, layout, desired, clock)),
            offer: Offer::default(),
            pages: Arc::default(),
            orders: Mutex::new(()),
        }
    }

    /// Applies an order after it has been stored.
    ///
    /// # Errors
    ///
    /// Fails with `NotSaved` if it cannot be stored. An order that closes something is applied even so.
    pub(crate) async fn control(&self, TorControl { order }: TorControl) -> Result<TorStatus, TorError> {
        let _turn = self.orders.lock().await;
        let state = desired::after(self.tor.desired(), order);
        let stored = desired::store(self.tor.layout().desired(), state, order).await;
        // An order that closes something is always applied: a full disk must not keep the lane open.
        if stored.is_ok() || !desired::opens(order) {
            tracing::info!(
                bounded = true,
                ?order,
                process = state.process,
                lane = state.lane,
                "applied an operator's order"
            );
            self.tor.set_desired(Some(state), order == TorOrder::Start);
        }
        stored.map_err(TorError::NotSaved)?;
        Ok(self.tor.status())
    }

    /// Requests new circuits from every Tor process.
    ///
    /// # Errors
    ///
    /// Fails with `NotRunning` if the lane's own Tor process does not respond or rejects the request.
    pub(crate) async fn new_identity(&self) -> Result<(), TorError> {
        let control = self.tor.control().map_err(TorError::NotRunning)?;
        control.new_identity().await.map_err(|error| TorError::NotRunning(error.to_string()))?;
        for (country, instance) in self.countries.all() {
            let Ok(control) = instance.control() else { continue };
            if let Err(error) = control.new_identity().await {
                tracing::warn!(%error, %country, "the Tor process of an exit country rejected a new identity");
            }
        }
        Ok(())
    }

    /// Decides the state of every Tor process again at the current time.
    pub(crate) fn decide(&self) {
        self.tor.decide();
        self.countries.all().iter().for_each(|(_, country)| country.decide());
    }

    /// The state that `wg` should set.
    pub(crate) fn desired_lane(&self) -> SetTorLane {
        let (state, config) = (self.tor.lane(), self.tor.config());
        let page_port = (self.pages.load(Ordering::SeqCst) > 0).then_some(config.page_port);
        // `maintenance` and `closed` apply to all devices.
        let exits = if state == LaneState::Open { self.countries.open() } else { TorExits::new() };
        SetTorLane { lane: tor_lane(state, config.ports(), page_port), exits }
    }
}
