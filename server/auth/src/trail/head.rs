//! The signed head of the audit trail: the signature of its newest row, stored outside the database. An attacker who
//! truncates or rewrites the chain cannot update it without the audit key.

use crate::keys::directory::AUDIT_HEAD;
use crate::keys::{Keys, KeysError, files};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tornado_shared::crypto::encoding::Bytes;
use tornado_shared::crypto::identity::{IdentityKey, Signature};
use tornado_store::identity::AuditHead;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    seq: i64,
    hash: Bytes<32>,
    signature: Signature,
}

/// Content of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    /// The file does not exist.
    Absent,
    /// The signature is not from the audit key.
    Forged,
    /// This row was the newest when the file was written.
    Head(AuditHead),
}

/// Access to the file.
#[derive(Debug)]
pub struct HeadFile {
    dir: PathBuf,
    key: IdentityKey,
}

impl HeadFile {
    /// The file that belongs to these keys.
    pub fn new(keys: &Keys) -> Self {
        Self { dir: keys.dir().parent().map(PathBuf::from).unwrap_or_default(), key: keys.audit().clone() }
    }

    /// Reads the file and checks its signature.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn read(&self) -> Result<Signed, KeysError> {
        let path = self.dir.join(AUDIT_HEAD);
        if !files::exists(&path)? {
            return Ok(Signed::Absent);
        }
        let file: File = files::read(&path)?;
        let head = AuditHead { seq: file.seq, hash: file.hash.0 };
        let good = self.key.public().verify(&statement(&head), &file.signature).is_ok();
        Ok(if good { Signed::Head(head) } else { Signed::Forged })
    }

    /// Signs a head and replaces the file atomically and durably.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(&self, head: &AuditHead) -> Result<(), KeysError> {
        let signature = self.key.sign(&statement(head));
        files::replace(&self.dir, AUDIT_HEAD, &File { seq: head.seq, hash: Bytes(head.hash), signature })
    }
}

fn statement(head: &AuditHead) -> Vec<u8> {
    [b"tornado-vpn audit head\0".as_slice(), &head.seq.to_be_bytes(), &head.hash].concat()
}
