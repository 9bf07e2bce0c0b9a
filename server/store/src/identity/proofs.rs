//! Compares passwords and second factors, which were verified before a transaction, again inside it.

use super::model::{FactorOwner, Proof};
use crate::statement::{changes_one, first, values};
use crate::{StoreError, Verified};
use sqlx::{AnyConnection, Row as _};

/// Locks the owner's row and compares password and second factor.
pub(super) async fn check(db: &mut AnyConnection, owner: FactorOwner, proof: &Proof) -> Result<(), StoreError> {
    password(db, owner, &proof.password_hash).await?;
    let query = "SELECT sealed_secret FROM second_factors WHERE owner_kind = $1 AND owner_id = $2 AND confirmed = 1";
    let values = values![owner.kind(), owner.id()];
    let factor: Option<Vec<u8>> = first(db, query, values, |row| Ok(row.try_get("sealed_secret")?)).await?;
    if factor == proof.factor { Ok(()) } else { Err(StoreError::Lapsed(Verified::Credentials)) }
}

/// Locks the owner's row if its password is still the verified one.
pub(super) async fn password(db: &mut AnyConnection, owner: FactorOwner, hash: &str) -> Result<(), StoreError> {
    let lock = match owner {
        FactorOwner::User(_) => {
            "UPDATE users SET is_active = is_active
             WHERE id = $1 AND password_hash = $2 AND is_active = 1 AND deleted_at IS NULL"
        }
        FactorOwner::Operator(_) => "UPDATE operators SET updated_at = updated_at WHERE id = $1 AND password_hash = $2",
    };
    let locked = changes_one(db, lock, values![owner.id(), hash]).await?;
    if locked { Ok(()) } else { Err(StoreError::Lapsed(Verified::Credentials)) }
}
