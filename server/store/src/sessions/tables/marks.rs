//! Table `marks`: totals of accounts at the start of a day or month.

use crate::StoreError;
use crate::sessions::model::Mark;
use crate::statement::columns::{parsed, transfer};
use crate::statement::{all, execute, values};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::UserId;

pub async fn of_user(db: &mut AnyConnection, user: UserId) -> Result<Vec<Mark>, StoreError> {
    let query = "SELECT span, number, direct_rx, direct_tx, tor_rx, tor_tx FROM marks WHERE user_id = $1";
    all(db, query, values![user], from_row).await
}

fn from_row(row: &AnyRow) -> Result<Mark, StoreError> {
    Ok(Mark {
        span: parsed(row, "span")?,
        number: row.try_get("number")?,
        direct: transfer(row, "direct_rx", "direct_tx")?,
        tor: transfer(row, "tor_rx", "tor_tx")?,
    })
}

/// The first mark of the latest span stays, as with quotas.
pub async fn put(db: &mut AnyConnection, user: UserId, mark: Mark) -> Result<(), StoreError> {
    const PUT: &str = "INSERT INTO marks (user_id, span, number, direct_rx, direct_tx, tor_rx, tor_tx) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (user_id, span) DO UPDATE SET number = excluded.number, \
         direct_rx = excluded.direct_rx, direct_tx = excluded.direct_tx, tor_rx = excluded.tor_rx, \
         tor_tx = excluded.tor_tx WHERE excluded.number > marks.number";
    let Mark { span, number, direct, tor } = mark;
    let bytes = (direct.rx_bytes, direct.tx_bytes, tor.rx_bytes, tor.tx_bytes);
    execute(db, PUT, values![user, span.word(), number, bytes.0, bytes.1, bytes.2, bytes.3]).await.map(drop)
}
