//! Table `sessions`: live sessions.

use crate::StoreError;
use crate::sessions::model::{Checkpoint, LaneCount, PresharedPair, SessionRow};
use crate::statement::columns::{flag, number, parsed, parsed_option, transfer};
use crate::statement::{all, changes_one, count, execute, exists, first, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row as _};
use tornado_shared::model::{DeviceId, PublicKey, SessionId, SessionState, Slot, UnixSeconds, UserId};

const COLUMNS: &str = "SELECT session_id, device_id, user_id, family_id, username, node_id, slot, public_key, plain, isolation, \
     direct_preshared_key, tor_preshared_key, state, started_at, last_heartbeat, latest_handshake, offline_since, \
     direct_rx, direct_tx, direct_base_rx, direct_base_tx, tor_rx, tor_tx, tor_base_rx, tor_base_tx FROM sessions";

pub async fn insert(tx: &mut AnyConnection, row: &SessionRow) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO sessions (session_id, device_id, user_id, family_id, username, node_id, slot, \
         public_key, direct_preshared_key, tor_preshared_key, state, started_at, last_heartbeat, isolation, plain) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    let keys = row.preshared_keys.as_ref();
    let values = values![
        row.session_id,
        row.device_id,
        row.user_id,
        row.family_id,
        &row.username,
        row.node_id.as_str(),
        row.slot.0,
        row.public_key,
        keys.map(|keys| keys.direct.expose_base64()),
        keys.map(|keys| keys.tor.expose_base64()),
        state_word(row.state),
        row.started_at,
        row.last_heartbeat,
        row.isolation,
        row.exported,
    ];
    execute(tx, INSERT, values).await.map(drop)
}

pub async fn of_device(tx: &mut AnyConnection, device: DeviceId) -> Result<Option<SessionRow>, StoreError> {
    let query = format!("{COLUMNS} WHERE device_id = $1");
    first(tx, AssertSqlSafe(query), values![device], read).await
}

/// True if a live session of another device has this key.
pub async fn key_taken(tx: &mut AnyConnection, key: PublicKey, device: DeviceId) -> Result<bool, StoreError> {
    let query = "SELECT slot FROM sessions WHERE public_key = $1 AND device_id <> $2";
    exists(tx, query, values![key, device]).await
}

/// Number of live sessions of the user's other devices.
pub async fn other_devices(tx: &mut AnyConnection, user: UserId, device: DeviceId) -> Result<i64, StoreError> {
    let query = "SELECT COUNT(*) AS n FROM sessions WHERE user_id = $1 AND device_id <> $2";
    count(tx, query, values![user, device]).await
}

/// Returns true if the row existed. Only the call that deletes the row closes the session.
pub async fn delete(tx: &mut AnyConnection, session: SessionId) -> Result<bool, StoreError> {
    changes_one(tx, "DELETE FROM sessions WHERE session_id = $1", values![session]).await
}

pub async fn transition(
    db: &mut AnyConnection,
    session: SessionId,
    (from, to): (SessionState, SessionState),
    offline_since: Option<UnixSeconds>,
) -> Result<bool, StoreError> {
    const MOVE: &str = "UPDATE sessions SET state = $1, offline_since = $2 WHERE session_id = $3 AND state IN ($4, $1)";
    changes_one(db, MOVE, values![state_word(to), offline_since, session, state_word(from)]).await
}

pub async fn checkpoint(tx: &mut AnyConnection, point: &Checkpoint) -> Result<(), StoreError> {
    const UPDATE: &str = "UPDATE sessions SET last_heartbeat = $2, latest_handshake = $3, direct_rx = $4, \
         direct_tx = $5, direct_base_rx = $6, direct_base_tx = $7, tor_rx = $8, tor_tx = $9, tor_base_rx = $10, \
         tor_base_tx = $11 WHERE session_id = $1";
    let Checkpoint { session_id, last_heartbeat, latest_handshake, direct, tor } = *point;
    let mut values = values![session_id, last_heartbeat, latest_handshake];
    for count in [direct.total, direct.base, tor.total, tor.base] {
        values.extend(values![count.rx_bytes, count.tx_bytes]);
    }
    execute(tx, UPDATE, values).await.map(drop)
}

pub async fn connecting(db: &mut AnyConnection, node_id: &str) -> Result<Vec<(SessionId, DeviceId)>, StoreError> {
    let query = "SELECT session_id, device_id FROM sessions WHERE node_id = $1 AND state = $2";
    let read = |row: &AnyRow| Ok((parsed(row, "session_id")?, parsed(row, "device_id")?));
    all(db, query, values![node_id, state_word(SessionState::Connecting)], read).await
}

pub async fn of_node(db: &mut AnyConnection, node_id: &str) -> Result<Vec<SessionRow>, StoreError> {
    let query = format!("{COLUMNS} WHERE node_id = $1");
    all(db, AssertSqlSafe(query), values![node_id], read).await
}

fn read(row: &AnyRow) -> Result<SessionRow, StoreError> {
    let direct = parsed_option(row, "direct_preshared_key")?;
    let tor = parsed_option(row, "tor_preshared_key")?;
    let preshared_keys = match (direct, tor) {
        (Some(direct), Some(tor)) => Some(PresharedPair { direct, tor }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(StoreError::Damaged("preshared keys")),
    };
    Ok(SessionRow {
        session_id: parsed(row, "session_id")?,
        device_id: parsed(row, "device_id")?,
        user_id: parsed(row, "user_id")?,
        family_id: parsed(row, "family_id")?,
        username: parsed(row, "username")?,
        node_id: row.try_get("node_id")?,
        slot: number(row, "slot").map(Slot)?,
        public_key: parsed(row, "public_key")?,
        preshared_keys,
        exported: flag(row, "plain")?,
        isolation: number(row, "isolation")?,
        state: state(row)?,
        started_at: row.try_get("started_at")?,
        last_heartbeat: row.try_get("last_heartbeat")?,
        latest_handshake: row.try_get("latest_handshake")?,
        offline_since: row.try_get("offline_since")?,
        direct: LaneCount {
            total: transfer(row, "direct_rx", "direct_tx")?,
            base: transfer(row, "direct_base_rx", "direct_base_tx")?,
        },
        tor: LaneCount {
            total: transfer(row, "tor_rx", "tor_tx")?,
            base: transfer(row, "tor_base_rx", "tor_base_tx")?,
        },
    })
}

/// Stored name of a state. `Closed` is never stored, because closed sessions have no row.
const fn state_word(state: SessionState) -> &'static str {
    match state {
        SessionState::Connecting => "connecting",
        SessionState::Online => "online",
        SessionState::Offline => "offline",
        SessionState::Closed => "closed",
    }
}

fn state(row: &AnyRow) -> Result<SessionState, StoreError> {
    let word: String = row.try_get("state")?;
    let mut states = [SessionState::Connecting, SessionState::Online, SessionState::Offline].into_iter();
    states.find(|state| state_word(*state) == word).ok_or(StoreError::Damaged("state"))
}
