//! The device stream: what a device learns at once instead of at its next heartbeat.

use super::{LaneView, QuotaView};
use crate::model::CloseReason;
use serde::{Deserialize, Serialize};

/// The data of one message of `GET /v2/events`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum DeviceEvent {
    /// The first message, and again when something in it changes.
    State {
        /// Public name or address of the server, as endpoints of lanes have it.
        host: String,
        /// Both lanes and whether they carry traffic.
        lanes: Vec<LaneView>,
    },
    /// The session of this device ended; the last message.
    Closed {
        /// Why.
        reason: CloseReason,
    },
    /// Little or nothing is left of the account's quota; also among the first messages while that is so.
    Quota {
        /// The quota, and what is left of it.
        quota: QuotaView,
    },
    /// Anything that a later server may tell.
    #[serde(other)]
    Unknown,
}
