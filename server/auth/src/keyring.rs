//! Status, rotation and check of the keys, with their audit rows.

use crate::actor::Actor;
use crate::fault;
use crate::keys::ring::Step;
use crate::keys::rotation::Schedule;
use crate::keys::{self, Keys};
use crate::trail::Trail;
use std::collections::BTreeSet;
use std::sync::Arc;
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::keys::{KeyCheck, KeyPhase, KeyStatus};
use tornado_runtime::clock::Clock;
use tornado_runtime::trial::fault_point;
use tornado_shared::model::UnixSeconds;
use tornado_store::identity::IdentityStore;

/// The keys with their schedule.
pub struct Keyring {
    store: Arc<dyn IdentityStore>,
    trail: Arc<Trail>,
    keys: Arc<Keys>,
    schedule: Schedule,
    clock: Clock,
}

impl Keyring {
    pub fn new(
        store: Arc<dyn IdentityStore>,
        trail: Arc<Trail>,
        keys: Arc<Keys>,
        schedule: Schedule,
        clock: Clock,
    ) -> Self {
        Self { store, trail, keys, schedule, clock }
    }

    /// Applies what is due by age. A failure is logged and retried at the next upkeep; until then the old keys stay in
    /// use.
    pub async fn advance_keys(&self, now: UnixSeconds) {
        let numbers =
            || -> BTreeSet<_> { self.keys.overview(now, &self.schedule).into_iter().map(|key| key.id).collect() };
        let before = numbers();
        let advanced = self.keys.advance(now, &self.schedule, &mut |step| {
            mark(step);
            Ok(())
        });
        let made = numbers().difference(&before).count();
        if made > 0 {
            tracing::info!(made, "created keys on schedule");
            self.trail.note("service:auth", "keys.rotate", "keys", Outcome::Done).await;
        }
        if let Err(error) = advanced {
            tracing::error!(%error, "could not rotate keys on schedule");
            self.trail.note("service:auth", "keys.rotate", "keys", Outcome::Failed).await;
        }
    }

    pub async fn key_status(&self) -> Result<KeyStatus, AuthError> {
        let (now, schedule) = (self.clock.now(), &self.schedule);
        Ok(KeyStatus {
            now,
            keys: self.keys.overview(now, schedule),
            next_rotation: self.keys.next_rotation(schedule),
            lead: schedule.lead,
            rotating: self.keys.is_rotating(),
            tls: self.store.tls().await.map_err(fault::store)?,
        })
    }

    pub async fn rotate_keys(&self, actor: &Actor) -> Result<KeyStatus, AuthError> {
        let rotated = self.keys.rotate(self.clock.now(), &self.schedule, &mut |step| {
            mark(step);
            Ok(())
        });
        let outcome = if rotated.is_ok() { Outcome::Done } else { Outcome::Failed };
        self.trail.note(&actor.name, "keys.rotate", "keys", outcome).await;
        rotated?;
        let status = self.key_status().await?;
        tracing::info!(waiting = status.keys.iter().filter(|key| key.phase == KeyPhase::Next).count(), "keys rotated");
        Ok(status)
    }

    pub fn check_keys(&self) -> Result<KeyCheck, AuthError> {
        Ok(keys::check(&self.keys, self.clock.now(), &self.schedule)?)
    }
}

/// Points at which tests interrupt a rotation.
fn mark(step: Step) {
    fault_point(match step {
        Step::Demanded => "rotation.demanded",
        Step::Written(_) => "rotation.written",
        Step::Published(_) => "rotation.published",
        Step::Made => "rotation.made",
        Step::Settled => "rotation.settled",
    });
}
