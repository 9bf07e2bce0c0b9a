//! The file of a backup: a manifest and the files it names, in one stream, sealed with a passphrase.
//!
//! ```text
//! "TORNADO-BACKUP" 0x0A, version 0x01, kind: 0 open, 1 sealed
//! sealed only: Argon2id memory KiB, passes, lanes (u32 each), salt (16), nonce prefix (7)
//! body: length of the manifest (u32), its SHA-256, the manifest (JSON), the files in its order without gaps
//! ```
//!
//! Numbers are big-endian. A sealed body is cut into chunks of 64 KiB, each encrypted with AES-256-GCM in the STREAM
//! construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption, 2015) with the header as
//! associated data, so chunks cannot be moved, dropped or cut off at the end unseen.
//!
//! Knows nothing of servers: [`Writer`] takes files, [`Archive`] gives them back, both without holding one in memory.
//! Everything read is hostile until its checksum was compared.

mod archive;
mod error;
mod header;
mod manifest;
mod sealed;

pub use archive::{Archive, Source, write};
pub use error::Error;
pub use header::Cost;
pub use manifest::{Entry, EntryPath, Manifest, PathError, Profile};
