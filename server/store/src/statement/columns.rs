//! Reads columns of rows. Invalid stored values are errors.
//!
//! `what` is the name of the column, or `table.column`; an error contains it.

use crate::StoreError;
use sqlx::any::AnyRow;
use sqlx::{Row as _, ValueRef as _};
use std::str::FromStr;
use tornado_shared::model::Transfer;

fn column(what: &'static str) -> &'static str {
    what.rsplit_once('.').map_or(what, |(_, column)| column)
}

pub(crate) fn parsed<T: FromStr>(row: &AnyRow, what: &'static str) -> Result<T, StoreError> {
    parsed_as(row, column(what), what)
}

/// Reads a column that the query has renamed to `alias`.
pub(crate) fn parsed_as<T: FromStr>(row: &AnyRow, alias: &str, what: &'static str) -> Result<T, StoreError> {
    let text: String = row.try_get(alias)?;
    text.parse().map_err(|_| StoreError::Damaged(what))
}

pub(crate) fn parsed_option<T: FromStr>(row: &AnyRow, what: &'static str) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get(column(what))?;
    text.map(|text| text.parse()).transpose().map_err(|_| StoreError::Damaged(what))
}

pub(crate) fn number<T: TryFrom<i64>>(row: &AnyRow, what: &'static str) -> Result<T, StoreError> {
    let number: i64 = row.try_get(column(what))?;
    number.try_into().map_err(|_| StoreError::Damaged(what))
}

pub(crate) fn number_option<T: TryFrom<i64>>(row: &AnyRow, what: &'static str) -> Result<Option<T>, StoreError> {
    let number: Option<i64> = row.try_get(column(what))?;
    number.map(T::try_from).transpose().map_err(|_| StoreError::Damaged(what))
}

/// True if the number is not zero.
pub(crate) fn flag(row: &AnyRow, column: &'static str) -> Result<bool, StoreError> {
    Ok(row.try_get::<i64, _>(column)? != 0)
}

/// True if the value is not NULL.
pub(crate) fn is_set(row: &AnyRow, column: &'static str) -> Result<bool, StoreError> {
    Ok(!row.try_get_raw(column)?.is_null())
}

pub(crate) fn transfer(row: &AnyRow, rx: &'static str, tx: &'static str) -> Result<Transfer, StoreError> {
    Ok(Transfer { rx_bytes: number(row, rx)?, tx_bytes: number(row, tx)? })
}
