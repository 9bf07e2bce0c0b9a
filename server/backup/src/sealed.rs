//! A stream of sealed chunks as a regular writer and reader.

use crate::Error;
use crate::header::Seal;
use aead_stream::{DecryptorBE32, EncryptorBE32};
use aes_gcm::Aes256Gcm;
use aes_gcm::aead::Payload;
use std::io::{self, BufRead, Read, Write};
use zeroize::Zeroizing;

/// Plain bytes per chunk.
const CHUNK: usize = 64 * 1024;
/// Authentication tag of a chunk, bytes.
const TAG: usize = 16;

/// Encrypts the data written, or passes it through.
pub(crate) enum Out<W> {
    Open(W),
    Sealed { to: W, sealer: Box<EncryptorBE32<Aes256Gcm>>, header: Vec<u8>, chunk: Zeroizing<Vec<u8>> },
}

impl<W: Write> Out<W> {
    pub(crate) fn new(to: W, header: Vec<u8>, seal: Option<Seal>) -> Self {
        let Some(seal) = seal else { return Self::Open(to) };
        let sealer = Box::new(EncryptorBE32::new(&seal.key(), &seal.prefix.into()));
        Self::Sealed { to, sealer, header, chunk: Zeroizing::new(Vec::with_capacity(CHUNK)) }
    }

    /// Writes the last chunk. A stream without it counts as truncated.
    pub(crate) fn finish(self) -> Result<W, Error> {
        match self {
            Self::Open(to) => Ok(to),
            Self::Sealed { mut to, sealer, header, chunk } => {
                let payload = Payload { msg: &chunk, aad: &header };
                let sealed = sealer.encrypt_last(payload).map_err(|_| Error::Damaged("the backup is too large"))?;
                to.write_all(&sealed)?;
                Ok(to)
            }
        }
    }
}

impl<W: Write> Write for Out<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Open(to) => to.write(bytes),
            Self::Sealed { to, sealer, header, chunk } => {
                // A full chunk is kept until more data arrives, because it may be the last one.
                if chunk.len() == CHUNK && !bytes.is_empty() {
                    let payload = Payload { msg: chunk, aad: header };
                    let sealed =
                        sealer.encrypt_next(payload).map_err(|_| io::Error::other("the backup is too large"))?;
                    to.write_all(&sealed)?;
                    chunk.clear();
                }
                let taken = bytes.len().min(CHUNK - chunk.len());
                chunk.extend_from_slice(&bytes[..taken]);
                Ok(taken)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Open(to) | Self::Sealed { to, .. } => to.flush(),
        }
    }
}

/// Decrypts the data read, or passes it through. Returns data only after its chunk was authenticated.
pub(crate) enum In<R> {
    Open(R),
    Sealed {
        from: R,
        opener: Option<Box<DecryptorBE32<Aes256Gcm>>>,
        header: Vec<u8>,
        chunk: Zeroizing<Vec<u8>>,
        at: usize,
    },
}

impl<R: BufRead> In<R> {
    pub(crate) fn new(from: R, header: Vec<u8>, seal: Option<Seal>) -> Self {
        let Some(seal) = seal else { return Self::Open(from) };
        let opener = Some(Box::new(DecryptorBE32::new(&seal.key(), &seal.prefix.into())));
        Self::Sealed { from, opener, header, chunk: Zeroizing::default(), at: 0 }
    }
}

impl<R: BufRead> Read for In<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Open(from) => from.read(to),
            Self::Sealed { from, opener, header, chunk, at } => {
                if *at == chunk.len() {
                    *chunk = next(from, opener, header).map_err(io::Error::other)?;
                    *at = 0;
                }
                let taken = to.len().min(chunk.len() - *at);
                to[..taken].copy_from_slice(&chunk[*at..*at + taken]);
                *at += taken;
                Ok(taken)
            }
        }
    }
}

/// The next chunk, decrypted. Empty after the last chunk.
fn next<R: BufRead>(
    from: &mut R,
    opener: &mut Option<Box<DecryptorBE32<Aes256Gcm>>>,
    header: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let Some(mut current) = opener.take() else { return Ok(Zeroizing::default()) };
    let mut sealed = Vec::with_capacity(CHUNK + TAG);
    from.take((CHUNK + TAG) as u64).read_to_end(&mut sealed).map_err(Error::Io)?;
    let payload = Payload { msg: &sealed, aad: header };
    let plain = if from.fill_buf().map_err(Error::Io)?.is_empty() {
        current.decrypt_last(payload).map_err(|_| Error::Unsealing)?
    } else {
        let plain = current.decrypt_next(payload).map_err(|_| Error::Unsealing)?;
        *opener = Some(current);
        plain
    };
    Ok(Zeroizing::new(plain))
}
