//! Conversion between columns and values. Invalid stored values are errors.

use crate::StoreError;
use sqlx::Row as _;
use sqlx::any::AnyRow;
use std::str::FromStr;
use tornado_shared::model::{SessionState, Slot, Transfer};

pub(super) fn parsed<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<T, StoreError> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|_| StoreError::Damaged(column))
}

pub(super) fn parsed_option<T: FromStr>(row: &AnyRow, column: &'static str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| text.parse().map_err(|_| StoreError::Damaged(column))).transpose()
}

pub(super) fn slot(row: &AnyRow) -> Result<Slot, StoreError> {
    let number: i64 = row.try_get("slot")?;
    u32::try_from(number).map(Slot).map_err(|_| StoreError::Damaged("slot"))
}

pub(super) fn isolation(row: &AnyRow) -> Result<u32, StoreError> {
    let number: i64 = row.try_get("isolation")?;
    u32::try_from(number).map_err(|_| StoreError::Damaged("isolation"))
}

pub(super) fn transfer(row: &AnyRow, rx: &'static str, tx: &'static str) -> Result<Transfer, StoreError> {
    let column = |name: &'static str| -> Result<u64, StoreError> {
        let number: i64 = row.try_get(name)?;
        u64::try_from(number).map_err(|_| StoreError::Damaged(name))
    };
    Ok(Transfer { rx_bytes: column(rx)?, tx_bytes: column(tx)? })
}

/// Stored name of a state. `Closed` is never stored, because closed sessions have no row.
pub(super) const fn state_word(state: SessionState) -> &'static str {
    match state {
        SessionState::Connecting => "connecting",
        SessionState::Online => "online",
        SessionState::Offline => "offline",
        SessionState::Closed => "closed",
    }
}

pub(super) fn state(row: &AnyRow) -> Result<SessionState, StoreError> {
    let word: String = row.try_get("state")?;
    [SessionState::Connecting, SessionState::Online, SessionState::Offline]
        .into_iter()
        .find(|state| state_word(*state) == word)
        .ok_or(StoreError::Damaged("state"))
}

/// Placeholders for `many` values: `$1, $2, …`.
pub(super) fn places(many: usize) -> String {
    let places: Vec<String> = (1..=many).map(|number| format!("${number}")).collect();
    places.join(", ")
}
