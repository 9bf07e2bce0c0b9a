//! A fake of service `tor`.

use async_trait::async_trait;
use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, BTreeSet};
use tornado_contracts::tor::*;
use tornado_contracts::wg::Isolation;
use tornado_e2e_support::TorCalls;
use tornado_rpc::{Fault, NoInput};
use tornado_shared::model::*;

/// Follows the contract, with two places and exits in three countries.
#[derive(Default)]
pub(in crate::tests) struct FakeTor(Mutex<State>);

#[derive(Default)]
pub(in crate::tests) struct State {
    pub away: bool,
    pub reported: SyncCountries,
    pub paths: BTreeMap<Isolation, DevicePath>,
}

const PLACES: usize = 2;

pub(in crate::tests) fn code(text: &str) -> CountryCode {
    text.parse().unwrap()
}

impl FakeTor {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    fn here(&self) -> Result<MutexGuard<'_, State>, TorError> {
        let state = self.state();
        if state.away { Err(Fault::Unavailable("tor is down".into()).into()) } else { Ok(state) }
    }
}

fn tors(countries: &BTreeSet<CountryCode>) -> Vec<CountryTor> {
    let tor = |country: &CountryCode| CountryTor {
        country: *country,
        process: TorProcess::Stopped,
        bootstrap: Bootstrap { percent: 35, ..Bootstrap::default() },
        ready: false,
        reason: LaneReason::Bootstrapping,
        in_use: true,
    };
    countries.iter().take(PLACES).map(tor).collect()
}

#[async_trait]
impl TorCalls for FakeTor {
    async fn exits(&self, _: NoInput) -> Result<Exits, TorError> {
        drop(self.here()?);
        let offer = |country: &str| ExitCountry { country: country.into(), exits: 2, bandwidth: 10 };
        Ok(Exits { countries: ["de", "nl", "se", "??"].map(offer).into(), exits: Vec::new(), unavailable: None })
    }

    async fn sync_countries(&self, input: SyncCountries) -> Result<CountriesReport, TorError> {
        let mut state = self.here()?;
        let (known, unknown): (BTreeSet<_>, BTreeSet<_>) =
            input.countries.iter().partition(|c| ["de", "nl", "se"].contains(&c.as_str()));
        let mut refused: BTreeMap<_, _> = unknown.into_iter().map(|c| (c, CountryRefusal::NoExit)).collect();
        refused.extend(known.iter().skip(PLACES).map(|c| (*c, CountryRefusal::TooMany { max: 2 })));
        state.reported = input;
        Ok(CountriesReport { refused, countries: tors(&known) })
    }

    async fn countries(&self, _: NoInput) -> Result<Vec<CountryTor>, TorError> {
        Ok(tors(&self.here()?.reported.countries))
    }

    async fn path(&self, input: PathQuery) -> Result<Option<DevicePath>, TorError> {
        Ok(self.here()?.paths.get(&input.isolation).cloned())
    }
}
