//! Table `leases`: owners of slots.

use crate::StoreError;
use crate::sessions::model::{AfterClose, OpenSession, PoolCount};
use crate::statement::columns::number;
use crate::statement::{self, changes_one, execute, first, values};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use tornado_shared::model::{SessionId, Slot, UnixSeconds};

/// A leased slot.
pub struct Taken {
    pub slot: Slot,
    /// True if the device had the slot before this session.
    pub held_before: bool,
}

/// Leases a slot for the session: the device's own slot, else an unused one, else the one with the longest rest. Each
/// way is one index lookup, regardless of the size of the pool. `None` if the pool is exhausted.
pub async fn take(tx: &mut AnyConnection, open: &OpenSession) -> Result<Option<Taken>, StoreError> {
    if let Some(slot) = own(tx, open).await? {
        return Ok(Some(Taken { slot, held_before: true }));
    }
    let slot = match unused(tx, open).await? {
        Some(slot) => Some(slot),
        None => rested(tx, open).await?,
    };
    Ok(slot.map(|slot| Taken { slot, held_before: false }))
}

/// Releases a session's slot.
pub async fn release(
    tx: &mut AnyConnection,
    session: SessionId,
    at: UnixSeconds,
    after: AfterClose,
) -> Result<(), StoreError> {
    let released_at = match after {
        AfterClose::Quarantine => at,
        AfterClose::FreeNow => 0,
    };
    let query = "UPDATE leases SET session_id = NULL, released_at = $2 WHERE session_id = $1";
    execute(tx, query, values![session, released_at]).await.map(drop)
}

/// Clears the devices of old slots. Returns the number of slots. The rows stay, so that new numbers are still assigned
/// in order.
pub async fn forget(tx: &mut AnyConnection, before: UnixSeconds, most: u32) -> Result<u64, StoreError> {
    const FORGET: &str = "UPDATE leases SET device_id = NULL, user_id = NULL WHERE (node_id, slot) IN \
         (SELECT node_id, slot FROM leases WHERE released_at IS NOT NULL AND device_id IS NOT NULL \
         AND released_at < $1 ORDER BY released_at LIMIT $2)";
    execute(tx, FORGET, values![before, most]).await
}

pub async fn count(db: &mut AnyConnection, node_id: &str, rested_before: UnixSeconds) -> Result<PoolCount, StoreError> {
    const TAKEN: &str = "SELECT COUNT(*) AS n FROM leases WHERE node_id = $1 AND session_id IS NOT NULL";
    const RESTING: &str =
        "SELECT COUNT(*) AS n FROM leases WHERE node_id = $1 AND released_at IS NOT NULL AND released_at > $2";
    let taken = statement::count(db, TAKEN, values![node_id]).await?;
    let resting = statement::count(db, RESTING, values![node_id, rested_before]).await?;
    let number = |n: i64| u32::try_from(n).map_err(|_| StoreError::Damaged("leases"));
    Ok(PoolCount { leased: number(taken)?, resting: number(resting)? })
}

fn slot(row: &AnyRow) -> Result<Slot, StoreError> {
    number(row, "slot").map(Slot)
}

/// The device's previous slot, even if it is in quarantine: no other device has had it since.
async fn own(tx: &mut AnyConnection, open: &OpenSession) -> Result<Option<Slot>, StoreError> {
    const TAKE: &str = "UPDATE leases SET session_id = $1, user_id = $2, released_at = NULL \
         WHERE device_id = $3 AND node_id = $4 AND slot >= $5 AND slot <= $6 AND released_at IS NOT NULL \
         RETURNING slot";
    let OpenSession { session_id, user_id, device_id, slots: (lowest, highest), .. } = *open;
    let values = values![session_id, user_id, device_id, open.node_id.as_str(), lowest.0, highest.0];
    let own = first(tx, TAKE, values, slot).await?;
    if own.is_none() {
        // Its slot is on another gateway or outside a smaller pool, so the slot is detached from the device.
        let detach = "UPDATE leases SET device_id = NULL WHERE device_id = $1 AND released_at IS NOT NULL";
        execute(tx, detach, values![device_id]).await?;
    }
    Ok(own)
}

/// Rows are never deleted and are created in order, so the highest number is the end of the used range.
async fn unused(tx: &mut AnyConnection, open: &OpenSession) -> Result<Option<Slot>, StoreError> {
    const HIGHEST: &str = "SELECT slot FROM leases WHERE node_id = $1 ORDER BY slot DESC LIMIT 1";
    const TAKE: &str = "INSERT INTO leases (node_id, slot, device_id, session_id, user_id) VALUES ($1, $2, $3, $4, $5)";
    let OpenSession { session_id, user_id, device_id, slots: (lowest, highest), .. } = *open;
    let node_id = open.node_id.as_str();
    let used = first(tx, HIGHEST, values![node_id], slot).await?;
    let next = used.map_or(lowest.0, |used| used.0.saturating_add(1).max(lowest.0));
    if next > highest.0 {
        return Ok(None);
    }
    execute(tx, TAKE, values![node_id, next, device_id, session_id, user_id]).await?;
    Ok(Some(Slot(next)))
}

async fn rested(tx: &mut AnyConnection, open: &OpenSession) -> Result<Option<Slot>, StoreError> {
    const OLDEST: &str = "SELECT slot FROM leases WHERE node_id = $1 AND released_at IS NOT NULL AND released_at <= $2 \
         AND slot >= $3 AND slot <= $4 ORDER BY released_at LIMIT 1";
    const TAKE: &str = "UPDATE leases SET device_id = $1, session_id = $2, user_id = $3, released_at = NULL \
         WHERE node_id = $4 AND slot = $5 AND released_at IS NOT NULL";
    let OpenSession { session_id, user_id, device_id, slots: (lowest, highest), .. } = *open;
    let (node_id, rested_before) = (open.node_id.as_str(), open.now.saturating_sub(open.quarantine));
    loop {
        let oldest = first(tx, OLDEST, values![node_id, rested_before, lowest.0, highest.0], slot).await?;
        let Some(slot) = oldest else { return Ok(None) };
        // Zero rows: a concurrent transaction took the slot, so the next oldest is tried.
        if changes_one(tx, TAKE, values![device_id, session_id, user_id, node_id, slot.0]).await? {
            return Ok(Some(slot));
        }
    }
}
