//! Sets the tor lane in service `wg`, and sets it again whenever `wg` may have lost it.

use std::sync::Arc;
use std::time::Duration;
use tornado_contracts::wg::{KnownStatus, SetTorLane, TorLane, Wg, WgError, WgStatus};
use tornado_rpc::{Fault, NoInput};

/// Deadline for a call to `wg`.
const DEADLINE: Duration = Duration::from_secs(2);
/// Deadline for a call that `wg` holds. It is longer than the hold time, so a `wg` that exceeds it hangs.
const HELD_DEADLINE: Duration = Duration::from_secs(12);
/// The shortest time between two calls that return without a change.
const PAUSE: Duration = Duration::from_millis(100);

/// The lane in `wg`.
pub(crate) struct Keeper {
    wg: Arc<dyn Wg>,
    /// The state that was last set, and the status that was read after it; `None` if either call failed.
    set: Option<(SetTorLane, KnownStatus)>,
    /// The latest warning, so that it is not repeated every second.
    warning: Option<String>,
}

impl Keeper {
    pub(crate) fn new(wg: Arc<dyn Wg>) -> Self {
        Self { wg, set: None, warning: None }
    }

    /// Sets the lane to `desired` and reads it back. Returns the actual state; `None` if it is unknown.
    pub(crate) async fn keep(&mut self, desired: SetTorLane) -> Option<TorLane> {
        let mut actual = None;
        match self.try_keep(desired, &mut actual).await {
            Ok(()) => self.warning = None,
            Err(error) => {
                self.set = None;
                let error = error.to_string();
                if self.warning.as_ref() != Some(&error) {
                    tracing::warn!(error, "cannot set the tor lane; retrying");
                    self.warning = Some(error);
                }
            }
        }
        actual
    }

    async fn try_keep(&mut self, desired: SetTorLane, actual: &mut Option<TorLane>) -> Result<(), WgError> {
        // A change is sent before the current state is read, because the read may take a while.
        let is_new = !self.is_set(&desired);
        let sent = if is_new { self.set_tor_lane(&desired).await } else { Ok(()) };
        let mut status = self.status().await?;
        *actual = Some(status.tor_lane);
        sent?;
        let has_restarted = !is_new && self.set.as_ref().is_some_and(|(_, known)| known.boot_id != status.boot_id);
        if has_restarted || status.tor_lane != desired.lane || status.tor_exits != desired.exits {
            self.set_tor_lane(&desired).await?;
            status = self.status().await?;
            *actual = Some(status.tor_lane);
        }
        self.set = Some((desired, KnownStatus::of(&status)));
        Ok(())
    }

    /// Returns true if `desired` was the last state that was set.
    pub(crate) fn is_set(&self, desired: &SetTorLane) -> bool {
        self.set.as_ref().is_some_and(|(set, _)| set == desired)
    }

    /// Resolves when the status of `wg` has changed, and also after some seconds or a failure. `None` if the status is
    /// unknown.
    pub(crate) fn changed(&self) -> Option<impl Future<Output = ()> + use<>> {
        let known = self.set.as_ref()?.1;
        let wg = self.wg.clone();
        Some(async move {
            let earliest = tokio::time::Instant::now() + PAUSE;
            let held = tokio::time::timeout(HELD_DEADLINE, wg.next_status(known)).await;
            let is_new = |status: WgStatus| (status.boot_id, status.revision) != (known.boot_id, known.revision);
            if !held.is_ok_and(|held| held.is_ok_and(is_new)) {
                tokio::time::sleep_until(earliest).await;
            }
        })
    }

    /// Closes the lane.
    ///
    /// # Errors
    ///
    /// Fails if `wg` does not respond or rejects the state.
    pub(crate) async fn close(&self) -> Result<(), WgError> {
        self.set_tor_lane(&TorLane::Closed.into()).await
    }

    async fn set_tor_lane(&self, desired: &SetTorLane) -> Result<(), WgError> {
        within(self.wg.set_tor_lane(desired.clone())).await.map(drop)
    }

    async fn status(&self) -> Result<WgStatus, WgError> {
        within(self.wg.status(NoInput {})).await
    }
}

async fn within<T>(call: impl Future<Output = Result<T, WgError>>) -> Result<T, WgError> {
    let late = |_| Err(Fault::Unavailable("no response in time".into()).into());
    tokio::time::timeout(DEADLINE, call).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake_wg::FakeWg;
    use tornado_e2e_support::Scripted;

    const OPEN: TorLane = TorLane::Open { trans_port: 1, dns_port: 2, socks_port: 3 };

    #[tokio::test]
    async fn the_lane_is_set_again_after_wg_lost_it() {
        let wg = Arc::new(FakeWg::default());
        let mut keeper = Keeper::new(Arc::new(Scripted(wg.clone())));
        assert_eq!(keeper.keep(TorLane::Closed.into()).await, Some(TorLane::Closed));
        assert_eq!(keeper.keep(OPEN.into()).await, Some(OPEN));
        assert_eq!(keeper.keep(OPEN.into()).await, Some(OPEN));
        assert_eq!(wg.history(), [TorLane::Closed, OPEN]);
        wg.restart();
        assert_eq!(keeper.keep(OPEN.into()).await, Some(OPEN));
        assert_eq!(wg.history(), [TorLane::Closed, OPEN, OPEN]);
        wg.change_lane(TorLane::Closed);
        assert_eq!(keeper.keep(OPEN.into()).await, Some(OPEN));
        wg.set_failing(true);
        assert_eq!(keeper.keep(TorLane::Closed.into()).await, None);
        wg.set_failing(false);
        assert_eq!(keeper.keep(TorLane::Closed.into()).await, Some(TorLane::Closed));
    }
}
