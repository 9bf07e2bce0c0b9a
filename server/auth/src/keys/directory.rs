//! The key directory on disk: creation and loading.

use super::at_rest::AtRestKey;
use super::error::KeysError;
use super::files;
use super::login::{LoginKeys, V1Key, V2Key};
use super::rotation::Schedule;
use super::signing::TokenKeys;
use super::stored::{AtRestFile, IdentityFile, LoginV1File, SigningKeyFile, write_signing, write_v1, write_v2};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;
use tornado_contracts::token::TokenKind;
use tornado_shared::crypto::encoding::Bytes;
use tornado_shared::crypto::identity::IdentityKey;
use tornado_shared::crypto::login_key::StoredLoginKey;
use tornado_shared::model::UnixSeconds;
use zeroize::Zeroizing;

const IDENTITY: &str = "identity.json";
const AT_REST: &str = "at-rest.json";
const AUDIT: &str = "audit.json";
/// Name of the journal of a rotation in progress.
pub const JOURNAL: &str = "rotation.json";
/// Name of the signed head of the audit trail, which lies beside the key directory.
pub const AUDIT_HEAD: &str = "audit-head.json";

/// A request for new keys of every kind, with the key ids that existed at that time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Demand {
    pub(super) before: BTreeSet<String>,
}

/// Content of the directory.
pub struct Loaded {
    pub identity: IdentityKey,
    pub audit: IdentityKey,
    pub at_rest: AtRestKey,
    pub tokens: TokenKeys,
    pub login: LoginKeys,
    pub demand: Option<Demand>,
}

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

/// Removes files of an interrupted write, and creates the audit key in a directory from a version without an audit
/// trail. Such a directory has no signed head, so nothing has been signed yet.
///
/// # Errors
/// A file cannot be checked, removed or written.
pub fn prepare(dir: &Path) -> Result<(), KeysError> {
    files::clear(dir)?;
    if !files::exists(&dir.join(AUDIT))? && !files::exists(&dir.with_file_name(AUDIT_HEAD))? {
        make_audit(dir)?;
    }
    Ok(())
}

/// Loads all keys without changing anything.
///
/// # Errors
/// A file is missing, damaged, accessible to other users, or cannot be read.
pub fn load(dir: &Path) -> Result<Loaded, KeysError> {
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
        } else if name == JOURNAL {
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
    let (login, tokens) = (LoginKeys::new(v1, v2), TokenKeys::new(signing)?);
    Ok(Loaded { identity, audit, at_rest, tokens, login, demand })
}

fn make_audit(dir: &Path) -> Result<(), KeysError> {
    files::write_new(dir, AUDIT, &IdentityFile { ed25519_seed: Bytes(rand::random()) })
}
