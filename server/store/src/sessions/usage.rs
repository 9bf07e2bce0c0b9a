//! Table `usage`: totals of ended sessions per account. Reads those of live sessions, too.

use super::{CloseSession, rows};
use crate::{StoreError, signed};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use std::collections::HashMap;
use tornado_shared::model::{SessionId, Transfer, UserId};

/// Total of an account's ended sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of sessions.
    pub sessions: u64,
    /// Bytes on the direct lane.
    pub direct: Transfer,
    /// Bytes on the tor lane.
    pub tor: Transfer,
}

/// Bytes of a live session on any gateway, as of its latest checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveBytes {
    /// Id of the session.
    pub session_id: SessionId,
    /// Bytes on the direct lane.
    pub direct: Transfer,
    /// Bytes on the tor lane.
    pub tor: Transfer,
}

/// Total of an account at one point in time. Every session is in exactly one part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moved {
    /// Ended sessions, including those no longer in the history.
    pub ended: Usage,
    /// Live sessions.
    pub live: Vec<LiveBytes>,
}

/// Adds a session that ends now to the total of its account, which its history row determines. Sums saturate at the
/// largest number: if the database rejected an overflow, the session could never end.
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
        query = query.bind(signed(transfer.rx_bytes)).bind(signed(transfer.tx_bytes));
    }
    query.execute(tx).await?;
    Ok(())
}

/// A single statement, so that both tables are read at the same time.
pub(super) async fn of_users(db: &mut AnyConnection, users: &[UserId]) -> Result<HashMap<UserId, Moved>, StoreError> {
    const BYTES: &str = "direct_rx, direct_tx, tor_rx, tor_tx";
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let these = rows::places(users.len());
    let query = format!(
        "SELECT user_id, '' AS session_id, sessions, {BYTES} FROM usage WHERE user_id IN ({these}) \
         UNION ALL \
         SELECT user_id, session_id, CAST(1 AS BIGINT) AS sessions, {BYTES} FROM sessions WHERE user_id IN ({these})"
    );
    let mut query = sqlx::query(sqlx::AssertSqlSafe(query)).persistent(false);
    for user in users {
        query = query.bind(user.to_string());
    }
    let mut moved: HashMap<UserId, Moved> = users.iter().map(|user| (*user, Moved::default())).collect();
    for row in &query.fetch_all(db).await? {
        let of_user = moved.entry(rows::parsed(row, "user_id")?).or_default();
        add_row(of_user, row)?;
    }
    Ok(moved)
}

fn add_row(moved: &mut Moved, row: &AnyRow) -> Result<(), StoreError> {
    let session: String = row.try_get("session_id")?;
    let (direct, tor) = (rows::transfer(row, "direct_rx", "direct_tx")?, rows::transfer(row, "tor_rx", "tor_tx")?);
    if session.is_empty() {
        let sessions: i64 = row.try_get("sessions")?;
        let sessions = u64::try_from(sessions).map_err(|_| StoreError::Damaged("sessions"))?;
        moved.ended = Usage { sessions, direct, tor };
    } else {
        let session_id = session.parse().map_err(|_| StoreError::Damaged("session_id"))?;
        moved.live.push(LiveBytes { session_id, direct, tor });
    }
    Ok(())
}
