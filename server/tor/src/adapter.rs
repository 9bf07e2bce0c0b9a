//! [`LaneSwitch`] over the contract of service `wg`.

use crate::lanes::{LaneSwitch, SeenLane, SwitchError};
use tornado_mesh::NoInput;
use tornado_mesh::wg::{SetTorLane, Wg as _, WgClient, WgError};

/// Service `wg` as the one who switches the lane.
pub(crate) struct WgSwitch(pub(crate) WgClient);

#[async_trait::async_trait]
impl LaneSwitch for WgSwitch {
    async fn set(&self, lane: &SetTorLane) -> Result<(), SwitchError> {
        let done = self.0.set_tor_lane(lane.clone()).await;
        done.map(drop).map_err(|error: WgError| SwitchError(error.to_string()))
    }

    async fn look(&self) -> Result<SeenLane, SwitchError> {
        let status = self.0.status(NoInput {}).await.map_err(|error: WgError| SwitchError(error.to_string()))?;
        Ok(SeenLane { boot_id: status.boot_id, lane: status.tor_lane, exits: status.tor_exits })
    }
}
