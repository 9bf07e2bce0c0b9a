//! Sets the exit countries that devices use.

use super::countries::Countries;
use super::offer::Offer;
use crate::config::Config;
use crate::instance::Instance;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use tornado_contracts::tor::{CountriesReport, CountryRefusal, Exits, SyncCountries};
use tornado_contracts::wg::Isolation;
use tornado_shared::model::CountryCode;

/// Applies the countries and isolation numbers that devices use now.
pub(crate) async fn sync_countries(
    lane: &Instance,
    countries: &Countries,
    offer: &Offer,
    input: SyncCountries,
) -> CountriesReport {
    let live: HashSet<Isolation> = input.live.into_iter().collect();
    lane.paths().retain(&live);
    countries.all().iter().for_each(|(_, country)| country.paths().retain(&live));
    let mut in_use = input.countries;
    let new: BTreeSet<CountryCode> = in_use.iter().filter(|c| !countries.has(**c)).copied().collect();
    let mut refused = BTreeMap::new();
    if !new.is_empty() {
        refused = refusals(&new, lane.config(), &offer.exits(lane).await);
    }
    in_use.retain(|country| !refused.contains_key(country));
    refused.extend(countries.sync_countries(&in_use));
    CountriesReport { refused, countries: countries.countries() }
}

/// The countries that have no exit, or that the configuration excludes.
fn refusals(
    countries: &BTreeSet<CountryCode>,
    config: &Config,
    exits: &Exits,
) -> BTreeMap<CountryCode, CountryRefusal> {
    // As long as Tor does not know the network, no country is refused for a lack of exits.
    let is_known = exits.unavailable.is_none() && !exits.countries.is_empty();
    let has = |country: &CountryCode| exits.countries.iter().any(|c| c.country.as_str() == country.as_str());
    let is_missing = |c: &&CountryCode| !config.allows_exit(**c) || (is_known && !has(c));
    countries.iter().filter(is_missing).map(|c| (*c, CountryRefusal::NoExit)).collect()
}
