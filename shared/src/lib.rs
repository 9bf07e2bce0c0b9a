//! Types, wire formats and cryptography shared by the server, the client and the console.
//!
//! The crate does no I/O, so it also builds for `wasm32-unknown-unknown`.

#![forbid(unsafe_code)]

/// Serialises a type as its text (`Display`), and parses it from text (`FromStr`).
macro_rules! serde_as_text {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text: std::borrow::Cow<'de, str> = serde::Deserialize::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub mod api;
pub mod crypto;
pub mod format;
pub mod invitation;
pub mod kept;
pub mod model;
pub mod offer;
pub mod problem;
pub mod wg_quick;
