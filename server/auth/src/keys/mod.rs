//! The key directory: `keys/` in the state directory, mode 0700, with one JSON file per key, mode 0600.
//!
//! It is created completely at first start and never repaired automatically: if a file is missing, damaged or
//! accessible to other users, the service does not start.

mod check;
pub(crate) mod files;
mod login;
pub mod ring;
pub mod rotation;
mod stored;

pub use login::{LoginKeys, LoginPlan, V1Key, V2Key, plan};
pub use stored::{AtRestFile, IdentityFile, LoginV1File, SigningKeyFile};

use crate::seal::AtRestKey;
use crate::tokens::TokenKeys;
use data_encoding::HEXLOWER;
use rotation::Schedule;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tornado_contracts::token::TokenKind;
use tornado_shared::crypto::encoding::Bytes;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::login_key::StoredLoginKey;
use tornado_shared::model::UnixSeconds;
use zeroize::Zeroizing;

const IDENTITY: &str = "identity.json";
const AT_REST: &str = "at-rest.json";
const AUDIT: &str = "audit.json";

/// The key directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file or directory cannot be read or written.
    #[error("cannot use the key file {path}: {source}")]
    File {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file's content is not what this program wrote.
    #[error("the key file {path} is damaged: {reason}; nothing was changed, restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Description of the damage.
        reason: String,
    },
    /// Other users can read the file or directory.
    #[error(
        "{0} is accessible to other users; set mode 0700 (directory) or 0600 (file) and treat the keys as compromised"
    )]
    Exposed(PathBuf),
    /// The directory exists, but a file is missing.
    #[error("the key directory lacks {0}; nothing was changed, restore it from a backup")]
    Missing(&'static str),
}

/// All keys of the server, in memory.
#[derive(Debug)]
pub struct Keys {
    dir: PathBuf,
    /// The server's identity.
    pub identity: IdentityKey,
    /// Signs the head of the audit trail.
    pub audit: IdentityKey,
    /// Seals secrets in the database.
    pub at_rest: AtRestKey,
    tokens: RwLock<Arc<TokenKeys>>,
    login: RwLock<Arc<LoginKeys>>,
    /// The unfinished part of a rotation in progress.
    demand: Mutex<Option<ring::Demand>>,
}

impl Keys {
    /// True if the directory exists.
    ///
    /// # Errors
    /// The path cannot be checked.
    pub fn exist(dir: &Path) -> Result<bool, KeysError> {
        files::exists(dir)
    }

    /// Creates all keys under a temporary name and renames the directory, so it is complete or absent after a power
    /// failure.
    ///
    /// # Errors
    /// A file or directory cannot be written.
    pub fn create(dir: &Path, now: UnixSeconds, schedule: &Schedule) -> Result<(), KeysError> {
        let new = dir.with_extension("new");
        files::remove_unused_dir(&new)?;
        files::make_dir(&new)?;
        let seed = Zeroizing::new(rand::random::<[u8; 32]>());
        files::write_new(&new, IDENTITY, &IdentityFile { ed25519_seed: Bytes(*seed) })?;
        make_audit(&new)?;
        let key = Zeroizing::new(rand::random::<[u8; 32]>());
        files::write_new(&new, AT_REST, &AtRestFile { aes_256_gcm: Bytes(*key) })?;
        for kind in [TokenKind::Access, TokenKind::Refresh] {
            write_signing(&new, &SigningKeyFile::random(kind, now, 0, schedule.lifetime(kind)))?;
        }
        write_v2(&new, &StoredLoginKey::random(now, schedule.login_lifetime))?;
        write_v1(&new, &LoginV1File::random(now, schedule.login_lifetime))?;
        files::rename_dir(&new, dir)
    }

    /// Loads all keys, creates those that are due, and completes a rotation that a crash interrupted.
    ///
    /// # Errors
    /// A file is missing, damaged, accessible to other users, or cannot be read or written.
    pub fn open(dir: &Path, now: UnixSeconds, schedule: &Schedule) -> Result<Self, KeysError> {
        files::clear(dir)?;
        let audit = dir.join(AUDIT);
        // Directories from versions without an audit trail lack this key. Nothing has been signed with it yet.
        if !files::exists(&audit)? && !files::exists(&dir.with_file_name(crate::head::FILE))? {
            make_audit(dir)?;
        }
        let keys = Self::load(dir)?;
        keys.advance(now, schedule, &mut |_| Ok(()))?;
        Ok(keys)
    }

    /// Loads all keys without changing anything.
    fn load(dir: &Path) -> Result<Self, KeysError> {
        let mut signing: Vec<SigningKeyFile> = Vec::new();
        let (mut identity, mut at_rest, mut audit) = (None, None, None);
        let (mut v1, mut v2, mut demand) = (Vec::new(), Vec::new(), None);
        for path in files::names(dir)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name == IDENTITY {
                identity = Some(files::read::<IdentityFile>(&path)?);
            } else if name == AT_REST {
                at_rest = Some(files::read::<AtRestFile>(&path)?);
            } else if name == AUDIT {
                audit = Some(files::read::<IdentityFile>(&path)?);
            } else if name == ring::JOURNAL {
                demand = Some(files::read(&path)?);
            } else if name.starts_with("sign-") {
                signing.push(files::read(&path)?);
            } else if name.starts_with("login-v1-") {
                v1.push(V1Key::new(path.clone(), &files::read::<LoginV1File>(&path)?));
            } else if name.starts_with("login-v2-") {
                v2.push((path.clone(), files::read::<StoredLoginKey>(&path)?));
            } else {
                return Err(KeysError::Damaged { path, reason: "unknown file name".into() });
            }
        }
        let identity = IdentityKey::from_seed(&identity.ok_or(KeysError::Missing(IDENTITY))?.ed25519_seed.0);
        let audit = IdentityKey::from_seed(&audit.ok_or(KeysError::Missing(AUDIT))?.ed25519_seed.0);
        let at_rest = at_rest.ok_or(KeysError::Missing(AT_REST))?;
        let at_rest = AtRestKey::new(&at_rest.aes_256_gcm.0).map_err(|_| KeysError::Missing(AT_REST))?;
        let v2 = v2.into_iter().map(|(path, stored)| V2Key::new(path, &stored, &identity)).collect();
        let login = RwLock::new(Arc::new(LoginKeys::new(v1, v2)));
        let tokens = RwLock::new(Arc::new(TokenKeys::new(signing)?));
        Ok(Self { dir: dir.to_owned(), identity, audit, at_rest, tokens, login, demand: Mutex::new(demand) })
    }

    /// The key directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The current login keys.
    #[must_use]
    pub fn login(&self) -> Arc<LoginKeys> {
        self.login.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The current keys that sign and verify tokens.
    #[must_use]
    pub fn tokens(&self) -> Arc<TokenKeys> {
        self.tokens.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn make_audit(dir: &Path) -> Result<(), KeysError> {
    files::write_new(dir, AUDIT, &IdentityFile { ed25519_seed: Bytes(rand::random()) })
}

fn word(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Access => "access",
        TokenKind::Refresh => "refresh",
    }
}

fn signing_name(key: &SigningKeyFile) -> String {
    format!("sign-{}-{}.json", word(key.kind), key.kid)
}

fn write_signing(dir: &Path, key: &SigningKeyFile) -> Result<(), KeysError> {
    files::write_new(dir, &signing_name(key), key)
}

fn write_v1(dir: &Path, stored: &LoginV1File) -> Result<PathBuf, KeysError> {
    let name = format!("login-v1-{}.json", HEXLOWER.encode(&stored.id.0));
    files::write_new(dir, &name, stored)?;
    Ok(dir.join(name))
}

fn write_v2(dir: &Path, stored: &StoredLoginKey) -> Result<PathBuf, KeysError> {
    let name = format!("login-v2-{}.json", HEXLOWER.encode(&stored.id.0));
    files::write_new(dir, &name, stored)?;
    Ok(dir.join(name))
}
