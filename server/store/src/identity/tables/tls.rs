//! Table `tls_key`: certificate of the edge, as attested by the edge itself.

use crate::StoreError;
use crate::statement::{execute, first, values};
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::UnixSeconds;

pub async fn put(db: &mut AnyConnection, spki_sha256: &str, now: UnixSeconds) -> Result<(), StoreError> {
    let query = "INSERT INTO tls_key (one, spki_sha256, attested_at) VALUES (1, $1, $2)
                 ON CONFLICT (one) DO UPDATE
                 SET spki_sha256 = excluded.spki_sha256, attested_at = excluded.attested_at";
    execute(db, query, values![spki_sha256, now]).await.map(drop)
}

pub async fn get(db: &mut AnyConnection) -> Result<Option<String>, StoreError> {
    first(db, "SELECT spki_sha256 FROM tls_key", values![], |row| Ok(row.try_get("spki_sha256")?)).await
}
