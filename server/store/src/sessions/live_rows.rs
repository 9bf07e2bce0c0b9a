//! Table `sessions`: live sessions.

use super::{Checkpoint, LaneCount, PresharedPair, SessionRow, rows};
use crate::{StoreError, signed};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{DeviceId, PublicKey, SessionId, SessionState, UnixSeconds, UserId};

const COLUMNS: &str = "SELECT session_id, device_id, user_id, family_id, username, node_id, slot, public_key, plain, isolation, \
     direct_preshared_key, tor_preshared_key, state, started_at, last_heartbeat, latest_handshake, offline_since, \
     direct_rx, direct_tx, direct_base_rx, direct_base_tx, tor_rx, tor_tx, tor_base_rx, tor_base_tx FROM sessions";

pub(super) async fn insert(tx: &mut AnyConnection, row: &SessionRow) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO sessions (session_id, device_id, user_id, family_id, username, node_id, slot, \
         public_key, direct_preshared_key, tor_preshared_key, state, started_at, last_heartbeat, isolation, plain) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    let keys = row.preshared_keys.as_ref();
    sqlx::query(INSERT)
        .bind(row.session_id.to_string())
        .bind(row.device_id.to_string())
        .bind(row.user_id.to_string())
        .bind(row.family_id.to_string())
        .bind(row.username.as_str())
        .bind(row.node_id.as_str())
        .bind(i64::from(row.slot.0))
        .bind(row.public_key.to_string())
        .bind(keys.map(|keys| keys.direct.expose_base64()))
        .bind(keys.map(|keys| keys.tor.expose_base64()))
        .bind(rows::state_word(row.state))
        .bind(row.started_at)
        .bind(row.last_heartbeat)
        .bind(i64::from(row.isolation))
        .bind(i64::from(row.exported))
        .execute(tx)
        .await?;
    Ok(())
}

pub(super) async fn of_device(tx: &mut AnyConnection, device: DeviceId) -> Result<Option<SessionRow>, StoreError> {
    let query = format!("{COLUMNS} WHERE device_id = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(query)).bind(device.to_string()).fetch_optional(tx).await?;
    row.as_ref().map(read).transpose()
}

/// True if a live session of another device has this key.
pub(super) async fn key_taken(tx: &mut AnyConnection, key: PublicKey, device: DeviceId) -> Result<bool, StoreError> {
    let row = sqlx::query("SELECT slot FROM sessions WHERE public_key = $1 AND device_id <> $2")
        .bind(key.to_string())
        .bind(device.to_string())
        .fetch_optional(tx)
        .await?;
    Ok(row.is_some())
}

/// Number of live sessions of the user's other devices.
pub(super) async fn other_devices(tx: &mut AnyConnection, user: UserId, device: DeviceId) -> Result<i64, StoreError> {
    let row = sqlx::query("SELECT COUNT(*) AS n FROM sessions WHERE user_id = $1 AND device_id <> $2")
        .bind(user.to_string())
        .bind(device.to_string())
        .fetch_one(tx)
        .await?;
    Ok(row.try_get("n")?)
}

/// Returns true if the row existed. Only the call that deletes the row closes the session.
pub(super) async fn delete(tx: &mut AnyConnection, session: SessionId) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM sessions WHERE session_id = $1").bind(session.to_string()).execute(tx).await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn transition(
    db: &mut AnyConnection,
    session: SessionId,
    (from, to): (SessionState, SessionState),
    offline_since: Option<UnixSeconds>,
) -> Result<bool, StoreError> {
    const MOVE: &str = "UPDATE sessions SET state = $1, offline_since = $2 WHERE session_id = $3 AND state IN ($4, $1)";
    let done = sqlx::query(MOVE)
        .bind(rows::state_word(to))
        .bind(offline_since)
        .bind(session.to_string())
        .bind(rows::state_word(from))
        .execute(db)
        .await?;
    Ok(done.rows_affected() == 1)
}

pub(super) async fn checkpoint(tx: &mut AnyConnection, point: &Checkpoint) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE sessions SET last_heartbeat = $2, latest_handshake = $3, direct_rx = $4, \
         direct_tx = $5, direct_base_rx = $6, direct_base_tx = $7, tor_rx = $8, tor_tx = $9, tor_base_rx = $10, \
         tor_base_tx = $11 WHERE session_id = $1";
    let (direct, tor) = (point.direct, point.tor);
    let mut query =
        sqlx::query(UPDATE).bind(point.session_id.to_string()).bind(point.last_heartbeat).bind(point.latest_handshake);
    for count in [direct.total, direct.base, tor.total, tor.base] {
        query = query.bind(signed(count.rx_bytes)).bind(signed(count.tx_bytes));
    }
    query.execute(tx).await?;
    Ok(())
}

pub(super) async fn connecting(
    db: &mut AnyConnection,
    node_id: &str,
) -> Result<Vec<(SessionId, DeviceId)>, StoreError> {
    let found = sqlx::query("SELECT session_id, device_id FROM sessions WHERE node_id = $1 AND state = $2")
        .bind(node_id)
        .bind(rows::state_word(SessionState::Connecting))
        .fetch_all(db)
        .await?;
    found.iter().map(|row| Ok((rows::parsed(row, "session_id")?, rows::parsed(row, "device_id")?))).collect()
}

pub(super) async fn of_node(db: &mut AnyConnection, node_id: &str) -> Result<Vec<SessionRow>, StoreError> {
    let query = format!("{COLUMNS} WHERE node_id = $1");
    let found = sqlx::query(sqlx::AssertSqlSafe(query)).bind(node_id).fetch_all(db).await?;
    found.iter().map(read).collect()
}

fn read(row: &AnyRow) -> Result<SessionRow, StoreError> {
    let direct = rows::parsed_option(row, "direct_preshared_key")?;
    let tor = rows::parsed_option(row, "tor_preshared_key")?;
    let preshared_keys = match (direct, tor) {
        (Some(direct), Some(tor)) => Some(PresharedPair { direct, tor }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(StoreError::Damaged("preshared keys")),
    };
    Ok(SessionRow {
        session_id: rows::parsed(row, "session_id")?,
        device_id: rows::parsed(row, "device_id")?,
        user_id: rows::parsed(row, "user_id")?,
        family_id: rows::parsed(row, "family_id")?,
        username: rows::parsed(row, "username")?,
        node_id: row.try_get("node_id")?,
        slot: rows::slot(row)?,
        public_key: rows::parsed(row, "public_key")?,
        preshared_keys,
        exported: row.try_get::<i64, _>("plain")? != 0,
        isolation: rows::isolation(row)?,
        state: rows::state(row)?,
        started_at: row.try_get("started_at")?,
        last_heartbeat: row.try_get("last_heartbeat")?,
        latest_handshake: row.try_get("latest_handshake")?,
        offline_since: row.try_get("offline_since")?,
        direct: LaneCount {
            total: rows::transfer(row, "direct_rx", "direct_tx")?,
            base: rows::transfer(row, "direct_base_rx", "direct_base_tx")?,
        },
        tor: LaneCount {
            total: rows::transfer(row, "tor_rx", "tor_tx")?,
            base: rows::transfer(row, "tor_base_rx", "tor_base_tx")?,
        },
    })
}
