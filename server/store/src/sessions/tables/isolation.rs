//! Table `isolation`: the isolation number assigned last.

use crate::StoreError;
use crate::statement::columns::number;
use crate::statement::{changes_one, exists, first, statement, values};
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::SessionId;

/// Highest number: 22 bits, without the number of the gateway itself.
pub const LAST: u32 = (1 << 22) - 2;

/// A number that no live session of the gateway has. Counts up, so a number is reused only after all others. The row
/// serves as the gateway's lock until the transaction ends.
pub async fn next(tx: &mut AnyConnection, node_id: &str) -> Result<u32, StoreError> {
    const NEXT: &str = "INSERT INTO isolation (node_id, latest) VALUES ($1, 1) \
         ON CONFLICT (node_id) DO UPDATE SET latest = isolation.latest % $2 + 1 RETURNING latest AS isolation";
    const TAKEN: &str = "SELECT slot FROM sessions WHERE node_id = $1 AND isolation = $2";
    loop {
        let row = statement(NEXT, values![node_id, LAST]).fetch_one(&mut *tx).await?;
        let number: u32 = number(&row, "isolation")?;
        // Terminates, because there are fewer slots than numbers.
        if !exists(tx, TAKEN, values![node_id, number]).await? {
            return Ok(number);
        }
    }
}

/// Assigns a new number to a live session. `None` if it has ended.
pub async fn renew(tx: &mut AnyConnection, session: SessionId) -> Result<Option<u32>, StoreError> {
    let query = "SELECT node_id FROM sessions WHERE session_id = $1";
    let node_id = first(tx, query, values![session], |row| Ok(row.try_get::<String, _>("node_id")?)).await?;
    let Some(node_id) = node_id else { return Ok(None) };
    let number = next(tx, &node_id).await?;
    let update = "UPDATE sessions SET isolation = $2 WHERE session_id = $1";
    // The session may have ended during the wait for the gateway's lock.
    Ok(changes_one(tx, update, values![session, number]).await?.then_some(number))
}
