//! Checks that every JSON type is stable: a value that is read, written and read again stays the same.

use serde::{Serialize, de::DeserializeOwned};

/// Reads `bytes` as a `T` and checks that the value is stable. Returns `None` if `bytes` is not a `T`.
pub fn stable<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let value: T = serde_json::from_slice(bytes).ok()?;
    let text = written(&value);
    match serde_json::from_slice::<T>(&text) {
        Ok(again) => assert!(written(&again) == text, "{} is not stable", std::any::type_name::<T>()),
        Err(error) => panic!("{} cannot be read back: {error}", std::any::type_name::<T>()),
    }
    Some(value)
}

fn written<T: Serialize>(value: &T) -> Vec<u8> {
    match serde_json::to_vec(value) {
        Ok(text) => text,
        Err(error) => panic!("{} cannot be written: {error}", std::any::type_name::<T>()),
    }
}

/// [`stable`] for each of a list of types.
macro_rules! all_stable {
    ($bytes:expr, [$($type:ty),+ $(,)?]) => { $( let _read = $crate::json::stable::<$type>($bytes); )+ };
}

pub(crate) use all_stable;
