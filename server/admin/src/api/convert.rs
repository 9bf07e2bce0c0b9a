//! Values that occur in several views.

use serde::Serialize;
use tornado_admin_api::types::Bytes;
use tornado_shared::model::Transfer;

/// The name that an enum of a contract has on the wire.
pub fn word(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

pub const fn bytes(transfer: Transfer) -> Bytes {
    Bytes { received: transfer.rx_bytes, sent: transfer.tx_bytes }
}
