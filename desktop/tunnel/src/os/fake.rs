//! An operating system that only remembers: for tests of whoever drives a tunnel.

use super::{Disturbance, Os, OsError};
use crate::plan::{Backend, Link, Observation, Slot};
use crate::policy::Routing;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// What a fake holds, and how it behaves.
#[derive(Debug, Default)]
pub struct Inside {
    /// Links that are up.
    pub links: BTreeMap<Slot, Link>,
    /// Routing that holds.
    pub routing: Option<Routing>,
    /// When true no handshake ever comes.
    pub silent: bool,
    /// When set, bringing a link up fails with this.
    pub refuses: Option<String>,
    /// How often everything was taken away, which lets traffic out.
    pub torn_down: u32,
    /// What the next restore finds changed.
    pub disturbed: Disturbance,
    /// The next call of this method of [`Os`] is never answered.
    pub unanswered: Option<&'static str>,
    /// Longest time for one call, if it is another than a real system's.
    pub longest: Option<Duration>,
}

/// A fake whose inside the test shares.
#[derive(Debug, Clone, Default)]
pub struct Fake(Arc<Mutex<Inside>>, Arc<Notify>);

impl Fake {
    /// Looks inside.
    pub fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the fake report that another program changed this.
    pub fn disturb(&self, what: &'static str) {
        self.inside().disturbed.put_back.push(what);
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
    fn longest(&self) -> Duration {
        self.inside().longest.unwrap_or(Duration::from_secs(10))
    }

    async fn up(&mut self, link: &Link) -> Result<Backend, OsError> {
        self.answer("up").await;
        let mut inside = self.inside();
        if let Some(refusal) = &inside.refuses {
            return Err(OsError::new("make the interface", refusal));
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
            return Err(OsError::new("observe the interface", "it is gone"));
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
