//! Table `history`: one row per connection.

use super::{CloseSession, HistoryRecord, SessionRow, rows};
use crate::{StoreError, signed};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{SessionId, UnixSeconds, UserId};

pub(super) async fn insert(tx: &mut AnyConnection, row: &SessionRow) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO history (session_id, user_id, username, device_id, public_key, started_at, \
         node_id) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    sqlx::query(INSERT)
        .bind(row.session_id.to_string())
        .bind(row.user_id.to_string())
        .bind(row.username.as_str())
        .bind(row.device_id.to_string())
        .bind(row.public_key.to_string())
        .bind(row.started_at)
        .bind(row.node_id.as_str())
        .execute(tx)
        .await?;
    Ok(())
}

/// Ends a row once. After the clock was set back, a connection still does not end before its start.
pub(super) async fn end(tx: &mut AnyConnection, close: &CloseSession) -> Result<(), StoreError> {
    const END: &str = "UPDATE history SET ended_at = CASE WHEN started_at > $2 THEN started_at ELSE $2 END, \
         reason = $3, direct_rx = $4, direct_tx = $5, tor_rx = $6, tor_tx = $7 \
         WHERE session_id = $1 AND ended_at IS NULL";
    let mut query = sqlx::query(END).bind(close.session_id.to_string()).bind(close.at).bind(close.reason.as_str());
    for transfer in [close.direct, close.tor] {
        query = query.bind(signed(transfer.rx_bytes)).bind(signed(transfer.tx_bytes));
    }
    query.execute(tx).await?;
    Ok(())
}

/// Deletes the oldest rows that ended before a point in time. Returns the number of rows.
pub(super) async fn forget(tx: &mut AnyConnection, before: UnixSeconds, most: u32) -> Result<u64, StoreError> {
    const FORGET: &str = "DELETE FROM history WHERE session_id IN (SELECT session_id FROM history \
         WHERE ended_at IS NOT NULL AND ended_at < $1 ORDER BY ended_at LIMIT $2)";
    Ok(sqlx::query(FORGET).bind(before).bind(i64::from(most)).execute(tx).await?.rows_affected())
}

// The current bytes of a live session are in its live row.
const ALL: &str = "SELECT h.session_id AS session_id, h.user_id AS user_id, h.username AS username, \
     h.device_id AS device_id, h.started_at AS started_at, h.ended_at AS ended_at, h.reason AS reason, \
     COALESCE(s.direct_rx, h.direct_rx) AS direct_rx, COALESCE(s.direct_tx, h.direct_tx) AS direct_tx, \
     COALESCE(s.tor_rx, h.tor_rx) AS tor_rx, COALESCE(s.tor_tx, h.tor_tx) AS tor_tx \
     FROM history h LEFT JOIN sessions s ON s.session_id = h.session_id";
const ORDER: &str = "ORDER BY h.started_at DESC, h.session_id DESC LIMIT";

pub(super) async fn newest(
    db: &mut AnyConnection,
    user: Option<UserId>,
    limit: u32,
) -> Result<Vec<HistoryRecord>, StoreError> {
    let found = match user {
        Some(user) => {
            let query = format!("{ALL} WHERE h.user_id = $1 {ORDER} $2");
            let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(user.to_string()).bind(i64::from(limit));
            query.fetch_all(db).await?
        }
        None => {
            let query = format!("{ALL} {ORDER} $1");
            sqlx::query(sqlx::AssertSqlSafe(query)).bind(i64::from(limit)).fetch_all(db).await?
        }
    };
    found.iter().map(read).collect()
}

/// Rows of an account that follow one of its rows in the order of [`newest`]. Empty if that row belongs to another
/// account.
pub(super) async fn before(
    db: &mut AnyConnection,
    user: UserId,
    before: SessionId,
    limit: u32,
) -> Result<Vec<HistoryRecord>, StoreError> {
    let query = format!(
        "{ALL} JOIN history b ON b.session_id = $2 AND b.user_id = $1 WHERE h.user_id = $1 AND \
         (h.started_at < b.started_at OR (h.started_at = b.started_at AND h.session_id < b.session_id)) {ORDER} $3"
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(user.to_string()).bind(before.to_string());
    let found = query.bind(i64::from(limit)).fetch_all(db).await?;
    found.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<HistoryRecord, StoreError> {
    let ended_at: Option<i64> = row.try_get("ended_at")?;
    let reason = rows::parsed_option(row, "reason")?;
    let ended = match (ended_at, reason) {
        (Some(at), Some(reason)) => Some((at, reason)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(StoreError::Damaged("reason")),
    };
    Ok(HistoryRecord {
        session_id: rows::parsed(row, "session_id")?,
        user_id: rows::parsed(row, "user_id")?,
        username: rows::parsed(row, "username")?,
        device_id: rows::parsed(row, "device_id")?,
        started_at: row.try_get("started_at")?,
        ended,
        direct: rows::transfer(row, "direct_rx", "direct_tx")?,
        tor: rows::transfer(row, "tor_rx", "tor_tx")?,
    })
}
