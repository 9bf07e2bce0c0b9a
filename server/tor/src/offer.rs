//! Queries to Tor on behalf of callers: the available exits, and the path of a device's latest connection.

use crate::circuits;
use crate::control::{Control, ControlError};
use crate::service::Service;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tornado_contracts::tor::{CountriesReport, CountryRefusal, DevicePath, Exits, SyncCountries};
use tornado_contracts::wg::Isolation;
use tornado_shared::model::CountryCode;

/// How long a list of exits is reused. The network's directory changes once an hour.
const FRESH: Duration = Duration::from_secs(30);

/// The latest list of exits.
#[derive(Default)]
pub(crate) struct Offer(tokio::sync::Mutex<Option<(Instant, Exits)>>);

impl Service {
    /// The control connection, if Tor responds.
    pub(crate) fn control(&self) -> Result<Control, String> {
        self.read(|state| state.control.clone()).ok_or_else(|| "Tor does not run or does not respond".to_owned())
    }

    /// Returns the available exits and countries that the configuration allows.
    pub(crate) async fn exits(&self) -> Exits {
        let mut known = self.offer.0.lock().await;
        if let Some((_, exits)) = known.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            return exits.clone();
        }
        let asked = match self.control() {
            Ok(control) => circuits::exits(&control).await.map_err(|error| error.to_string()),
            Err(why) => Err(why),
        };
        let mut exits = match asked {
            Ok(exits) => exits,
            Err(why) => return Exits { unavailable: Some(why), ..Exits::default() },
        };
        let is_allowed =
            |code: &str| code.parse().map_or(self.config.exit_countries.is_empty(), |c| self.config.allows_exit(c));
        exits.countries.retain(|offer| is_allowed(&offer.country));
        exits.exits.retain(|exit| is_allowed(exit.country.as_deref().unwrap_or("??")));
        // A Tor that is still starting knows no exits; an empty list is not cached.
        *known = (!exits.exits.is_empty()).then(|| (Instant::now(), exits.clone()));
        exits
    }

    /// Applies the countries and isolation numbers that devices use now.
    pub(crate) async fn sync_countries(&self, input: SyncCountries) -> CountriesReport {
        let live: HashSet<Isolation> = input.live.into_iter().collect();
        self.paths().keep(&live);
        let all = self.countries.all();
        all.iter().for_each(|(_, country)| country.paths().keep(&live));
        let mut refused = BTreeMap::new();
        let mut wanted = input.countries;
        let fresh: BTreeSet<CountryCode> = wanted.iter().filter(|c| !self.countries.has(**c)).copied().collect();
        if !fresh.is_empty() {
            let exits = self.exits().await;
            // As long as Tor does not know the network, no country is refused for a lack of exits.
            let is_known = exits.unavailable.is_none() && !exits.countries.is_empty();
            let has = |country: &CountryCode| exits.countries.iter().any(|c| c.country.as_str() == country.as_str());
            let missing = |c: &&CountryCode| !self.config.allows_exit(**c) || (is_known && !has(c));
            refused.extend(fresh.iter().filter(missing).map(|c| (*c, CountryRefusal::NoExit)));
        }
        wanted.retain(|country| !refused.contains_key(country));
        refused.extend(self.countries.sync(&wanted));
        CountriesReport { refused, countries: self.countries.status() }
    }

    /// The path of the latest connection with an isolation number. The hops are empty if Tor did not report them.
    pub(crate) async fn path(&self, number: Isolation) -> Option<DevicePath> {
        let own = self.paths().of(number).map(|seen| (seen, self.control()));
        let others = self.countries.all();
        let others =
            others.iter().filter_map(|(_, tor): &(_, Arc<Self>)| Some((tor.paths().of(number)?, tor.control())));
        let (seen, control) = own.into_iter().chain(others).max_by_key(|(seen, _)| seen.since)?;
        let mut hops = circuits::hops(seen.hops);
        if let Ok(control) = control {
            // If this lookup fails, the hops are returned without addresses and countries.
            if let Err(error) = named(&control, &seen.circuit, &mut hops).await {
                tracing::debug!(%error, "cannot look up the relays of a path");
            }
        }
        Some(DevicePath { hops, since: seen.since })
    }
}

async fn named(
    control: &Control,
    circuit: &str,
    hops: &mut Vec<tornado_contracts::tor::Hop>,
) -> Result<(), ControlError> {
    if hops.is_empty() {
        let found = control.circuits().await?.into_iter().find(|line| line.id == circuit);
        *hops = circuits::hops(found.map(|line| line.path).unwrap_or_default());
    }
    circuits::describe(control, hops.iter_mut().collect()).await
}
