//! Status, rotation and check of the keys, with their audit rows.

use crate::actor::Actor;
use crate::core::Core;
use crate::fault;
use crate::keys;
use crate::keys::ring::Step;
use std::collections::BTreeSet;
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::keys::{KeyCheck, KeyPhase, KeyStatus};
use tornado_runtime::trial::fault_point;
use tornado_shared::model::UnixSeconds;

/// Applies what is due by age. A failure is logged and retried at the next upkeep; until then the old keys stay in
/// use.
pub async fn advance_keys(core: &Core, now: UnixSeconds) {
    let numbers = || -> BTreeSet<_> { core.keys.overview(now, &core.schedule).into_iter().map(|key| key.id).collect() };
    let before = numbers();
    let advanced = core.keys.advance(now, &core.schedule, &mut |step| {
        mark(step);
        Ok(())
    });
    let made = numbers().difference(&before).count();
    if made > 0 {
        tracing::info!(made, "created keys on schedule");
        core.trail.note("service:auth", "keys.rotate", "keys", Outcome::Done).await;
    }
    if let Err(error) = advanced {
        tracing::error!(%error, "could not rotate keys on schedule");
        core.trail.note("service:auth", "keys.rotate", "keys", Outcome::Failed).await;
    }
}

pub async fn key_status(core: &Core) -> Result<KeyStatus, AuthError> {
    let (now, schedule) = (core.clock.now(), &core.schedule);
    Ok(KeyStatus {
        now,
        keys: core.keys.overview(now, schedule),
        next_rotation: core.keys.next_rotation(schedule),
        lead: schedule.lead,
        rotating: core.keys.is_rotating(),
        tls: core.store.tls().await.map_err(fault::store)?,
    })
}

pub async fn rotate_keys(core: &Core, actor: &Actor) -> Result<KeyStatus, AuthError> {
    let rotated = core.keys.rotate(core.clock.now(), &core.schedule, &mut |step| {
        mark(step);
        Ok(())
    });
    let outcome = if rotated.is_ok() { Outcome::Done } else { Outcome::Failed };
    core.trail.note(&actor.name, "keys.rotate", "keys", outcome).await;
    rotated?;
    let status = key_status(core).await?;
    tracing::info!(waiting = status.keys.iter().filter(|key| key.phase == KeyPhase::Next).count(), "keys rotated");
    Ok(status)
}

pub fn check_keys(core: &Core) -> Result<KeyCheck, AuthError> {
    Ok(keys::check(&core.keys, core.clock.now(), &core.schedule)?)
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
