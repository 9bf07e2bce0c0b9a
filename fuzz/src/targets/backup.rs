//! The file of a backup, which may come from anywhere.

use sha2::{Digest as _, Sha256};
use std::io;
use tornado_backup::Archive;

const MAGIC: &[u8] = b"TORNADO-BACKUP\n";

/// A whole file; or, without its mark, a manifest in JSON up to the first zero byte, then the files' contents, around
/// which length and checksum are put. What is unpacked was there, and every name can be made in one directory.
pub fn backup(bytes: &[u8]) {
    if bytes.starts_with(MAGIC) {
        unpack(bytes);
        return;
    }
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (manifest, contents) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    unpack(&wrapped(manifest, contents));
}

/// An open backup of these.
#[must_use]
pub fn wrapped(manifest: &[u8], contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(manifest.len()).unwrap_or(u32::MAX).to_be_bytes();
    [MAGIC, &[1, 0], &length, &Sha256::digest(manifest), manifest, contents].concat()
}

fn unpack(bytes: &[u8]) {
    let Ok(archive) = Archive::open(bytes, || Ok(None)) else { return };
    let names: Vec<String> = archive.manifest().files.iter().map(|entry| entry.path.to_string()).collect();
    for name in &names {
        assert!(name.split('/').all(|part| !part.is_empty() && !part.starts_with('.')), "{name}");
        let below = format!("{name}/");
        assert!(!names.iter().any(|other| other.starts_with(&below)), "{name} is file and directory");
    }
    let promised = archive.manifest().files.iter().fold(0_u64, |sum, entry| sum.saturating_add(entry.size));
    if archive.unpack(|_| Ok(io::sink())).is_ok() {
        assert!(promised <= bytes.len() as u64, "more came out than there was");
    }
}
