//! Table `usage`: totals of ended sessions per account. Reads those of live sessions, too.

use crate::StoreError;
use crate::sessions::model::{CloseSession, LiveBytes, Moved, Usage};
use crate::statement::columns::{number, parsed, transfer};
use crate::statement::{execute, for_users, placeholders, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use std::collections::HashMap;
use tornado_shared::model::UserId;

/// Adds a session that ends now to the total of its account, which its history row determines. Sums saturate at the
/// largest number: if the database rejected an overflow, the session could never end.
pub async fn add(tx: &mut AnyConnection, close: &CloseSession) -> Result<(), StoreError> {
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
    let CloseSession { session_id, direct, tor, .. } = *close;
    let values = values![session_id, direct.rx_bytes, direct.tx_bytes, tor.rx_bytes, tor.tx_bytes];
    execute(tx, AssertSqlSafe(query), values).await.map(drop)
}

/// A single statement, so that both tables are read at the same time.
pub async fn of_users(db: &mut AnyConnection, users: &[UserId]) -> Result<HashMap<UserId, Moved>, StoreError> {
    const BYTES: &str = "direct_rx, direct_tx, tor_rx, tor_tx";
    let these = placeholders(users);
    let query = format!(
        "SELECT user_id, '' AS session_id, sessions, {BYTES} FROM usage WHERE user_id IN ({these}) \
         UNION ALL \
         SELECT user_id, session_id, CAST(1 AS BIGINT) AS sessions, {BYTES} FROM sessions WHERE user_id IN ({these})"
    );
    let mut moved: HashMap<UserId, Moved> = users.iter().map(|user| (*user, Moved::default())).collect();
    for row in &for_users(db, query, users).await? {
        add_row(moved.entry(parsed(row, "user_id")?).or_default(), row)?;
    }
    Ok(moved)
}

fn add_row(moved: &mut Moved, row: &AnyRow) -> Result<(), StoreError> {
    let (direct, tor) = (transfer(row, "direct_rx", "direct_tx")?, transfer(row, "tor_rx", "tor_tx")?);
    if row.try_get::<String, _>("session_id")?.is_empty() {
        moved.ended = Usage { sessions: number(row, "sessions")?, direct, tor };
    } else {
        moved.live.push(LiveBytes { session_id: parsed(row, "session_id")?, direct, tor });
    }
    Ok(())
}
