//! Table `isolation`: the isolation number assigned last.

use super::rows;
use crate::StoreError;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::SessionId;

/// Highest number: 22 bits, without the number of the gateway itself.
pub(super) const LAST: u32 = (1 << 22) - 2;

/// A number that no live session of the gateway has. Counts up, so a number is reused only after all others. The row
/// serves as the gateway's lock until the transaction ends.
pub(super) async fn next(tx: &mut AnyConnection, node_id: &str) -> Result<u32, StoreError> {
    const NEXT: &str = "INSERT INTO isolation (node_id, latest) VALUES ($1, 1) \
         ON CONFLICT (node_id) DO UPDATE SET latest = isolation.latest % $2 + 1 RETURNING latest AS isolation";
    const TAKEN: &str = "SELECT slot FROM sessions WHERE node_id = $1 AND isolation = $2";
    loop {
        let row = sqlx::query(NEXT).bind(node_id).bind(i64::from(LAST)).fetch_one(&mut *tx).await?;
        let number = rows::isolation(&row)?;
        let taken = sqlx::query(TAKEN).bind(node_id).bind(i64::from(number)).fetch_optional(&mut *tx).await?;
        // Terminates, because there are fewer slots than numbers.
        if taken.is_none() {
            return Ok(number);
        }
    }
}

/// Assigns a new number to a live session. `None` if it has ended.
pub(super) async fn renew(tx: &mut AnyConnection, session: SessionId) -> Result<Option<u32>, StoreError> {
    let found = sqlx::query("SELECT node_id FROM sessions WHERE session_id = $1").bind(session.to_string());
    let Some(row) = found.fetch_optional(&mut *tx).await? else { return Ok(None) };
    let node_id: String = row.try_get("node_id")?;
    let number = next(tx, &node_id).await?;
    let done = sqlx::query("UPDATE sessions SET isolation = $2 WHERE session_id = $1")
        .bind(session.to_string())
        .bind(i64::from(number))
        .execute(tx)
        .await?;
    // The session may have ended during the wait for the gateway's lock.
    Ok((done.rows_affected() == 1).then_some(number))
}
