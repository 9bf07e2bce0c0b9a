//! Table `exits`: chosen exit countries of devices.

use super::rows;
use crate::StoreError;
use sqlx::AnyConnection;
use tornado_shared::model::{CountryCode, DeviceId};

pub(super) async fn of_device(db: &mut AnyConnection, device: DeviceId) -> Result<Option<CountryCode>, StoreError> {
    let row = sqlx::query("SELECT country FROM exits WHERE device_id = $1")
        .bind(device.to_string())
        .fetch_optional(db)
        .await?;
    row.as_ref().map(|row| rows::parsed(row, "country")).transpose()
}

/// Exit countries of devices with a live session on a gateway.
pub(super) async fn of_node(db: &mut AnyConnection, node_id: &str) -> Result<Vec<(DeviceId, CountryCode)>, StoreError> {
    const LIVE: &str = "SELECT exits.device_id AS device_id, country FROM exits \
         JOIN sessions ON sessions.device_id = exits.device_id WHERE node_id = $1";
    let found = sqlx::query(LIVE).bind(node_id).fetch_all(db).await?;
    found.iter().map(|row| Ok((rows::parsed(row, "device_id")?, rows::parsed(row, "country")?))).collect()
}

pub(super) async fn choose(
    tx: &mut AnyConnection,
    device: DeviceId,
    country: Option<CountryCode>,
) -> Result<(), StoreError> {
    const CHOOSE: &str = "INSERT INTO exits (device_id, country) VALUES ($1, $2) \
         ON CONFLICT (device_id) DO UPDATE SET country = excluded.country";
    let query = match country {
        Some(country) => sqlx::query(CHOOSE).bind(device.to_string()).bind(country.to_string()),
        None => sqlx::query("DELETE FROM exits WHERE device_id = $1").bind(device.to_string()),
    };
    query.execute(tx).await?;
    Ok(())
}
