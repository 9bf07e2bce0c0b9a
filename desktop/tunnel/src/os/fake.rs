//! A fake operating system that records calls, for tests of code that drives a tunnel.

use super::{Disturbance, Os, OsError};
use crate::plan::{Backend, Link, Observation, Slot};
use crate::policy::Routing;
use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// State of the fake, and how it behaves.
#[derive(Debug, Default)]
pub struct Inside {
    /// Links that are up.
    pub links: BTreeMap<Slot, Link>,
    /// The current routing.
    pub routing: Option<Routing>,
    /// If true, no handshake ever completes.
    pub silent: bool,
    /// If set, creating a link fails with this cause.
    pub refuses: Option<String>,
    /// Number of calls of `tear_down`, each of which releases traffic.
    pub torn_down: u32,
    /// The result of the next `restore`.
    pub disturbed: Disturbance,
    /// The next call of this method of [`Os`] never returns.
    pub unanswered: Option<&'static str>,
    /// Maximum duration of one call, if it differs from the default.
    pub call_timeout: Option<Duration>,
}

/// A fake operating system whose state the test shares.
#[derive(Debug, Clone, Default)]
pub struct Fake(Arc<Mutex<Inside>>, Arc<Notify>);

impl Fake {
    /// Locks the state.
    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock()
    }

    /// Reports that another program changed `what`.
    pub fn disturb(&self, what: &'static str) {
        self.inside().disturbed.restored.push(what);
        self.1.notify_one();
    }

    async fn answer(&self, method: &str) {
        let is_unanswered = self.inside().unanswered.take_if(|unanswered| *unanswered == method).is_some();
        if is_unanswered {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl Os for Fake {
    fn call_timeout(&self) -> Duration {
        self.inside().call_timeout.unwrap_or(Duration::from_secs(10))
    }

    async fn up(&mut self, link: &Link) -> Result<Backend, OsError> {
        self.answer("up").await;
        let mut inside = self.inside();
        if let Some(refusal) = &inside.refuses {
            return Err(OsError::new("create the interface", refusal));
        }
        inside.links.insert(link.slot, link.clone());
        Ok(Backend::Userspace)
    }

    async fn route(&mut self, routing: &Routing) -> Result<(), OsError> {
        self.answer("route").await;
        self.inside().routing = Some(routing.clone());
        Ok(())
    }

    async fn remove(&mut self, slot: Slot) -> Result<(), OsError> {
        self.answer("remove").await;
        self.inside().links.remove(&slot);
        Ok(())
    }

    async fn observe(&mut self, slot: Slot) -> Result<Observation, OsError> {
        self.answer("observe").await;
        let inside = self.inside();
        if !inside.links.contains_key(&slot) {
            return Err(OsError::new("observe the interface", "it does not exist"));
        }
        let handshake_age = (!inside.silent).then_some(Duration::from_secs(1));
        Ok(Observation { handshake_age, ..Observation::default() })
    }

    async fn changed(&mut self) {
        self.1.notified().await;
    }

    async fn restore(&mut self) -> Result<Disturbance, OsError> {
        self.answer("restore").await;
        Ok(std::mem::take(&mut self.inside().disturbed))
    }

    async fn tear_down(&mut self) -> Result<(), OsError> {
        self.answer("tear_down").await;
        let mut inside = self.inside();
        inside.links.clear();
        inside.routing = None;
        inside.torn_down += 1;
        Ok(())
    }
}
