//! The path of a device's latest connection.

use super::countries::Countries;
use crate::control::circuits;
use crate::instance::Instance;
use tornado_contracts::tor::DevicePath;
use tornado_contracts::wg::Isolation;

/// The path of the latest connection with an isolation number, through any Tor process. The hops are empty if Tor did
/// not report them.
pub(crate) async fn path(lane: &Instance, countries: &Countries, number: Isolation) -> Option<DevicePath> {
    let latest = |instance: &Instance| instance.paths().latest(number).map(|latest| (latest, instance.control()));
    let others = countries.all();
    let others = others.iter().filter_map(|(_, country)| latest(country));
    let (connection, control) = latest(lane).into_iter().chain(others).max_by_key(|(latest, _)| latest.since)?;
    let mut hops = connection.hops;
    if let Ok(control) = control {
        // If this lookup fails, the hops are returned without addresses and countries.
        if let Err(error) = circuits::describe_path(&control, &connection.circuit, &mut hops).await {
            tracing::debug!(%error, "cannot look up the relays of a path");
        }
    }
    Some(DevicePath { hops, since: connection.since })
}
