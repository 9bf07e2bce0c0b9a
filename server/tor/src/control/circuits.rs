//! Circuits and exits, completed with what the directory knows about their relays.

use super::client::Control;
use super::directory::{self, Relay};
use super::error::ControlError;
use super::event;
use std::collections::HashMap;
use std::net::IpAddr;
use tornado_contracts::tor::{Circuit, Exit, Exits, Hop};

/// Maximum number of addresses in one command.
const CHUNK: usize = 200;
/// Maximum number of circuits that are returned.
const MAX_CIRCUITS: usize = 2_000;
/// Maximum number of exits that are returned.
const MAX_EXITS: usize = 500;

/// Returns all circuits with the addresses, countries and flags of their relays.
pub(crate) async fn circuits(control: &Control) -> Result<Vec<Circuit>, ControlError> {
    let mut circuits = control.circuits().await?;
    circuits.truncate(MAX_CIRCUITS);
    describe(control, circuits.iter_mut().flat_map(|c| c.path.iter_mut()).collect()).await?;
    Ok(circuits)
}

/// Adds addresses, countries and flags to relays.
async fn describe(control: &Control, hops: Vec<&mut Hop>) -> Result<(), ControlError> {
    let mut names: Vec<String> = hops.iter().map(|hop| hop.fingerprint.clone()).collect();
    names.sort_unstable();
    names.dedup();
    let mut relays = HashMap::new();
    for name in names {
        if let Some(relay) = relay(control, &name).await? {
            relays.insert(name, relay);
        }
    }
    let countries = countries(control, relays.values()).await?;
    for hop in hops {
        if let Some(relay) = relays.get(&hop.fingerprint) {
            let address = IpAddr::V4(relay.address);
            hop.address = Some(address);
            hop.country = countries.get(&address).cloned();
            hop.flags.clone_from(&relay.flags);
        }
    }
    Ok(())
}

/// As [`describe`], for a circuit whose relays may be unknown; they are looked up then.
pub(crate) async fn describe_path(control: &Control, circuit: &str, hops: &mut Vec<Hop>) -> Result<(), ControlError> {
    if hops.is_empty() {
        let found = control.circuits().await?.into_iter().find(|known| known.id == circuit);
        *hops = found.map(|circuit| circuit.path).unwrap_or_default();
    }
    describe(control, hops.iter_mut().collect()).await
}

/// Returns the available exits, ordered by bandwidth, highest first.
pub(crate) async fn exits(control: &Control) -> Result<Exits, ControlError> {
    let info = control.info(&["ns/all"]).await?;
    let relays = directory::relays(info.get("ns/all").map_or("", String::as_str));
    let relays: Vec<Relay> = relays.into_iter().filter(Relay::is_exit).collect();
    let countries = countries(control, relays.iter()).await?;
    let country = |relay: &Relay| countries.get(&IpAddr::V4(relay.address)).cloned();
    let mut exits: Vec<Exit> =
        relays.into_iter().map(|r| (country(&r), r)).map(|(c, r)| directory::exit(r, c)).collect();
    exits.sort_by(|a, b| b.bandwidth.cmp(&a.bandwidth).then_with(|| a.fingerprint.cmp(&b.fingerprint)));
    let countries = directory::countries(&exits);
    exits.truncate(MAX_EXITS);
    Ok(Exits { countries, exits, unavailable: None })
}

/// Returns the exit of the newest built circuit that belongs to a SOCKS client.
pub(crate) async fn exit_of(control: &Control, user: &str, token: &str) -> Result<Option<Exit>, ControlError> {
    let info = control.info(&["circuit-status"]).await?;
    let client = Some((user.to_owned(), token.to_owned()));
    let lines = info.get("circuit-status").map_or("", String::as_str).lines();
    let circuits = lines.filter(|line| event::socks_client(line) == client).filter_map(event::circuit);
    let built = circuits.filter(|circuit| circuit.status == "BUILT");
    let Some(hop) = built.filter_map(|mut circuit| circuit.path.pop()).next_back() else { return Ok(None) };
    let Some(relay) = relay(control, &hop.fingerprint).await? else { return Ok(None) };
    let country = countries(control, std::iter::once(&relay)).await?.into_values().next();
    Ok(Some(directory::exit(relay, country)))
}

async fn relay(control: &Control, fingerprint: &str) -> Result<Option<Relay>, ControlError> {
    let key = format!("ns/id/{fingerprint}");
    match control.info(&[&key]).await {
        Ok(info) => Ok(info.get(&key).and_then(|text| directory::relays(text).pop())),
        // The relay is a bridge or left the directory.
        Err(ControlError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn countries<'a>(
    control: &Control,
    relays: impl Iterator<Item = &'a Relay>,
) -> Result<HashMap<IpAddr, String>, ControlError> {
    let addresses: Vec<IpAddr> = relays.map(|relay| IpAddr::V4(relay.address)).collect();
    let mut found = HashMap::new();
    for chunk in addresses.chunks(CHUNK) {
        let keys: Vec<String> = chunk.iter().map(|address| format!("ip-to-country/{address}")).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let info = match control.info(&keys).await {
            Ok(info) => info,
            // Tor has no GeoIP file, so countries are unknown.
            Err(ControlError::Refused { .. }) => return Ok(found),
            Err(error) => return Err(error),
        };
        for address in chunk {
            let value = info.get(&format!("ip-to-country/{address}"));
            if let Some(country) = value.and_then(|value| directory::country(value)) {
                found.insert(*address, country);
            }
        }
    }
    Ok(found)
}
