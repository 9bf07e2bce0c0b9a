//! Runs every loop for sixty simulated days.

use super::support::world::World;
use crate::lifecycle::sweep;
use crate::tor;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_endurance::sixty_days;
use tornado_shared::model::UserId;

/// A longer pause between attempts than in production, so that sixty days take a second.
const LONGEST: Duration = Duration::from_secs(2);

/// A service with a session. The database is open; tokio's clock is paused from here on.
async fn paused() -> World {
    let world = World::new().await;
    let device = world.auth.device(UserId::random());
    world.connect(&device).await.unwrap();
    tokio::time::pause();
    world
}

async fn watch(world: &World) {
    world.service.watch().run(LONGEST, CancellationToken::new()).await;
}

#[tokio::test]
async fn the_lanes_are_watched_at_a_steady_pace_for_sixty_days() {
    let world = paused().await;
    // Each counter reading, and two wake-ups per held response of ten seconds.
    let per_hour = 3_600 / u64::from(world.service.core.config.stats_interval) + 2 * 360;
    sixty_days(per_hour, watch(&world)).await;
}

#[tokio::test]
async fn retries_while_wg_is_down_keep_a_steady_pace_for_sixty_days() {
    let world = paused().await;
    world.wg.0.lock().down = true;
    // A few more at first, because the pause starts short and doubles.
    let per_hour = 3_600 / LONGEST.as_secs() + 8;
    sixty_days(per_hour, watch(&world)).await;
}

#[tokio::test]
async fn exit_countries_are_reported_at_a_steady_pace_for_sixty_days() {
    let world = paused().await;
    let service = &world.service;
    sixty_days(1_800, tor::run(service.core.tor.clone(), service.core.countries.clone(), CancellationToken::new()))
        .await;
}

#[tokio::test]
async fn keys_are_fetched_at_a_steady_pace_for_sixty_days() {
    let world = paused().await;
    sixty_days(450, world.service.core.access.keys.run(CancellationToken::new())).await;
}

#[tokio::test]
async fn sweeps_and_checkpoints_keep_their_pace_for_sixty_days() {
    let world = paused().await;
    let config = &world.service.core.config;
    let per_hour = 3_600 / u64::from(config.sweep_interval) + 3_600 / u64::from(config.checkpoint_interval);
    sixty_days(per_hour, sweep::run(&world.service.core, CancellationToken::new())).await;
}
