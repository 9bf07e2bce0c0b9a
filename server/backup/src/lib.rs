//! The format of a backup file: a manifest and the files that it lists, in one stream, sealed with a passphrase.
//!
//! ```text
//! "TORNADO-BACKUP" 0x0A, version 0x01, kind: 0 open, 1 sealed
//! sealed only: Argon2id memory KiB, passes, lanes (u32 each), salt (16), nonce prefix (7)
//! body: length of the manifest (u32), its SHA-256, the manifest (JSON), the files in its order without gaps
//! ```
//!
//! Numbers are big-endian. A sealed body is split into chunks of 64 KiB, each encrypted with AES-256-GCM in the STREAM
//! construction (Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption, 2015). The header is the
//! associated data. Moved, dropped and truncated chunks are detected.
//!
//! The format does not depend on the server: [`write()`] takes files and [`Archive`] returns them, without holding a
//! whole file in memory. All data read is untrusted until its checksum has been compared.

#![forbid(unsafe_code)]

mod archive;
mod error;
mod header;
mod manifest;
mod sealed;

pub use archive::{Archive, Source, write};
pub use error::{Error, PathError};
pub use header::Cost;
pub use manifest::{Entry, EntryPath, Manifest, Profile};
