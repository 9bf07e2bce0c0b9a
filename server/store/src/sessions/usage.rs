//! Table `usage`: what accounts moved in sessions that have ended.

use super::{CloseSession, Usage, rows};
use crate::StoreError;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::UserId;

/// Adds a session that ends now. Its account stands in its history row; sums stop at the largest number, as a database
/// that refuses one would keep the session for ever.
pub(super) async fn add(tx: &mut AnyConnection, close: &CloseSession) -> Result<(), StoreError> {
    const COLUMNS: [&str; 4] = ["direct_rx", "direct_tx", "tor_rx", "tor_tx"];
    let sum = |name: &str| {
        format!(
            "{name} = CASE WHEN usage.{name} > {max} - excluded.{name} THEN {max} ELSE usage.{name} + excluded.{name} END",
            max = i64::MAX
        )
    };
    let query = format!(
        "INSERT INTO usage (user_id, sessions, direct_rx, direct_tx, tor_rx, tor_tx) \
         SELECT user_id, 1, CAST($2 AS BIGINT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BIGINT) \
         FROM history WHERE session_id = $1 \
         ON CONFLICT (user_id) DO UPDATE SET sessions = usage.sessions + 1, {}",
        COLUMNS.map(sum).join(", ")
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(close.session_id.to_string());
    for transfer in [close.direct, close.tor] {
        query = query.bind(rows::signed(transfer.rx_bytes)).bind(rows::signed(transfer.tx_bytes));
    }
    query.execute(tx).await?;
    Ok(())
}

pub(super) async fn of_user(db: &mut AnyConnection, user: UserId) -> Result<Usage, StoreError> {
    let query = "SELECT sessions, direct_rx, direct_tx, tor_rx, tor_tx FROM usage WHERE user_id = $1";
    let Some(row) = sqlx::query(query).bind(user.to_string()).fetch_optional(db).await? else {
        return Ok(Usage::default());
    };
    let sessions: i64 = row.try_get("sessions")?;
    Ok(Usage {
        sessions: u64::try_from(sessions).map_err(|_| StoreError::Damaged("sessions"))?,
        direct: rows::transfer(&row, "direct_rx", "direct_tx")?,
        tor: rows::transfer(&row, "tor_rx", "tor_tx")?,
    })
}
