//! Polls a service's databases in the background, so that a status request never waits for a database.

use crate::clock::unix_now;
use crate::metrics::{Metrics, Unit};
use async_trait::async_trait;
use futures::future::join_all;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tornado_contracts::engines::{self, EngineKind, EnginePart, EngineStatus, Engines};
use tornado_rpc::{Fault, NoInput};

/// Time between two rounds.
const ROUND: Duration = Duration::from_secs(5);
/// Longest wait for a response.
const ANSWER: Duration = Duration::from_secs(4);

/// A database that can be probed.
#[async_trait]
pub trait Pulse: Send + Sync + 'static {
    /// Returns the version, or the reason for the failure as text for an operator.
    async fn pulse(&self) -> Result<String, String>;
}

struct Watched {
    engine: Arc<dyn Pulse>,
    status: Mutex<EngineStatus>,
}

impl Watched {
    async fn ask(&self, patience: Duration) {
        let asked = Instant::now();
        let answer = tokio::time::timeout(patience, self.engine.pulse()).await;
        let answer = answer.unwrap_or_else(|_| Err(format!("no response within {patience:?}")));
        let mut status = self.status.lock();
        status.note(answer, asked.elapsed(), unix_now());
    }
}

/// The databases of a service and their latest status.
pub struct EngineWatch(Vec<Watched>);

impl EngineWatch {
    /// Creates the watch. No database was probed yet.
    #[must_use]
    pub fn new(engines: Vec<(EnginePart, EngineKind, Arc<dyn Pulse>)>) -> Arc<Self> {
        let now = unix_now();
        let watched = |(part, kind, engine)| {
            let status = Mutex::new(EngineStatus::unknown(part, kind, now));
            Watched { engine, status }
        };
        Arc::new(Self(engines.into_iter().map(watched).collect()))
    }

    /// Reads the latest status of each database when the metrics are read.
    pub fn publish(self: &Arc<Self>, metrics: &Metrics) {
        let watch = Arc::downgrade(self);
        metrics.read(move |reading| {
            let Some(watch) = watch.upgrade() else { return };
            let all: Vec<EngineStatus> = watch.0.iter().map(|watched| watched.status.lock().clone()).collect();
            let help = "1 if the latest check of the database succeeded, otherwise 0";
            let mut up = reading.gauge("tornado_database_up", help, None);
            for status in &all {
                up.add(&[("data", status.part.to_string().as_str())], status.reachable);
            }
            let help = "Response time of the database at the latest check";
            let mut latency = reading.gauge("tornado_database_latency", help, Some(&Unit::Seconds));
            for status in &all {
                if let Some(micros) = status.latency_us {
                    let seconds = Duration::from_micros(micros).as_secs_f64();
                    latency.add(&[("data", status.part.to_string().as_str())], seconds);
                }
            }
        });
    }

    /// Router of the `engines` contract.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        engines::router(self.clone())
    }

    /// Probes all databases every five seconds until `shutdown` is cancelled.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        self.every(ROUND, ANSWER, shutdown).await;
    }

    async fn every(&self, round: Duration, patience: Duration, shutdown: CancellationToken) {
        let mut rounds = crate::every(round);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = rounds.tick() => {}
            }
            let all = join_all(self.0.iter().map(|watched| watched.ask(patience)));
            if shutdown.run_until_cancelled(all).await.is_none() {
                return;
            }
        }
    }
}

#[async_trait]
impl Engines for EngineWatch {
    async fn engines(&self, _: NoInput) -> Result<Vec<EngineStatus>, Fault> {
        let status = |watched: &Watched| watched.status.lock().clone();
        Ok(self.0.iter().map(status).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    struct Fake(AtomicBool);

    #[async_trait]
    impl Pulse for Fake {
        async fn pulse(&self) -> Result<String, String> {
            if self.0.load(Ordering::Relaxed) {
                return Ok("1".into());
            }
            std::future::pending().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_hangs_is_away_and_holds_nobody() {
        let (fake, other) = (Arc::new(Fake(AtomicBool::new(true))), Arc::new(Fake(AtomicBool::new(true))));
        let watch = EngineWatch::new(vec![
            (EnginePart::Sessions, EngineKind::Postgres, fake.clone()),
            (EnginePart::Live, EngineKind::Redis, other),
        ]);
        let becomes = async |wanted: [bool; 2]| {
            for _ in 0..500 {
                let all = watch.engines(NoInput {}).await.unwrap();
                if all.iter().map(|status| status.reachable).eq(wanted) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("status never became {wanted:?}");
        };
        becomes([false, false]).await;
        let end = CancellationToken::new();
        let (watched, until) = (watch.clone(), end.clone());
        let quick = Duration::from_millis(20);
        let task = tokio::spawn(async move { watched.every(quick, quick, until).await });
        becomes([true, true]).await;
        fake.0.store(false, Ordering::Relaxed);
        becomes([false, true]).await;
        fake.0.store(true, Ordering::Relaxed);
        becomes([true, true]).await;
        end.cancel();
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn databases_are_asked_at_a_steady_pace_for_sixty_days() {
        let (well, hangs) = (Arc::new(Fake(AtomicBool::new(true))), Arc::new(Fake(AtomicBool::new(false))));
        let watch = EngineWatch::new(vec![
            (EnginePart::Sessions, EngineKind::Postgres, well),
            (EnginePart::Live, EngineKind::Redis, hangs),
        ]);
        // Each round costs one tick and one deadline of the database that hangs.
        tornado_endurance::sixty_days(2 * 720, watch.run(CancellationToken::new())).await;
    }
}
