//! The header of the file.

use crate::Error;
use aes_gcm::Key;
use argon2::{Algorithm, Argon2, Params, Version};
use std::io::Read;
use tornado_shared::model::Secret;
use zeroize::Zeroizing;

const MAGIC: &[u8; 15] = b"TORNADO-BACKUP\n";
const FORMAT: u8 = 1;
const OPEN: u8 = 0;
const SEALED: u8 = 1;
const SALT: usize = 16;
pub(crate) const PREFIX: usize = 7;

/// Cost of deriving the key from a passphrase (Argon2id).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Cost {
    /// Second recommendation of RFC 9106 §4.
    fn default() -> Self {
        Self { memory_kib: 65_536, passes: 3, lanes: 4 }
    }
}

impl Cost {
    /// Limits the cost that a file can impose on its reader: four times the memory and passes of the default.
    fn is_bearable(self) -> bool {
        (8..=262_144).contains(&self.memory_kib)
            && (1..=12).contains(&self.passes)
            && (1..=16).contains(&self.lanes)
            && self.memory_kib >= 8 * self.lanes
    }
}

/// Parameters for sealing the body.
pub(crate) struct Seal {
    pub(crate) key: Zeroizing<[u8; 32]>,
    pub(crate) prefix: [u8; PREFIX],
}

impl Seal {
    pub(crate) fn key(&self) -> Key<aes_gcm::Aes256Gcm> {
        Key::<aes_gcm::Aes256Gcm>::from(*self.key)
    }
}

/// The bytes of a header and the parameters that it describes.
pub(crate) fn make(passphrase: Option<(&Secret, Cost)>) -> Result<(Vec<u8>, Option<Seal>), Error> {
    let mut bytes = MAGIC.to_vec();
    bytes.push(FORMAT);
    let Some((passphrase, cost)) = passphrase else {
        bytes.push(OPEN);
        return Ok((bytes, None));
    };
    bytes.push(SEALED);
    let (salt, prefix): ([u8; SALT], [u8; PREFIX]) = (rand::random(), rand::random());
    for number in [cost.memory_kib, cost.passes, cost.lanes] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    bytes.extend_from_slice(&salt);
    bytes.extend_from_slice(&prefix);
    Ok((bytes, Some(Seal { key: derive(passphrase, &salt, cost)?, prefix })))
}

/// Reads the header of a sealed backup; `passphrase` is called only if the backup is sealed.
pub(crate) fn read_sealed<R: Read>(
    from: &mut R,
    passphrase: impl FnOnce() -> Result<Secret, Error>,
) -> Result<(Vec<u8>, Seal), Error> {
    let mut bytes = Vec::with_capacity(64);
    match kind(from, &mut bytes)? {
        OPEN => Err(Error::NotSealed),
        SEALED => {
            let mut number = || take(from, &mut bytes).map(u32::from_be_bytes);
            let cost = Cost { memory_kib: number()?, passes: number()?, lanes: number()? };
            let salt: [u8; SALT] = take(from, &mut bytes)?;
            let prefix = take(from, &mut bytes)?;
            if !cost.is_bearable() {
                return Err(Error::Damaged("the cost of its passphrase is too high"));
            }
            let seal = Seal { key: derive(&passphrase()?, &salt, cost)?, prefix };
            Ok((bytes, seal))
        }
        2.. => Err(Error::Damaged("neither open nor sealed")),
    }
}

/// Reads the header of an unsealed backup.
pub(crate) fn read_unsealed<R: Read>(from: &mut R) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(17);
    match kind(from, &mut bytes)? {
        OPEN => Ok(bytes),
        SEALED => Err(Error::Sealed),
        2.. => Err(Error::Damaged("neither open nor sealed")),
    }
}

fn kind(from: &mut impl Read, bytes: &mut Vec<u8>) -> Result<u8, Error> {
    let magic: [u8; 15] = take(from, bytes).map_err(|_| Error::NotABackup)?;
    if magic != *MAGIC {
        return Err(Error::NotABackup);
    }
    let [format, kind] = take(from, bytes)?;
    if format == FORMAT { Ok(kind) } else { Err(Error::Version(format)) }
}

fn take<const N: usize>(from: &mut impl Read, seen: &mut Vec<u8>) -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map_err(Error::from_io)?;
    seen.extend_from_slice(&bytes);
    Ok(bytes)
}

fn derive(passphrase: &Secret, salt: &[u8], cost: Cost) -> Result<Zeroizing<[u8; 32]>, Error> {
    let wrong = |error: argon2::Error| Error::Key(error.to_string());
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(wrong)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), salt, key.as_mut_slice())
        .map_err(wrong)?;
    Ok(key)
}
