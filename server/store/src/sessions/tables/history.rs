//! Table `history`: one row per connection.

use crate::StoreError;
use crate::sessions::model::{CloseSession, HistoryRecord, SessionRow};
use crate::statement::columns::{parsed, parsed_option, transfer};
use crate::statement::{all, execute, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use tornado_shared::model::{SessionId, UnixSeconds, UserId};

pub async fn insert(tx: &mut AnyConnection, row: &SessionRow) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO history (session_id, user_id, username, device_id, public_key, started_at, \
         node_id) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let SessionRow { session_id, user_id, device_id, public_key, started_at, .. } = *row;
    let (username, node_id) = (&row.username, row.node_id.as_str());
    let values = values![session_id, user_id, username, device_id, public_key, started_at, node_id];
    execute(tx, INSERT, values).await.map(drop)
}

/// Ends a row once. After the clock was set back, a connection still does not end before its start.
pub async fn end(tx: &mut AnyConnection, close: &CloseSession) -> Result<(), StoreError> {
    const END: &str = "UPDATE history SET ended_at = CASE WHEN started_at > $2 THEN started_at ELSE $2 END, \
         reason = $3, direct_rx = $4, direct_tx = $5, tor_rx = $6, tor_tx = $7 \
         WHERE session_id = $1 AND ended_at IS NULL";
    let CloseSession { session_id, reason, at, direct, tor, lease: _ } = *close;
    let [direct_rx, direct_tx, tor_rx, tor_tx] = [direct.rx_bytes, direct.tx_bytes, tor.rx_bytes, tor.tx_bytes];
    let values = values![session_id, at, reason.as_str(), direct_rx, direct_tx, tor_rx, tor_tx];
    execute(tx, END, values).await.map(drop)
}

/// Deletes the oldest rows that ended before a point in time. Returns the number of rows.
pub async fn forget(tx: &mut AnyConnection, before: UnixSeconds, most: u32) -> Result<u64, StoreError> {
    const FORGET: &str = "DELETE FROM history WHERE session_id IN (SELECT session_id FROM history \
         WHERE ended_at IS NOT NULL AND ended_at < $1 ORDER BY ended_at LIMIT $2)";
    execute(tx, FORGET, values![before, most]).await
}

// The current bytes of a live session are in its live row.
const ALL: &str = "SELECT h.session_id AS session_id, h.user_id AS user_id, h.username AS username, \
     h.device_id AS device_id, h.started_at AS started_at, h.ended_at AS ended_at, h.reason AS reason, \
     COALESCE(s.direct_rx, h.direct_rx) AS direct_rx, COALESCE(s.direct_tx, h.direct_tx) AS direct_tx, \
     COALESCE(s.tor_rx, h.tor_rx) AS tor_rx, COALESCE(s.tor_tx, h.tor_tx) AS tor_tx \
     FROM history h LEFT JOIN sessions s ON s.session_id = h.session_id";
const ORDER: &str = "ORDER BY h.started_at DESC, h.session_id DESC LIMIT";

pub async fn newest(
    db: &mut AnyConnection,
    user: Option<UserId>,
    limit: u32,
) -> Result<Vec<HistoryRecord>, StoreError> {
    match user {
        Some(user) => {
            let query = format!("{ALL} WHERE h.user_id = $1 {ORDER} $2");
            all(db, AssertSqlSafe(query), values![user, limit], read).await
        }
        None => all(db, AssertSqlSafe(format!("{ALL} {ORDER} $1")), values![limit], read).await,
    }
}

/// Rows that follow a row in the order of [`newest`]. Rows of an account: empty if that row belongs to another account.
pub async fn before(
    db: &mut AnyConnection,
    user: Option<UserId>,
    before: SessionId,
    limit: u32,
) -> Result<Vec<HistoryRecord>, StoreError> {
    const EARLIER: &str =
        "(h.started_at < b.started_at OR (h.started_at = b.started_at AND h.session_id < b.session_id))";
    match user {
        Some(user) => {
            let query = format!(
                "{ALL} JOIN history b ON b.session_id = $2 AND b.user_id = $1 WHERE h.user_id = $1 AND {EARLIER} \
                 {ORDER} $3"
            );
            all(db, AssertSqlSafe(query), values![user, before, limit], read).await
        }
        None => {
            let query = format!("{ALL} JOIN history b ON b.session_id = $1 WHERE {EARLIER} {ORDER} $2");
            all(db, AssertSqlSafe(query), values![before, limit], read).await
        }
    }
}

fn read(row: &AnyRow) -> Result<HistoryRecord, StoreError> {
    let ended = match (row.try_get("ended_at")?, parsed_option(row, "reason")?) {
        (Some(at), Some(reason)) => Some((at, reason)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(StoreError::Damaged("reason")),
    };
    Ok(HistoryRecord {
        session_id: parsed(row, "session_id")?,
        user_id: parsed(row, "user_id")?,
        username: parsed(row, "username")?,
        device_id: parsed(row, "device_id")?,
        started_at: row.try_get("started_at")?,
        ended,
        direct: transfer(row, "direct_rx", "direct_tx")?,
        tor: transfer(row, "tor_rx", "tor_tx")?,
    })
}
