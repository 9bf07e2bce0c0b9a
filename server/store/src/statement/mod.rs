//! Statements with their values. Each statement has one portable text with `$1` placeholders.

pub(crate) mod columns;

use crate::StoreError;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Row as _, SqlSafeStr};
use tornado_shared::model::{
    CountryCode, DeviceId, DeviceName, FamilyId, InvitationId, OperatorId, PublicKey, SessionId, UserId, Username,
};
use uuid::Uuid;

/// A value of a column; `None` is NULL.
pub(crate) enum Value {
    Integer(Option<i64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
}

/// A type that is stored as a [`Value`].
pub(crate) trait Stored: Sized {
    fn store(value: Option<Self>) -> Value;
}

impl<T: Stored> Stored for Option<T> {
    fn store(value: Option<Self>) -> Value {
        T::store(value.flatten())
    }
}

macro_rules! stored {
    ($kind:ident: $($type:ty),+ => $convert:expr) => {
        $(impl Stored for $type {
            fn store(value: Option<Self>) -> Value {
                Value::$kind(value.map($convert))
            }
        })+
    };
}

stored!(Integer: i64, u32, bool => i64::from);
stored!(Integer: u64 => signed);
stored!(Text: &str, String => String::from);
stored!(Text: &DeviceName, &Username => |name| name.as_str().to_owned());
stored!(Text: CountryCode, DeviceId, FamilyId, InvitationId, OperatorId, PublicKey, SessionId, UserId, Uuid
    => |value| value.to_string());
stored!(Blob: &[u8], &[u8; 32], [u8; 32] => |bytes| bytes.to_vec());

/// SQL integers are signed; amounts of 8 EiB and more are stored as the largest number.
fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The values of a statement, in the order of its placeholders.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::statement::Stored::store(Some($value))),*]
    };
}
pub(crate) use values;

/// A statement with its values.
pub(crate) fn statement(text: impl SqlSafeStr, values: Vec<Value>) -> Query<'static, Any, AnyArguments> {
    values.into_iter().fold(sqlx::query(text), |query, value| match value {
        Value::Integer(number) => query.bind(number),
        Value::Text(text) => query.bind(text),
        Value::Blob(bytes) => query.bind(bytes),
    })
}

/// Executes a statement. Returns the number of rows that it changed.
pub(crate) async fn execute(
    db: &mut AnyConnection,
    text: impl SqlSafeStr,
    values: Vec<Value>,
) -> Result<u64, StoreError> {
    Ok(statement(text, values).execute(db).await?.rows_affected())
}

/// Executes a statement. Returns true if it changed one row.
pub(crate) async fn changes_one(
    db: &mut AnyConnection,
    text: impl SqlSafeStr,
    values: Vec<Value>,
) -> Result<bool, StoreError> {
    Ok(execute(db, text, values).await? == 1)
}

/// The first row of a query, if it has one.
pub(crate) async fn first<T>(
    db: &mut AnyConnection,
    text: impl SqlSafeStr,
    values: Vec<Value>,
    read: impl FnOnce(&AnyRow) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    statement(text, values).fetch_optional(db).await?.as_ref().map(read).transpose()
}

/// All rows of a query.
pub(crate) async fn all<T>(
    db: &mut AnyConnection,
    text: impl SqlSafeStr,
    values: Vec<Value>,
    read: impl FnMut(&AnyRow) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    statement(text, values).fetch_all(db).await?.iter().map(read).collect()
}

/// True if a query returns a row.
pub(crate) async fn exists(
    db: &mut AnyConnection,
    text: impl SqlSafeStr,
    values: Vec<Value>,
) -> Result<bool, StoreError> {
    Ok(first(db, text, values, |_| Ok(())).await?.is_some())
}

/// The number in column `n` of a query with one row.
pub(crate) async fn count(
    db: &mut AnyConnection,
    text: impl SqlSafeStr,
    values: Vec<Value>,
) -> Result<i64, StoreError> {
    Ok(statement(text, values).fetch_one(db).await?.try_get("n")?)
}

/// Placeholders for the ids of users: `$1, $2, …`.
pub(crate) fn placeholders(users: &[UserId]) -> String {
    let places: Vec<String> = (1..=users.len()).map(|number| format!("${number}")).collect();
    places.join(", ")
}

/// Rows of a query with [`placeholders`]. It is not cached, because its text depends on the number of users.
pub(crate) async fn for_users(
    db: &mut AnyConnection,
    query: String,
    users: &[UserId],
) -> Result<Vec<AnyRow>, StoreError> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let values = users.iter().map(|user| Stored::store(Some(*user))).collect();
    Ok(statement(AssertSqlSafe(query), values).persistent(false).fetch_all(db).await?)
}
