//! Entry points of the fuzz targets: the files in the state directory.

use crate::account::{Account, DesiredTunnel};

/// `state.json`: accepted content survives a round trip, and names a server.
pub fn account(bytes: &[u8]) {
    let Ok(account) = serde_json::from_slice::<Account>(bytes) else { return };
    let text = serde_json::to_string(&account).unwrap_or_default();
    let again = serde_json::from_str::<Account>(&text).map(|again| serde_json::to_string(&again).unwrap_or_default());
    assert_eq!(again.ok(), Some(text));
    if let Ok(address) = account.address() {
        assert_eq!(address.to_string().parse().ok(), Some(address));
    }
    account.device();
}

/// `wanted.json`: accepted content survives a round trip.
pub fn wanted(bytes: &[u8]) {
    let Ok(wanted) = serde_json::from_slice::<DesiredTunnel>(bytes) else { return };
    let text = serde_json::to_string(&wanted).unwrap_or_default();
    assert_eq!(serde_json::from_str::<DesiredTunnel>(&text).ok(), Some(wanted));
}
