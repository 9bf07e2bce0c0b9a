//! Decides which countries have their own Tor process. Pure: time is an argument.
//!
//! The number of slots is fixed, and each has its own ports. An unused country keeps its slot for a while, so that a
//! device that returns does not wait for a bootstrap. It gives the slot up at once if a country in use needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use tornado_contracts::tor::CountryRefusal;
use tornado_shared::model::CountryCode;

/// Number of a slot, from 0.
pub(crate) type Slot = u8;

/// An action for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Start a Tor process for this country with the ports of this slot.
    Start(CountryCode, Slot),
    /// Stop the country's Tor process, then call [`Places::ended`].
    End(CountryCode),
}

/// All slots.
#[derive(Debug)]
pub(crate) struct Places {
    count: Slot,
    linger: Duration,
    in_use: BTreeSet<CountryCode>,
    taken: BTreeMap<CountryCode, Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    slot: Slot,
    unused_since: Option<Instant>,
    is_ending: bool,
}

impl Places {
    pub(crate) fn new(count: Slot, linger: Duration) -> Self {
        Self { count, linger, in_use: BTreeSet::new(), taken: BTreeMap::new() }
    }

    /// Sets the countries in use. Countries that were in use keep their slot. Returns the countries that do not fit.
    pub(crate) fn sync_countries(
        &mut self,
        countries: &BTreeSet<CountryCode>,
        now: Instant,
    ) -> BTreeMap<CountryCode, CountryRefusal> {
        let (former, new): (Vec<_>, Vec<_>) = countries.iter().partition(|c| self.in_use.contains(c));
        let mut in_order = former.into_iter().chain(new).copied();
        self.in_use = in_order.by_ref().take(self.count.into()).collect();
        let max = u32::from(self.count);
        let refused = in_order.map(|country| (country, CountryRefusal::TooMany { max })).collect();
        for (country, place) in &mut self.taken {
            match (self.in_use.contains(country), place.unused_since) {
                (true, _) => place.unused_since = None,
                (false, None) => place.unused_since = Some(now),
                (false, Some(_)) => {}
            }
        }
        refused
    }

    /// Returns the actions that are due at `now`.
    pub(crate) fn steps(&mut self, now: Instant) -> Vec<Step> {
        let mut steps = Vec::new();
        for (country, place) in &mut self.taken {
            let is_over = place.unused_since.is_some_and(|at| now.saturating_duration_since(at) >= self.linger);
            if is_over && !place.is_ending {
                place.is_ending = true;
                steps.push(Step::End(*country));
            }
        }
        let without_slot: Vec<CountryCode> =
            self.in_use.iter().filter(|c| !self.taken.contains_key(c)).copied().collect();
        let mut waiting = 0_usize;
        for country in without_slot {
            match (0..self.count).find(|slot| self.taken.values().all(|place| place.slot != *slot)) {
                Some(slot) => {
                    self.taken.insert(country, Place { slot, unused_since: None, is_ending: false });
                    steps.push(Step::Start(country, slot));
                }
                None => waiting += 1,
            }
        }
        // Slots that are about to be freed count.
        let ending = self.taken.values().filter(|place| place.is_ending).count();
        for _ in ending..waiting {
            steps.extend(self.make_room());
        }
        steps
    }

    /// Returns true if no country is in use and none has a slot.
    pub(crate) fn is_empty(&self) -> bool {
        self.in_use.is_empty() && self.taken.is_empty()
    }

    /// Frees the slot of a country whose Tor process has ended.
    pub(crate) fn ended(&mut self, country: CountryCode) {
        self.taken.remove(&country);
    }

    /// Returns true while devices use the country.
    pub(crate) fn is_in_use(&self, country: CountryCode) -> bool {
        self.in_use.contains(&country)
    }

    /// Stops the country that has been unused for longest.
    fn make_room(&mut self) -> Option<Step> {
        let unused = self.taken.iter_mut().filter(|(_, place)| !place.is_ending);
        let unused = unused.filter_map(|(country, place)| Some((place.unused_since?, *country, place)));
        let (_, country, place) = unused.min_by_key(|(since, country, _)| (*since, *country))?;
        place.is_ending = true;
        Some(Step::End(country))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LINGER: Duration = Duration::from_secs(60);

    fn at(seconds: u64) -> Instant {
        static ZERO: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *ZERO.get_or_init(Instant::now) + Duration::from_secs(seconds)
    }

    fn codes(words: &str) -> BTreeSet<CountryCode> {
        words.split_whitespace().map(|word| word.parse().unwrap()).collect()
    }

    fn code(word: &str) -> CountryCode {
        word.parse().unwrap()
    }

    #[test]
    fn an_unused_country_keeps_its_slot_for_a_while() {
        let mut places = Places::new(2, LINGER);
        assert_eq!(places.sync_countries(&codes("de"), at(0)), BTreeMap::new());
        assert_eq!(places.steps(at(0)), [Step::Start(code("de"), 0)]);
        assert_eq!(places.steps(at(1)), []);
        places.sync_countries(&codes(""), at(10));
        assert_eq!(places.steps(at(69)), []);
        places.sync_countries(&codes("de"), at(69));
        assert_eq!(places.steps(at(200)), [], "the country is in use again");
        places.sync_countries(&codes(""), at(200));
        assert_eq!(places.steps(at(260)), [Step::End(code("de"))]);
        places.sync_countries(&codes("de"), at(261));
        assert_eq!(places.steps(at(261)), [], "the former process has not ended yet");
        places.ended(code("de"));
        assert_eq!(places.steps(at(262)), [Step::Start(code("de"), 0)]);
    }

    #[test]
    fn a_country_in_use_keeps_its_slot_and_unused_ones_yield() {
        let mut places = Places::new(2, LINGER);
        places.sync_countries(&codes("nl se"), at(0));
        places.steps(at(0));
        let refused = places.sync_countries(&codes("at nl se"), at(1));
        assert_eq!(refused, BTreeMap::from([(code("at"), CountryRefusal::TooMany { max: 2 })]));
        assert_eq!(places.steps(at(1)), []);
        assert_eq!(places.sync_countries(&codes("at nl"), at(2)), BTreeMap::new());
        assert_eq!(places.steps(at(2)), [Step::End(code("se"))]);
        assert_eq!(places.steps(at(3)), []);
        places.ended(code("se"));
        assert_eq!(places.steps(at(4)), [Step::Start(code("at"), 1)]);
    }

    proptest! {
        /// For any sequence of requests: slots are never exceeded or shared, and an accepted country gets its slot as
        /// soon as the processes that were stopped have ended.
        #[test]
        fn slots_are_never_shared(requests in proptest::collection::vec(("[a-d]( [a-d]){0,4}", 0u64..90), 1..40)) {
            let mut places = Places::new(3, LINGER);
            let mut now = 0;
            let mut running: BTreeMap<CountryCode, Slot> = BTreeMap::new();
            for (request, pause) in requests {
                now += pause;
                let request: BTreeSet<CountryCode> = request.split(' ').map(|w| code(&format!("{w}{w}"))).collect();
                let refused = places.sync_countries(&request, at(now));
                for _ in 0..4 {
                    for step in places.steps(at(now)) {
                        match step {
                            Step::Start(country, slot) => {
                                prop_assert!(slot < 3 && !running.values().any(|s| *s == slot));
                                prop_assert!(running.insert(country, slot).is_none());
                            }
                            Step::End(country) => {
                                prop_assert!(!request.contains(&country) || refused.contains_key(&country));
                                prop_assert!(running.remove(&country).is_some());
                                places.ended(country);
                            }
                        }
                    }
                }
                for country in request.iter().filter(|c| !refused.contains_key(c)) {
                    prop_assert!(running.contains_key(country), "{country} has no slot");
                }
            }
        }
    }
}
