//! The services behind the device API, and the limits in front of them.

use crate::api_error::ApiError;
use crate::events::Streams;
use crate::limits::{Admission, RateLimit};
use crate::{Config, Wiring};
use parking_lot::Mutex;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::time::Instant;
use tornado_contracts::auth::Auth;
use tornado_contracts::auth::users::Users;
use tornado_contracts::session::Sessions;
use tornado_contracts::wg::Wg;
use tornado_runtime::ground;
use tornado_runtime::metrics::{Metrics, RouteMetrics};

/// The services behind this one, and the limits in front of them.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    auth: Arc<dyn Auth>,
    users: Arc<dyn Users>,
    sessions: Arc<dyn Sessions>,
    wg: Arc<dyn Wg>,
    streams: Arc<Streams>,
    host: Option<String>,
    began: Instant,
    anonymous: Mutex<RateLimit>,
    admission: Arc<Admission>,
    routes: RouteMetrics,
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
        Self(Arc::new(Inner {
            auth,
            users,
            sessions,
            wg,
            streams: Streams::new(config.event_streams),
            host: wiring.host,
            began: Instant::now(),
            anonymous: Mutex::new(RateLimit::new(config.anonymous_per_minute)),
            admission: Arc::new(Admission::new(config, wiring.pools)),
            routes: RouteMetrics::default(),
        }))
    }

    /// Service `auth`: logins and tokens.
    pub fn auth(&self) -> &dyn Auth {
        &*self.0.auth
    }

    /// Service `auth`: accounts, as changed by their owners.
    pub fn users(&self) -> &dyn Users {
        &*self.0.users
    }

    /// Service `session`.
    pub fn sessions(&self) -> &dyn Sessions {
        &*self.0.sessions
    }

    /// Service `wg`.
    pub fn wg(&self) -> &dyn Wg {
        &*self.0.wg
    }

    /// The devices' event streams.
    pub fn streams(&self) -> &Arc<Streams> {
        &self.0.streams
    }

    /// Requests by route.
    pub(crate) fn routes(&self) -> &RouteMetrics {
        &self.0.routes
    }

    /// Publishes requests and event streams.
    pub(crate) fn publish(&self, metrics: &Metrics) {
        self.0.routes.publish(metrics);
        let (open, limit) = (self.0.streams.count(), self.0.streams.limit());
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
        self.0.host.clone().or_else(found)
    }

    /// Counts a request without a login.
    pub(crate) fn count_anonymous(&self, peer: IpAddr) -> Result<(), ApiError> {
        self.0.anonymous.lock().count(peer, self.0.began.elapsed()).map_err(ApiError::too_many)
    }

    pub(crate) fn admission(&self) -> &Arc<Admission> {
        &self.0.admission
    }
}
