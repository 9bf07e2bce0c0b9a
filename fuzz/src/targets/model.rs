//! Values that people type or files contain.

use crate::json::stable;
use std::fmt::Display;
use std::str::FromStr;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::operators::OperatorRole;
use tornado_shared::crypto::identity::Fingerprint;
use tornado_shared::model::{
    CloseReason, CountryCode, DeviceId, DeviceName, Lane, LaneAddresses, LanePools, PublicKey, SessionId, Slot, UserId,
    Username,
};

/// Checks one type: its printed form must parse to the same value.
fn spelled<T: FromStr + Display>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    let once = value.to_string();
    match once.parse::<T>() {
        Ok(again) => assert_eq!(again.to_string(), once, "{}", std::any::type_name::<T>()),
        Err(_) => panic!("{} rejects its own printed form of {text:?}", std::any::type_name::<T>()),
    }
    Some(value)
}

/// Text as each of these types, and as address pools.
pub fn model(bytes: &[u8]) {
    pools(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(name) = spelled::<Username>(text) {
        assert!((3..=50).contains(&name.as_str().len()) && name.as_str().is_ascii());
    }
    if let Some(name) = spelled::<DeviceName>(text) {
        assert!(!name.as_str().contains(char::is_control) && name.as_str().chars().count() <= 64);
    }
    if let Some(key) = spelled::<PublicKey>(text) {
        assert_eq!(PublicKey::from_bytes(*key.as_bytes()), Ok(key));
    }
    spelled::<Fingerprint>(text);
    spelled::<CountryCode>(text);
    spelled::<Lane>(text);
    spelled::<CloseReason>(text);
    spelled::<SessionId>(text);
    spelled::<DeviceId>(text);
    spelled::<UserId>(text);
    spelled::<OperatorRole>(text);
    spelled::<ServiceName>(text);
}

/// Valid pools have an address for each slot, and no address twice.
fn pools(bytes: &[u8]) {
    let Some(pools) = stable::<LanePools>(bytes) else { return };
    if pools.validate().is_err() {
        return;
    }
    assert!(pools.last_device_slot() < pools.canary_slot() && pools.canary_slot() <= pools.last_slot());
    let all = |slot: Slot| -> Option<[LaneAddresses; 2]> {
        Some([pools.direct.addresses(slot)?, pools.tor.addresses(slot)?])
    };
    let places = [Slot::SERVER, Slot::FIRST, pools.last_device_slot(), pools.canary_slot()];
    let mut found: Vec<LaneAddresses> = Vec::new();
    for slot in places {
        let Some(pair) = all(slot) else { panic!("slot {slot} has no addresses") };
        found.extend(pair);
    }
    let outside = all(Slot(pools.last_slot().0.saturating_add(1)));
    assert!(outside.is_none(), "a slot after the last one has addresses");
    for lane in [0, 1] {
        let of_lane = |at: usize| found.get(2 * at + lane).map(|addresses| (addresses.v4, addresses.v6));
        assert!(of_lane(0) < of_lane(1) && of_lane(1) <= of_lane(2) && of_lane(2) < of_lane(3));
    }
}
