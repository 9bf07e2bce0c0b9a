//! Table `exits`: chosen exit countries of devices.

use crate::StoreError;
use crate::statement::columns::parsed;
use crate::statement::{all, execute, first, values};
use sqlx::AnyConnection;
use tornado_shared::model::{CountryCode, DeviceId};

pub async fn of_device(db: &mut AnyConnection, device: DeviceId) -> Result<Option<CountryCode>, StoreError> {
    let query = "SELECT country FROM exits WHERE device_id = $1";
    first(db, query, values![device], |row| parsed(row, "country")).await
}

/// Exit countries of devices with a live session on a gateway.
pub async fn of_node(db: &mut AnyConnection, node_id: &str) -> Result<Vec<(DeviceId, CountryCode)>, StoreError> {
    const LIVE: &str = "SELECT exits.device_id AS device_id, country FROM exits \
         JOIN sessions ON sessions.device_id = exits.device_id WHERE node_id = $1";
    all(db, LIVE, values![node_id], |row| Ok((parsed(row, "device_id")?, parsed(row, "country")?))).await
}

pub async fn choose(tx: &mut AnyConnection, device: DeviceId, country: Option<CountryCode>) -> Result<(), StoreError> {
    const CHOOSE: &str = "INSERT INTO exits (device_id, country) VALUES ($1, $2) \
         ON CONFLICT (device_id) DO UPDATE SET country = excluded.country";
    match country {
        Some(country) => execute(tx, CHOOSE, values![device, country]).await.map(drop),
        None => execute(tx, "DELETE FROM exits WHERE device_id = $1", values![device]).await.map(drop),
    }
}
