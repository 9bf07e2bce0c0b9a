//! Table `marks`: totals of accounts at the start of a day or month.

use super::rows;
use crate::{StoreError, signed};
use sqlx::{AnyConnection, Row as _};
use tornado_shared::model::{Transfer, UserId};

/// A day or month in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Numbered in days since 1970.
    Day,
    /// Numbered as year times twelve plus month, from zero.
    Month,
}

impl Span {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Day, Self::Month];

    const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|span| span.word() == word)
    }
}

/// Total of an account at the start of a day or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Kind of the span.
    pub span: Span,
    /// Number of the day or month.
    pub number: i64,
    /// Bytes on the direct lane.
    pub direct: Transfer,
    /// Bytes on the tor lane.
    pub tor: Transfer,
}

pub(super) async fn of_user(db: &mut AnyConnection, user: UserId) -> Result<Vec<Mark>, StoreError> {
    const ALL: &str = "SELECT span, number, direct_rx, direct_tx, tor_rx, tor_tx FROM marks WHERE user_id = $1";
    let found = sqlx::query(ALL).bind(user.to_string()).fetch_all(db).await?;
    found
        .iter()
        .map(|row| {
            let word: String = row.try_get("span")?;
            Ok(Mark {
                span: Span::named(&word).ok_or(StoreError::Damaged("span"))?,
                number: row.try_get("number")?,
                direct: rows::transfer(row, "direct_rx", "direct_tx")?,
                tor: rows::transfer(row, "tor_rx", "tor_tx")?,
            })
        })
        .collect()
}

/// The first mark of the latest span stays, as with quotas.
pub(super) async fn put(db: &mut AnyConnection, user: UserId, mark: Mark) -> Result<(), StoreError> {
    const PUT: &str = "INSERT INTO marks (user_id, span, number, direct_rx, direct_tx, tor_rx, tor_tx) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (user_id, span) DO UPDATE SET number = excluded.number, \
         direct_rx = excluded.direct_rx, direct_tx = excluded.direct_tx, tor_rx = excluded.tor_rx, \
         tor_tx = excluded.tor_tx WHERE excluded.number > marks.number";
    let mut query = sqlx::query(PUT).bind(user.to_string()).bind(mark.span.word()).bind(mark.number);
    for transfer in [mark.direct, mark.tor] {
        query = query.bind(signed(transfer.rx_bytes)).bind(signed(transfer.tx_bytes));
    }
    query.execute(db).await?;
    Ok(())
}
