//! Table `usage_days`: transfer of accounts on past days.

use crate::StoreError;
use crate::sessions::model::{DayUsage, Mark, Span};
use crate::statement::columns::transfer;
use crate::statement::{all, execute, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::UserId;

/// Writes the day that ends with this mark: the difference to the mark before. An account transfers nothing on days
/// without a mark, so it belongs to the day of that mark as a whole.
pub async fn end(tx: &mut AnyConnection, user: UserId, mark: Mark) -> Result<(), StoreError> {
    const END: &str = "INSERT INTO usage_days (user_id, day, direct_rx, direct_tx, tor_rx, tor_tx) \
         SELECT user_id, number, CASE WHEN $3 > direct_rx THEN $3 - direct_rx ELSE 0 END, \
         CASE WHEN $4 > direct_tx THEN $4 - direct_tx ELSE 0 END, CASE WHEN $5 > tor_rx THEN $5 - tor_rx ELSE 0 END, \
         CASE WHEN $6 > tor_tx THEN $6 - tor_tx ELSE 0 END \
         FROM marks WHERE user_id = $1 AND span = 'day' AND number < $2 \
         AND ($3 > direct_rx OR $4 > direct_tx OR $5 > tor_rx OR $6 > tor_tx) ON CONFLICT (user_id, day) DO NOTHING";
    if mark.span == Span::Day {
        let (direct, tor) = (mark.direct, mark.tor);
        let bytes = (direct.rx_bytes, direct.tx_bytes, tor.rx_bytes, tor.tx_bytes);
        execute(tx, END, values![user, mark.number, bytes.0, bytes.1, bytes.2, bytes.3]).await?;
    }
    Ok(())
}

/// Days from `first` on, the latest first.
pub async fn of_user(db: &mut AnyConnection, user: UserId, first: i64) -> Result<Vec<DayUsage>, StoreError> {
    const DAYS: &str = "SELECT day, direct_rx, direct_tx, tor_rx, tor_tx FROM usage_days \
         WHERE user_id = $1 AND day >= $2 ORDER BY day DESC";
    all(db, DAYS, values![user, first], from_row).await
}

fn from_row(row: &AnyRow) -> Result<DayUsage, StoreError> {
    Ok(DayUsage {
        day: row.try_get("day")?,
        direct: transfer(row, "direct_rx", "direct_tx")?,
        tor: transfer(row, "tor_rx", "tor_tx")?,
    })
}

/// Deletes the oldest days before a day. Returns the number of rows.
pub async fn forget(tx: &mut AnyConnection, before: i64, most: u32) -> Result<u64, StoreError> {
    const FORGET: &str = "DELETE FROM usage_days WHERE (user_id, day) IN (SELECT user_id, day FROM usage_days \
         WHERE day < $1 ORDER BY day LIMIT $2)";
    execute(tx, FORGET, values![before, most]).await
}
