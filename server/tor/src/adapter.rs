//! Implements [`LaneSwitch`] with the contract of service `wg`.

use crate::lanes::{LaneSwitch, SeenLane, SwitchError};
use std::time::Duration;
use tornado_contracts::wg::{KnownStatus, SetTorLane, Wg as _, WgClient, WgError, WgStatus};
use tornado_rpc::NoInput;

/// How long `wg` may hold its response while nothing changes, in milliseconds.
const HOLD_MS: u64 = 10_000;
/// Deadline for a held call. It is longer than [`HOLD_MS`], so a `wg` that exceeds it hangs.
const LONGEST: Duration = Duration::from_secs(12);
/// Pause after a failure or after a response without a change.
const PAUSE: Duration = Duration::from_millis(100);

/// Service `wg` as the lane switch.
pub(crate) struct WgSwitch(pub(crate) WgClient);

#[async_trait::async_trait]
impl LaneSwitch for WgSwitch {
    async fn set(&self, lane: &SetTorLane) -> Result<(), SwitchError> {
        let done = self.0.set_tor_lane(lane.clone()).await;
        done.map(drop).map_err(|error: WgError| SwitchError(error.to_string()))
    }

    async fn look(&self) -> Result<SeenLane, SwitchError> {
        let status = self.0.status(NoInput {}).await.map_err(|error: WgError| SwitchError(error.to_string()))?;
        let WgStatus { boot_id, revision, tor_lane: lane, tor_exits: exits, .. } = status;
        Ok(SeenLane { boot_id, lane, exits, revision })
    }

    async fn changed(&self, seen: &SeenLane) {
        let SeenLane { boot_id, revision, .. } = *seen;
        let known = KnownStatus { boot_id, revision, hold_ms: HOLD_MS };
        let held = tokio::time::timeout(LONGEST, self.0.next_status(known)).await;
        // If `wg` returns without a change, pause, so that this loop does not spin.
        if !held.is_ok_and(|held| held.is_ok_and(|status| (status.boot_id, status.revision) != (boot_id, revision))) {
            tokio::time::sleep(PAUSE).await;
        }
    }
}
