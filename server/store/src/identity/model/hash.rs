//! Hashes.

/// SHA-256 of a value that is not stored.
pub type Hash = [u8; 32];
