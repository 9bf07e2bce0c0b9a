//! The key directory: `keys/` in the state directory, mode 0700, with one JSON file per key, mode 0600.
//!
//! It is created completely at first start and never repaired automatically: if a file is missing, damaged or
//! accessible to other users, the service does not start.

pub(crate) mod at_rest;
mod check;
pub(crate) mod directory;
mod error;
pub(crate) mod files;
mod login;
mod restored;
pub mod ring;
pub mod rotation;
pub(crate) mod signing;
mod stored;

pub use check::check;
pub use directory::{create, exist};
pub use error::KeysError;
pub use login::{LoginKeys, LoginPlan, V1Key, V2Key, plan};
pub use restored::Restored;
pub use ring::Keys;
pub use stored::{AtRestFile, IdentityFile, LoginV1File, SigningKeyFile};
