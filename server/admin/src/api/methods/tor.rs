//! Tor.

use crate::api::parse::page_size;
use crate::api::signed::{Signed, answer, done, list};
use crate::api::{problem, tor};
use tornado_admin_api::types::*;
use tornado_admin_api::{AdminError, AdminResult};
use tornado_contracts::tor::{TorControl, TorLogQuery};
use tornado_rpc::NoInput as Nothing;

pub async fn show_tor(signed: &Signed, _: NoInput) -> AdminResult<TorView> {
    signed.check("tor.read").await?;
    answer(signed.services().tor.status(Nothing {}).await, tor::status)
}

pub async fn list_circuits(signed: &Signed, _: NoInput) -> AdminResult<List<CircuitView>> {
    let circuits = signed.services().operator_tor.tor_circuits(signed.nothing()).await;
    let circuits = circuits.map_err(|error| problem(&error))?;
    match circuits.unavailable {
        Some(reason) => Err(AdminError::new(409, "tor_not_running", reason)),
        None => Ok(list(circuits.circuits, tor::circuit)),
    }
}

pub async fn list_exit_countries(signed: &Signed, _: NoInput) -> AdminResult<List<ExitCountryView>> {
    signed.check("tor.read").await?;
    let exits = signed.services().tor.exits(Nothing {}).await.map_err(|error| problem(&error))?;
    match exits.unavailable {
        Some(reason) => Err(AdminError::new(409, "tor_not_running", reason)),
        None => Ok(list(exits.countries, tor::exit_country)),
    }
}

pub async fn list_country_tors(signed: &Signed, _: NoInput) -> AdminResult<List<CountryTorView>> {
    signed.check("tor.read").await?;
    answer(signed.services().tor.countries(Nothing {}).await, |rows| list(rows, tor::country_tor))
}

pub async fn show_tor_log(signed: &Signed, input: LinesQuery) -> AdminResult<List<String>> {
    let lines = page_size("lines", input.lines, 200, 10_000)?;
    let query = TorLogQuery { lines: usize::try_from(lines).ok() };
    answer(signed.services().operator_tor.tor_log(signed.acting(query)).await, |log| List::whole(log.lines))
}

pub async fn order_tor(signed: &Signed, input: TorOrderInput) -> AdminResult<TorView> {
    let what = TorControl { order: tor::order(input.order) };
    answer(signed.services().operator_tor.order_tor(signed.acting(what)).await, tor::status)
}

pub async fn renew_tor_identity(signed: &Signed, _: NoInput) -> AdminResult<Done> {
    answer(signed.services().operator_tor.renew_tor_identity(signed.nothing()).await, done)
}

pub async fn probe_tor(signed: &Signed, _: NoInput) -> AdminResult<ProbeView> {
    answer(signed.services().operator_tor.probe_tor(signed.nothing()).await, tor::probe)
}
