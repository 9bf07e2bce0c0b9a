//! The device's event stream, which reports changes at once instead of at the next heartbeat.

use super::{LaneView, QuotaView};
use crate::model::CloseReason;
use serde::{Deserialize, Serialize};

/// The data of one message of `GET /v2/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeviceEvent {
    /// Sent first, and again when a value changes.
    State {
        /// Public name or address of the server, as in the endpoints of the lanes.
        host: String,
        /// Both lanes with their states.
        lanes: Vec<LaneView>,
    },
    /// The session of this device ended. This is the last message.
    Closed {
        /// Why the session ended.
        reason: CloseReason,
    },
    /// The account's quota is used up or nearly used up. Also sent at the start of the stream in that case.
    Quota {
        /// The quota, and what is left of it.
        quota: QuotaView,
    },
    /// An event that this version does not know.
    #[serde(other)]
    Unknown,
}
