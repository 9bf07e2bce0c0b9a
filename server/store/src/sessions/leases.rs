//! Table `leases`: owners of slots.

use super::rows;
use super::{AfterClose, OpenSession, PoolCount};
use crate::StoreError;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{SessionId, Slot, UnixSeconds};

/// A leased slot.
pub(super) struct Taken {
    pub(super) slot: Slot,
    /// True if the device had the slot before this session.
    pub(super) held_before: bool,
}

/// Leases a slot for the session: the device's own slot, else an unused one, else the one with the longest rest. Each
/// way is one index lookup, regardless of the size of the pool. `None` if the pool is exhausted.
pub(super) async fn take(tx: &mut AnyConnection, open: &OpenSession) -> Result<Option<Taken>, StoreError> {
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
pub(super) async fn release(
    tx: &mut AnyConnection,
    session: SessionId,
    at: UnixSeconds,
    after: AfterClose,
) -> Result<(), StoreError> {
    let released_at = match after {
        AfterClose::Quarantine => at,
        AfterClose::FreeNow => 0,
    };
    sqlx::query("UPDATE leases SET session_id = NULL, released_at = $2 WHERE session_id = $1")
        .bind(session.to_string())
        .bind(released_at)
        .execute(tx)
        .await?;
    Ok(())
}

/// Clears the devices of old slots. Returns the number of slots. The rows stay, so that new numbers are still assigned
/// in order.
pub(super) async fn forget(tx: &mut AnyConnection, before: UnixSeconds, most: u32) -> Result<u64, StoreError> {
    const FORGET: &str = "UPDATE leases SET device_id = NULL, user_id = NULL WHERE (node_id, slot) IN \
         (SELECT node_id, slot FROM leases WHERE released_at IS NOT NULL AND device_id IS NOT NULL \
         AND released_at < $1 ORDER BY released_at LIMIT $2)";
    Ok(sqlx::query(FORGET).bind(before).bind(i64::from(most)).execute(tx).await?.rows_affected())
}

pub(super) async fn count(
    db: &mut AnyConnection,
    node_id: &str,
    rested_before: UnixSeconds,
) -> Result<PoolCount, StoreError> {
    const TAKEN: &str = "SELECT COUNT(*) AS n FROM leases WHERE node_id = $1 AND session_id IS NOT NULL";
    const RESTING: &str =
        "SELECT COUNT(*) AS n FROM leases WHERE node_id = $1 AND released_at IS NOT NULL AND released_at > $2";
    let taken: i64 = sqlx::query(TAKEN).bind(node_id).fetch_one(&mut *db).await?.try_get("n")?;
    let resting: i64 = sqlx::query(RESTING).bind(node_id).bind(rested_before).fetch_one(db).await?.try_get("n")?;
    let number = |n: i64| u32::try_from(n).map_err(|_| StoreError::Damaged("leases"));
    Ok(PoolCount { leased: number(taken)?, resting: number(resting)? })
}

/// The device's previous slot, even if it is in quarantine: no other device has had it since.
async fn own(tx: &mut AnyConnection, open: &OpenSession) -> Result<Option<Slot>, StoreError> {
    const TAKE: &str = "UPDATE leases SET session_id = $1, user_id = $2, released_at = NULL \
         WHERE device_id = $3 AND node_id = $4 AND slot >= $5 AND slot <= $6 AND released_at IS NOT NULL \
         RETURNING slot";
    let (first, last) = open.slots;
    let row = sqlx::query(TAKE)
        .bind(open.session_id.to_string())
        .bind(open.user_id.to_string())
        .bind(open.device_id.to_string())
        .bind(open.node_id.as_str())
        .bind(i64::from(first.0))
        .bind(i64::from(last.0))
        .fetch_optional(&mut *tx)
        .await?;
    if let Some(row) = row {
        return Ok(Some(rows::slot(&row)?));
    }
    // Its slot is on another gateway or outside a smaller pool, so the slot is detached from the device.
    sqlx::query("UPDATE leases SET device_id = NULL WHERE device_id = $1 AND released_at IS NOT NULL")
        .bind(open.device_id.to_string())
        .execute(tx)
        .await?;
    Ok(None)
}

/// Rows are never deleted and are created in order, so the highest number is the end of the used range.
async fn unused(tx: &mut AnyConnection, open: &OpenSession) -> Result<Option<Slot>, StoreError> {
    const HIGHEST: &str = "SELECT slot FROM leases WHERE node_id = $1 ORDER BY slot DESC LIMIT 1";
    const TAKE: &str = "INSERT INTO leases (node_id, slot, device_id, session_id, user_id) VALUES ($1, $2, $3, $4, $5)";
    let highest = sqlx::query(HIGHEST).bind(open.node_id.as_str()).fetch_optional(&mut *tx).await?;
    let (first, last) = open.slots;
    let next = match highest {
        Some(row) => rows::slot(&row)?.0.saturating_add(1).max(first.0),
        None => first.0,
    };
    if next > last.0 {
        return Ok(None);
    }
    sqlx::query(TAKE)
        .bind(open.node_id.as_str())
        .bind(i64::from(next))
        .bind(open.device_id.to_string())
        .bind(open.session_id.to_string())
        .bind(open.user_id.to_string())
        .execute(tx)
        .await?;
    Ok(Some(Slot(next)))
}

async fn rested(tx: &mut AnyConnection, open: &OpenSession) -> Result<Option<Slot>, StoreError> {
    const OLDEST: &str = "SELECT slot FROM leases WHERE node_id = $1 AND released_at IS NOT NULL AND released_at <= $2 \
         AND slot >= $3 AND slot <= $4 ORDER BY released_at LIMIT 1";
    const TAKE: &str = "UPDATE leases SET device_id = $1, session_id = $2, user_id = $3, released_at = NULL \
         WHERE node_id = $4 AND slot = $5 AND released_at IS NOT NULL";
    let (first, last) = open.slots;
    loop {
        let oldest = sqlx::query(OLDEST)
            .bind(open.node_id.as_str())
            .bind(open.now.saturating_sub(open.quarantine))
            .bind(i64::from(first.0))
            .bind(i64::from(last.0))
            .fetch_optional(&mut *tx)
            .await?;
        let Some(oldest) = oldest else { return Ok(None) };
        let slot = rows::slot(&oldest)?;
        let taken = sqlx::query(TAKE)
            .bind(open.device_id.to_string())
            .bind(open.session_id.to_string())
            .bind(open.user_id.to_string())
            .bind(open.node_id.as_str())
            .bind(i64::from(slot.0))
            .execute(&mut *tx)
            .await?;
        // Zero rows: a concurrent transaction took the slot, so the next oldest is tried.
        if taken.rows_affected() == 1 {
            return Ok(Some(slot));
        }
    }
}
