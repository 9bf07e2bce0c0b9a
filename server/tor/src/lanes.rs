//! Sets the tor lane in `wg` to the desired state, and sets it again whenever `wg` may have lost it.

use crate::service::Service;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tornado_contracts::wg::{SetTorLane, TorExits, TorLane};

/// Interval of the checks for changes that come with time, and pause after a failure.
const LOOK: Duration = Duration::from_secs(1);
/// Deadline for a call to `wg`.
const DEADLINE: Duration = Duration::from_secs(2);

/// Why the lane could not be set or read.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct SwitchError(pub String);

/// Sets the state of the tor lane. Implemented by service `wg` and a fake.
#[async_trait::async_trait]
pub trait LaneSwitch: Send + Sync + 'static {
    /// Sets the lane. Idempotent.
    ///
    /// # Errors
    ///
    /// Fails if the switch does not respond or rejects the state.
    async fn set(&self, lane: &SetTorLane) -> Result<(), SwitchError>;
    /// Returns the current lane.
    ///
    /// # Errors
    ///
    /// Fails if the switch does not respond.
    async fn look(&self) -> Result<SeenLane, SwitchError>;
    /// Returns as soon as the lane differs from `seen`. It may also return without a change, after some seconds or a
    /// failure.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: it changes nothing.
    async fn changed(&self, seen: &SeenLane);
}

/// The observed state of the switch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLane {
    /// Changes with each start of the switch, which loses the lane's state.
    pub boot_id: uuid::Uuid,
    /// The current state of the lane.
    pub lane: TorLane,
    /// The exit countries that are open.
    pub exits: TorExits,
    /// Increases with each change; starts again with a new `boot_id`.
    pub revision: u64,
}

/// Keeps the lane in its desired state until shutdown, then closes it.
pub(crate) async fn run(service: Arc<Service>, switch: Arc<dyn LaneSwitch>, shutdown: CancellationToken) {
    let mut changed = service.changed();
    let mut keeper = Keeper { switch: switch.clone(), told: None, complaint: None };
    while !shutdown.is_cancelled() {
        changed.mark_unchanged();
        service.look();
        service.applied(keeper.keep(service.lane_wish()).await);
        let Some(seen) = keeper.told.as_ref().map(|(seen, _)| seen.clone()) else {
            tokio::select! {
                () = shutdown.cancelled() => {}
                _ = changed.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            continue;
        };
        let mut other = std::pin::pin!(switch.changed(&seen));
        while !shutdown.is_cancelled() && keeper.is_told(&service.lane_wish()) {
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = other.as_mut() => break,
                // The sender lives in the service, which this task holds, so it is never closed.
                _ = changed.changed() => {}
                () = tokio::time::sleep(LOOK) => service.look(),
            }
        }
    }
    // The page ends with this service, and Tor may end as well.
    if let Err(error) = keeper.tell(&TorLane::Closed.into()).await {
        tracing::warn!(%error, "cannot close the tor lane at shutdown; its traffic is refused when Tor has ended");
    }
}

struct Keeper {
    switch: Arc<dyn LaneSwitch>,
    /// The state that was last set, and what was observed after that.
    told: Option<(SeenLane, SetTorLane)>,
    /// The latest warning, so that it is not repeated every second.
    complaint: Option<String>,
}

impl Keeper {
    /// Sets the lane to `wish`. Returns the observed state; `None` if it is unknown.
    async fn keep(&mut self, wish: SetTorLane) -> Option<TorLane> {
        let mut seen = None;
        match self.try_keep(wish, &mut seen).await {
            Ok(()) => self.complaint = None,
            Err(error) => {
                self.told = None;
                if self.complaint.as_ref() != Some(&error.0) {
                    tracing::warn!(%error, "cannot set the tor lane; retrying");
                    self.complaint = Some(error.0);
                }
            }
        }
        seen
    }

    async fn try_keep(&mut self, wish: SetTorLane, seen: &mut Option<TorLane>) -> Result<(), SwitchError> {
        // A change is sent before the current state is read, because the read may take a while.
        let is_new = !self.is_told(&wish);
        let told = if is_new { self.tell(&wish).await } else { Ok(()) };
        let mut now = within(self.switch.look()).await?;
        *seen = Some(now.lane);
        told?;
        let forgot = !is_new && self.told.as_ref().is_some_and(|(seen, _)| seen.boot_id != now.boot_id);
        if forgot || now.lane != wish.lane || now.exits != wish.exits {
            self.tell(&wish).await?;
            now = within(self.switch.look()).await?;
            *seen = Some(now.lane);
        }
        self.told = Some((now, wish));
        Ok(())
    }

    fn is_told(&self, wish: &SetTorLane) -> bool {
        self.told.as_ref().is_some_and(|(_, told)| told == wish)
    }

    async fn tell(&self, lane: &SetTorLane) -> Result<(), SwitchError> {
        within(self.switch.set(lane)).await
    }
}

async fn within<T>(call: impl Future<Output = Result<T, SwitchError>>) -> Result<T, SwitchError> {
    tokio::time::timeout(DEADLINE, call).await.unwrap_or_else(|_| Err(SwitchError("no response in time".into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeSwitch;
    use crate::torrc::Layout;

    const OPEN: TorLane = TorLane::Open { trans_port: 1, dns_port: 2, socks_port: 3 };

    #[tokio::test(start_paused = true)]
    async fn the_lane_is_kept_at_a_steady_pace_for_sixty_days() {
        let dir = tempfile::tempdir().unwrap();
        let service = Arc::new(Service::new(Arc::default(), Layout::new(dir.path()), || 0));
        let fake = Arc::new(FakeSwitch::default());
        let looks = 3600 * 1000 / u64::try_from(LOOK.as_millis()).unwrap();
        // The switch fails at first: the retries must keep the steady interval as well.
        fake.break_down(true);
        let mended = async {
            tokio::time::sleep(std::time::Duration::from_secs(7200)).await;
            fake.break_down(false);
            std::future::pending::<()>().await;
        };
        let both = async { tokio::join!(run(service, fake.clone(), CancellationToken::new()), mended) };
        tornado_endurance::sixty_days(looks + 8, both).await;
    }

    #[tokio::test]
    async fn a_switch_that_forgot_is_told_again() {
        let fake = Arc::new(FakeSwitch::default());
        let mut keeper = Keeper { switch: fake.clone(), told: None, complaint: None };
        assert_eq!(keeper.keep(TorLane::Closed.into()).await, Some(TorLane::Closed));
        assert_eq!(keeper.keep(OPEN.into()).await, Some(OPEN));
        assert_eq!(keeper.keep(OPEN.into()).await, Some(OPEN));
        assert_eq!(fake.told(), [TorLane::Closed, OPEN]);
        fake.restart();
        assert_eq!(keeper.keep(OPEN.into()).await, Some(OPEN));
        assert_eq!(fake.told(), [TorLane::Closed, OPEN, OPEN]);
        fake.meddle(TorLane::Closed);
        assert_eq!(keeper.keep(OPEN.into()).await, Some(OPEN));
        fake.break_down(true);
        assert_eq!(keeper.keep(TorLane::Closed.into()).await, None);
        fake.break_down(false);
        assert_eq!(keeper.keep(TorLane::Closed.into()).await, Some(TorLane::Closed));
    }
}
