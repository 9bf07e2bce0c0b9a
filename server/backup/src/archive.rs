//! Writing and reading whole backups.

use crate::header::{self, Cost};
use crate::sealed::{In, Out};
use crate::{Entry, EntryPath, Error, Manifest};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::path::PathBuf;
use tornado_shared::model::Secret;

/// Maximum size of the manifest, bytes: enough for about ten thousand files.
const MAX_MANIFEST: u32 = 4 * 1024 * 1024;
const BLOCK: usize = 64 * 1024;

/// A file to save. Its content must not change during the write.
#[derive(Debug, Clone)]
pub struct Source {
    /// Its name in the backup.
    pub path: EntryPath,
    /// Path of the file.
    pub file: PathBuf,
}

/// Writes a backup of `sources` and fills in the manifest's list of files. Without a passphrase the backup is not
/// encrypted.
///
/// # Errors
/// A file cannot be read, changed during the write, or the manifest is too large; or writing to `to` failed.
pub fn write<W: Write>(
    mut to: W,
    mut manifest: Manifest,
    sources: &[Source],
    passphrase: Option<(&Secret, Cost)>,
) -> Result<(W, Manifest), Error> {
    manifest.files = sources.iter().map(measure).collect::<Result<_, _>>()?;
    manifest.check()?;
    let text = serde_json::to_vec(&manifest).map_err(|_| Error::Damaged("cannot encode the manifest"))?;
    let length = u32::try_from(text.len()).ok().filter(|length| *length <= MAX_MANIFEST);
    let length = length.ok_or(Error::Damaged("too many files"))?;
    let (header, seal) = header::make(passphrase)?;
    to.write_all(&header)?;
    let mut out = Out::new(to, header, seal);
    out.write_all(&length.to_be_bytes())?;
    out.write_all(&Sha256::digest(&text))?;
    out.write_all(&text)?;
    for (source, entry) in sources.iter().zip(&manifest.files) {
        let mut hashing = Hashing { to: &mut out, sha256: Sha256::new() };
        // Reading one byte more than expected reveals a file that grew.
        let copied = io::copy(&mut File::open(&source.file)?.take(entry.size + 1), &mut hashing)?;
        if copied != entry.size || HEXLOWER.encode(&hashing.sha256.finalize()) != entry.sha256 {
            return Err(Error::Changed(source.path.to_string()));
        }
    }
    Ok((out.finish()?, manifest))
}

fn measure(source: &Source) -> Result<Entry, Error> {
    let mut hashing = Hashing { to: io::sink(), sha256: Sha256::new() };
    let size = io::copy(&mut File::open(&source.file)?, &mut hashing)?;
    Ok(Entry { path: source.path.clone(), size, sha256: HEXLOWER.encode(&hashing.sha256.finalize()) })
}

/// A backup opened for reading.
pub struct Archive<R> {
    body: In<R>,
    manifest: Manifest,
}

impl<R: BufRead> Archive<R> {
    /// Reads header and manifest of a sealed backup. `passphrase` is called only if the backup is sealed.
    ///
    /// # Errors
    /// [`Error::NotSealed`] for an unsealed backup; otherwise the backup is damaged, from a newer version, or the
    /// passphrase is wrong.
    pub fn open(mut from: R, passphrase: impl FnOnce() -> Result<Secret, Error>) -> Result<Self, Error> {
        let (header, seal) = header::read_sealed(&mut from, passphrase)?;
        Self::read(In::new(from, header, Some(seal)))
    }

    /// Reads header and manifest of an unsealed backup. Nothing protects its content, so the caller must trust its
    /// origin.
    ///
    /// # Errors
    /// [`Error::Sealed`] for a sealed backup; otherwise the backup is damaged or from a newer version.
    pub fn open_unsealed(mut from: R) -> Result<Self, Error> {
        let header = header::read_unsealed(&mut from)?;
        Self::read(In::new(from, header, None))
    }

    fn read(mut body: In<R>) -> Result<Self, Error> {
        let (mut length, mut sha256) = ([0; 4], [0; 32]);
        body.read_exact(&mut length).map_err(Error::from_io)?;
        body.read_exact(&mut sha256).map_err(Error::from_io)?;
        let length = u32::from_be_bytes(length);
        if length > MAX_MANIFEST {
            return Err(Error::Damaged("the manifest is too long"));
        }
        let mut text = Vec::new();
        body.by_ref().take(length.into()).read_to_end(&mut text).map_err(Error::from_io)?;
        if Sha256::digest(&text).as_slice() != sha256 {
            return Err(Error::Checksum("the manifest".into()));
        }
        let manifest: Manifest =
            serde_json::from_slice(&text).map_err(|_| Error::Damaged("cannot parse the manifest"))?;
        manifest.check()?;
        Ok(Self { body, manifest })
    }

    /// The manifest.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Writes each file to the writer that `place` returns and compares its checksum. Data is written before the
    /// comparison, so the output is not valid until this returns without an error.
    ///
    /// # Errors
    /// The backup is damaged, a checksum does not match, or writing failed.
    pub fn unpack<W: Write>(mut self, mut place: impl FnMut(&Entry) -> io::Result<W>) -> Result<Manifest, Error> {
        for entry in &self.manifest.files {
            let mut hashing = Hashing { to: place(entry)?, sha256: Sha256::new() };
            let mut left = entry.size;
            let mut block = zeroize::Zeroizing::new(vec![0; BLOCK]);
            while left > 0 {
                let most = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
                let count = self.body.read(&mut block[..most]).map_err(Error::from_io)?;
                if count == 0 {
                    return Err(Error::Damaged("unexpected end of file"));
                }
                hashing.write_all(&block[..count])?;
                left -= count as u64;
            }
            hashing.flush()?;
            if HEXLOWER.encode(&hashing.sha256.finalize()) != entry.sha256 {
                return Err(Error::Checksum(entry.path.to_string()));
            }
        }
        if self.body.read(&mut [0]).map_err(Error::from_io)? != 0 {
            return Err(Error::Damaged("unexpected data after the end"));
        }
        Ok(self.manifest)
    }
}

/// Computes the hash of the data that passes through.
struct Hashing<W> {
    to: W,
    sha256: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.to.write(bytes)?;
        self.sha256.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
