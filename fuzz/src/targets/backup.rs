//! Backup files, which may come from anywhere.

use sha2::{Digest as _, Sha256};
use std::io;
use tornado_backup::{Archive, Error};

const MAGIC: &[u8] = b"TORNADO-BACKUP\n";

/// A whole file; or, without the magic number, a manifest in JSON up to the first zero byte and then the files'
/// contents, to which length and checksum are added. Unpacked data must come from the input, and all paths must fit
/// into one directory.
pub fn backup(bytes: &[u8]) {
    if bytes.starts_with(MAGIC) {
        unpack(bytes);
        return;
    }
    let at = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let (manifest, contents) = (&bytes[..at], bytes.get(at + 1..).unwrap_or_default());
    unpack(&wrapped(manifest, contents));
}

/// Returns an unsealed backup with this manifest and these contents.
#[must_use]
pub fn wrapped(manifest: &[u8], contents: &[u8]) -> Vec<u8> {
    let length = u32::try_from(manifest.len()).unwrap_or(u32::MAX).to_be_bytes();
    [MAGIC, &[1, 0], &length, &Sha256::digest(manifest), manifest, contents].concat()
}

fn unpack(bytes: &[u8]) {
    // An unsealed archive must never be opened as a sealed one.
    let is_sealed = bytes.get(MAGIC.len() + 1) == Some(&1);
    let sealed = Archive::open(bytes, || Err(Error::Passphrase("none".into())));
    assert!(is_sealed || !matches!(sealed, Err(Error::Passphrase(_)) | Ok(_)), "a passphrase was requested");
    let Ok(archive) = Archive::open_unsealed(bytes) else { return };
    let names: Vec<String> = archive.manifest().files.iter().map(|entry| entry.path.to_string()).collect();
    for name in &names {
        assert!(name.split('/').all(|part| !part.is_empty() && !part.starts_with('.')), "{name}");
        let below = format!("{name}/");
        assert!(!names.iter().any(|other| other.starts_with(&below)), "{name} is both a file and a directory");
    }
    let places = names.iter().map(|name| tornadod::fuzzing::place(name));
    for place in places.flatten() {
        assert!(place.starts_with("/var/lib/tornado") || place.starts_with("/etc/tornado"), "{}", place.display());
    }
    let promised: u64 = archive.manifest().files.iter().map(|entry| entry.size).sum();
    if archive.unpack(|_| Ok(io::sink())).is_ok() {
        assert!(promised <= bytes.len() as u64, "the unpacked files are larger than the archive");
    }
}
