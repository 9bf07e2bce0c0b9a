//! Status, rotation and check of the keys.

use super::access::Act;
use super::{Service, fault};
use crate::keys::ring::Step;
use crate::keys::rotation::Schedule;
use std::collections::BTreeSet;
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::keys::{KeyCheck, KeyPhase, KeyRing, KeyStatus};
use tornado_contracts::auth::{Acting, AuthError};
use tornado_rpc::NoInput;
use tornado_runtime::trial::fault_point;
use tornado_shared::model::UnixSeconds;

impl Service {
    pub(super) fn schedule(&self) -> Schedule {
        Schedule::from(&self.config)
    }

    /// Applies what is due by age. A failure is logged and retried at the next upkeep; until then the old keys stay in
    /// use.
    pub(super) async fn advance_keys(&self, now: UnixSeconds) {
        let numbers =
            || -> BTreeSet<_> { self.keys.overview(now, &self.schedule()).into_iter().map(|key| key.id).collect() };
        let before = numbers();
        let advanced = self.keys.advance(now, &self.schedule(), &mut |step| {
            mark(step);
            Ok(())
        });
        let made = numbers().difference(&before).count();
        if made > 0 {
            tracing::info!(made, "created keys on schedule");
            self.note("service:auth", "keys.rotate", "keys", Outcome::Done).await;
        }
        if let Err(error) = advanced {
            tracing::error!(%error, "could not rotate keys on schedule");
            self.note("service:auth", "keys.rotate", "keys", Outcome::Failed).await;
        }
    }

    async fn key_status(&self) -> Result<KeyStatus, AuthError> {
        let (now, schedule) = (self.clock.now(), self.schedule());
        Ok(KeyStatus {
            now,
            keys: self.keys.overview(now, &schedule),
            next_rotation: self.keys.next_rotation(&schedule),
            lead: schedule.lead,
            rotating: self.keys.is_rotating(),
            tls: self.store.tls().await.map_err(fault::store)?,
        })
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

#[async_trait::async_trait]
impl KeyRing for Service {
    async fn status(&self, input: Acting<NoInput>) -> Result<KeyStatus, AuthError> {
        self.authorise(input.operator.as_ref(), Act::KeysRead).await?;
        self.key_status().await
    }

    async fn rotate(&self, input: Acting<NoInput>) -> Result<KeyStatus, AuthError> {
        let actor = self.authorise(input.operator.as_ref(), Act::KeysRotate).await?;
        let rotated = self.keys.rotate(self.clock.now(), &self.schedule(), &mut |step| {
            mark(step);
            Ok(())
        });
        let outcome = if rotated.is_ok() { Outcome::Done } else { Outcome::Failed };
        self.note(&actor.name, "keys.rotate", "keys", outcome).await;
        rotated.map_err(fault::keys)?;
        let status = self.key_status().await?;
        tracing::info!(waiting = status.keys.iter().filter(|key| key.phase == KeyPhase::Next).count(), "keys rotated");
        Ok(status)
    }

    async fn check(&self, input: Acting<NoInput>) -> Result<KeyCheck, AuthError> {
        self.authorise(input.operator.as_ref(), Act::KeysRead).await?;
        self.keys.check(self.clock.now(), &self.schedule()).map_err(fault::keys)
    }
}
