//! The key directory: `keys/` in the state directory, mode 0700, one JSON file a key, mode 0600.
//!
//! Made whole at first start and never repaired by itself: a file that is missing, damaged or open to others
//! keeps the service from starting.

pub(crate) mod files;
mod login;
mod stored;

pub use login::{LoginKeys, LoginPlan, V1Key, V2Key, plan};
pub use stored::{AtRestFile, IdentityFile, LoginV1File, SigningKeyFile};

use crate::seal::AtRestKey;
use crate::tokens::TokenKeys;
use data_encoding::HEXLOWER;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tornado_mesh::token::TokenKind;
use tornado_shared::crypto::encoding::Bytes;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::login_key::StoredLoginKey;
use tornado_shared::model::UnixSeconds;
use zeroize::Zeroizing;

const IDENTITY: &str = "identity.json";
const AT_REST: &str = "at-rest.json";
const AUDIT: &str = "audit.json";

/// The key directory cannot be used as it is.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file or directory cannot be read or written.
    #[error("the key file {path} cannot be used: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what this program wrote.
    #[error("the key file {path} is damaged ({reason}); restore it from a backup. Nothing was changed")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How.
        reason: String,
    },
    /// Others may read it.
    #[error("{0} is open to other users; set its mode to 0700 (directory) or 0600 (file) and consider the keys known")]
    Exposed(PathBuf),
    /// The directory is there, a file is not.
    #[error("the key directory lacks {0}; restore it from a backup. Nothing was changed")]
    Missing(&'static str),
}

/// All keys of the server, loaded.
#[derive(Debug)]
pub struct Keys {
    dir: PathBuf,
    /// The server's identity.
    pub identity: IdentityKey,
    /// Signs the audit trail's newest row.
    pub audit: IdentityKey,
    /// Seals secrets in the database.
    pub at_rest: AtRestKey,
    /// Signs and checks tokens.
    pub tokens: TokenKeys,
    login: RwLock<Arc<LoginKeys>>,
}

impl Keys {
    /// True when the directory was made before.
    pub fn exist(dir: &Path) -> Result<bool, KeysError> {
        files::exists(dir)
    }

    /// Makes every key under another name first, so the directory is whole or absent, whenever the power goes.
    pub fn create(dir: &Path, now: UnixSeconds, login_lifetime: i64) -> Result<(), KeysError> {
        let new = dir.with_extension("new");
        files::remove_unused_dir(&new)?;
        files::make_dir(&new)?;
        let seed = Zeroizing::new(rand::random::<[u8; 32]>());
        files::write_new(&new, IDENTITY, &IdentityFile { ed25519_seed: Bytes(*seed) })?;
        make_audit(&new)?;
        let key = Zeroizing::new(rand::random::<[u8; 32]>());
        files::write_new(&new, AT_REST, &AtRestFile { aes_256_gcm: Bytes(*key) })?;
        for kind in [TokenKind::Access, TokenKind::Refresh] {
            let key = SigningKeyFile::random(kind, now);
            files::write_new(&new, &format!("sign-{}-{}.json", word(kind), key.kid), &key)?;
        }
        write_v2(&new, &StoredLoginKey::random(now, login_lifetime))?;
        write_v1(&new, &LoginV1File::random(now, login_lifetime))?;
        files::rename_dir(&new, dir)
    }

    /// Loads every key, then makes new login keys if they are due.
    pub fn open(dir: &Path, now: UnixSeconds, login_lifetime: i64) -> Result<Self, KeysError> {
        let mut signing: Vec<SigningKeyFile> = Vec::new();
        let (mut identity, mut at_rest, mut audit) = (None, None, None);
        let (mut v1, mut v2) = (Vec::new(), Vec::new());
        for path in files::list(dir)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name == IDENTITY {
                identity = Some(files::read::<IdentityFile>(&path)?);
            } else if name == AT_REST {
                at_rest = Some(files::read::<AtRestFile>(&path)?);
            } else if name == AUDIT {
                audit = Some(files::read::<IdentityFile>(&path)?);
            } else if name.starts_with("sign-") {
                signing.push(files::read(&path)?);
            } else if name.starts_with("login-v1-") {
                v1.push(V1Key::new(path.clone(), &files::read::<LoginV1File>(&path)?));
            } else if name.starts_with("login-v2-") {
                v2.push((path.clone(), files::read::<StoredLoginKey>(&path)?));
            } else {
                return Err(KeysError::Damaged { path, reason: "its name says nothing to this version".into() });
            }
        }
        let identity = IdentityKey::from_seed(&identity.ok_or(KeysError::Missing(IDENTITY))?.ed25519_seed.0);
        let audit = match audit {
            Some(audit) => audit,
            None if files::exists(&dir.with_file_name(crate::head::FILE))? => return Err(KeysError::Missing(AUDIT)),
            // Directories of versions without an audit trail lack it; there is nothing yet that it signed.
            None => make_audit(dir)?,
        };
        let audit = IdentityKey::from_seed(&audit.ed25519_seed.0);
        let at_rest = at_rest.ok_or(KeysError::Missing(AT_REST))?;
        let at_rest = AtRestKey::new(&at_rest.aes_256_gcm.0).map_err(|_| KeysError::Missing(AT_REST))?;
        let v2 = v2.into_iter().map(|(path, stored)| V2Key::new(path, &stored, &identity)).collect();
        let login = RwLock::new(Arc::new(LoginKeys::new(v1, v2)));
        let keys = Self { dir: dir.to_owned(), identity, audit, at_rest, tokens: TokenKeys::new(&signing)?, login };
        keys.renew(now, login_lifetime)?;
        Ok(keys)
    }

    /// Where they lie.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The login keys of this moment.
    #[must_use]
    pub fn login(&self) -> Arc<LoginKeys> {
        self.login.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes new login keys when the newest have less than a third of their life left, and removes those that
    /// have expired: what was sealed to them can never be opened again.
    pub fn renew(&self, now: UnixSeconds, lifetime: i64) -> Result<(), KeysError> {
        let current = self.login();
        let plan = plan(&current, now, lifetime);
        if plan == LoginPlan::default() {
            return Ok(());
        }
        let mut next = LoginKeys::clone(&current);
        if plan.make_v1 {
            let stored = LoginV1File::random(now, lifetime);
            next.push_v1(V1Key::new(write_v1(&self.dir, &stored)?, &stored));
        }
        if plan.make_v2 {
            let stored = StoredLoginKey::random(now, lifetime);
            next.push_v2(V2Key::new(write_v2(&self.dir, &stored)?, &stored, &self.identity));
        }
        next.forget(&plan.remove);
        *self.login.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        for path in &plan.remove {
            files::remove(path)?;
        }
        tracing::info!(removed = plan.remove.len(), v1 = plan.make_v1, v2 = plan.make_v2, "login keys renewed");
        Ok(())
    }
}

fn make_audit(dir: &Path) -> Result<IdentityFile, KeysError> {
    let file = IdentityFile { ed25519_seed: Bytes(rand::random()) };
    files::write_new(dir, AUDIT, &file)?;
    Ok(file)
}

fn word(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Access => "access",
        TokenKind::Refresh => "refresh",
    }
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
