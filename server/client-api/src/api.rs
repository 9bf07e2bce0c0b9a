//! The services behind the device API, and the limits in front of them.

use crate::api_error::ApiError;
use crate::events::Streams;
use crate::limits::RateLimit;
use crate::{Config, Wiring};
use parking_lot::Mutex;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use tokio::time::Instant;
use tornado_contracts::auth::Auth;
use tornado_contracts::auth::users::Users;
use tornado_contracts::session::Sessions;
use tornado_contracts::wg::Wg;
use tornado_runtime::metrics::{Metrics, RouteMetrics};
use tornado_runtime::{Admission, Counted, ground};

/// The services behind this one, and the limits in front of them. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

/// Parts of an [`Api`].
pub struct Inner {
    /// Logins and tokens.
    pub(crate) auth: Arc<dyn Auth>,
    /// Accounts, as changed by their owners.
    pub(crate) users: Arc<dyn Users>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) wg: Arc<dyn Wg>,
    /// The devices' event streams.
    pub(crate) streams: Arc<Streams>,
    pub(crate) admission: Arc<Admission>,
    host: Option<String>,
    began: Instant,
    anonymous: Mutex<RateLimit>,
    pub(crate) routes: RouteMetrics,
}

impl Deref for Api {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Api {
    /// The device API with its services.
    #[must_use]
    pub fn new(
        auth: Arc<dyn Auth>,
        users: Arc<dyn Users>,
        sessions: Arc<dyn Sessions>,
        wg: Arc<dyn Wg>,
        config: &Config,
        wiring: Wiring,
    ) -> Self {
        let pools = wiring.pools;
        let rule = move |address| if pools.contains(address) { Counted::ByHost } else { Counted::ByNetwork };
        let admission = Admission::new(config.connections, config.connections_per_address, rule);
        Self(Arc::new(Inner {
            auth,
            users,
            sessions,
            wg,
            streams: Streams::new(config.event_streams),
            host: wiring.host,
            began: Instant::now(),
            anonymous: Mutex::new(RateLimit::new(config.anonymous_per_minute)),
            admission: Arc::new(admission),
            routes: RouteMetrics::default(),
        }))
    }

    /// Publishes requests and event streams.
    pub(crate) fn publish(&self, metrics: &Metrics) {
        self.routes.publish(metrics);
        let (open, limit) = (self.streams.count(), self.streams.limit());
        metrics.read(move |reading| {
            let mut queue = reading.gauge("tornado_queue_length", "Entries of a queue", None);
            queue.add(&[("queue", "event_streams")], *open.borrow());
            let mut most = reading.gauge("tornado_queue_limit", "Largest number of entries of a queue", None);
            most.add(&[("queue", "event_streams")], limit);
        });
    }

    /// Address at which devices reach this server, without a port. `None`: the machine currently does not have an
    /// address.
    pub fn host(&self) -> Option<String> {
        let found = || ground::address().map(|address| address.to_string());
        self.host.clone().or_else(found)
    }

    /// Counts a request without a login.
    pub(crate) fn count_anonymous(&self, peer: IpAddr) -> Result<(), ApiError> {
        self.anonymous.lock().count(peer, self.began.elapsed()).map_err(ApiError::too_many)
    }
}
