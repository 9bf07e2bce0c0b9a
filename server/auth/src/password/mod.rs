//! Passwords: the policy for new ones, hashing on a bounded pool, and checks of passwords as typed.

mod hasher;
mod passwords;
mod policy;

pub use hasher::{HashError, Hasher, Place};
pub(crate) use passwords::Passwords;
pub use policy::{MAX_BYTES, MIN_CHARS, PolicyError, check_foreign, check_new};
