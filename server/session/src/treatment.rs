//! Accounts that are treated otherwise than most: `auth` knows which, the lanes are told the addresses of their devices.
//!
//! They are told before the peer is put, so no device is there without its rate, and when a session ends. What is missed
//! (an account that was changed meanwhile, a call that failed) the next sweep finds. Until `auth` has said once which
//! accounts there are, the lanes are told nothing: they may have the groups of this service's former life, and a list
//! of a few would lift the rates of all others.

use crate::entry::Entry;
use crate::service::Service;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tornado_contracts::wg::{Group, SetGroups, WgError};
use tornado_contracts::{Treatment, UserTreatment};
use tornado_rpc::{Fault, NoInput};
use tornado_shared::model::UserId;

/// What is known, and what the lanes were told.
#[derive(Default)]
pub(crate) struct Treatments {
    known: Mutex<Known>,
    /// Addresses on the direct lane that were told, and whose they were said to be.
    told_addresses: Mutex<HashMap<Ipv4Addr, UserId>>,
    /// `None`: whatever they have is of a former life of theirs or ours. Held while they are told.
    told: tokio::sync::Mutex<Option<Vec<Group>>>,
}

/// What `auth` said, in the order in which it was asked or said so.
#[derive(Default)]
struct Known {
    /// Who is treated otherwise; `None` before the first list.
    all: Option<HashMap<UserId, Treatment>>,
    /// What grants said since the latest list was asked for, and when.
    granted: HashMap<UserId, (u64, Treatment)>,
    /// Questions and grants so far.
    clock: u64,
    /// When the list was asked for that is believed.
    asked: u64,
}

impl Known {
    const fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn learn(&mut self, user: UserId, treatment: Treatment) {
        let at = self.tick();
        self.granted.insert(user, (at, treatment));
        if let Some(all) = &mut self.all {
            put(all, user, treatment);
        }
    }

    /// A list tells nothing of what was granted after it was asked for, and nothing at all after a later one.
    fn learn_all(&mut self, asked: u64, list: Vec<UserTreatment>) {
        if asked < self.asked {
            return;
        }
        self.asked = asked;
        self.granted.retain(|_, (at, _)| *at > asked);
        let mut all: HashMap<_, _> = list.into_iter().map(|one| (one.user_id, one.treatment)).collect();
        for (user, (_, treatment)) in &self.granted {
            put(&mut all, *user, *treatment);
        }
        self.all = Some(all);
    }
}

fn put(all: &mut HashMap<UserId, Treatment>, user: UserId, treatment: Treatment) {
    if treatment.is_usual() {
        all.remove(&user);
    } else {
        all.insert(user, treatment);
    }
}

impl Treatments {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False before the first list: then nobody can be told anything.
    fn are_known(&self) -> bool {
        self.known().all.is_some()
    }

    /// As its latest grant or the list says.
    fn of(&self, user: UserId) -> Option<Treatment> {
        let known = self.known();
        let granted = known.granted.get(&user).map(|(_, treatment)| *treatment).filter(|one| !one.is_usual());
        known.all.as_ref().map_or(granted, |all| all.get(&user).copied())
    }

    /// True when a session must not come up or be gone without the lanes being told.
    fn concerns(&self, entry: &Entry) -> bool {
        let told = self.told_addresses.lock().unwrap_or_else(PoisonError::into_inner);
        told.contains_key(&entry.direct.v4) || self.of(entry.user_id).is_some()
    }

    /// The lanes began anew.
    pub async fn forget_told(&self) {
        *self.told.lock().await = None;
    }
}

impl Service {
    /// Takes note of what a grant says.
    pub(crate) fn learn_treatment(&self, user: UserId, treatment: Treatment) {
        self.treatments.known().learn(user, treatment);
    }

    /// Before a session's peer is put, and after it was taken away.
    pub(crate) async fn treat(&self, entry: &Entry) -> Result<(), WgError> {
        if !self.treatments.concerns(entry) {
            return Ok(());
        }
        if !self.treatments.are_known() {
            self.ask_treatments().await;
            if !self.treatments.are_known() {
                // Without its rate it does not come up.
                let why = "it is not known yet which accounts have rates; try again in a moment";
                return Err(Fault::Unavailable(why.into()).into());
            }
        }
        self.tell_groups().await
    }

    /// Asks `auth` which accounts there are.
    async fn ask_treatments(&self) {
        let asked = self.treatments.known().tick();
        match self.auth.treatments(NoInput {}).await {
            Ok(all) => self.treatments.known().learn_all(asked, all),
            // What is known goes on.
            Err(error) => tracing::debug!(%error, "accounts with rates could not be asked for"),
        }
    }

    /// Asks, and tells the lanes.
    pub(crate) async fn heed_treatments(&self) {
        self.ask_treatments().await;
        if let Err(error) = self.tell_groups().await {
            tracing::warn!(%error, "rates were not set in the lanes; trying again at the next sweep");
        }
    }

    /// Tells the lanes the groups of all sessions, unless that is what they were told last, or nothing is known.
    pub(crate) async fn tell_groups(&self) -> Result<(), WgError> {
        let mut told = self.treatments.told.lock().await;
        let Some(groups) = self.groups() else { return Ok(()) };
        if told.as_ref() == Some(&groups) {
            return Ok(());
        }
        // If this fails it is not known what they have.
        *told = None;
        self.lanes.set_groups(SetGroups { groups: groups.clone() }).await?;
        let addresses = groups.iter().flat_map(|g| g.devices.iter().map(|(direct, _)| (direct.v4, g.user_id)));
        *self.treatments.told_addresses.lock().unwrap_or_else(PoisonError::into_inner) = addresses.collect();
        *told = Some(groups);
        Ok(())
    }

    /// `None`: nothing is known.
    fn groups(&self) -> Option<Vec<Group>> {
        let known = self.treatments.known().all.clone()?;
        if known.is_empty() {
            return Some(Vec::new());
        }
        let mut groups = BTreeMap::new();
        let mut seen = HashSet::new();
        for entry in self.registry.all() {
            let Some(treatment) = known.get(&entry.user_id).copied() else { continue };
            if seen.insert(entry.direct.v4) {
                let group = Group { user_id: entry.user_id, treatment, devices: Vec::new() };
                let group = groups.entry(entry.user_id.to_string()).or_insert(group);
                group.devices.push((entry.direct, entry.tor));
            }
        }
        let sorted = groups.into_values().map(|mut group: Group| {
            group.devices.sort_by_key(|(direct, _)| direct.v4);
            group
        });
        Some(sorted.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow(rate: u64) -> Treatment {
        Treatment { download_rate: Some(rate), ..Treatment::default() }
    }

    #[test]
    fn a_list_undoes_no_later_grant_and_no_later_list() {
        let (user, other) = (UserId::random(), UserId::random());
        let list = |rate| vec![UserTreatment { user_id: user, treatment: slow(rate) }];
        let mut known = Known::default();
        known.learn(other, slow(9));
        assert_eq!(known.all, None, "one grant is no list");
        let first = known.tick();
        known.learn(user, slow(2));
        known.learn_all(first, list(1));
        assert_eq!(known.all, Some([(user, slow(2))].into()), "granted while the list was under way");
        let (second, third) = (known.tick(), known.tick());
        known.learn_all(third, list(3));
        known.learn_all(second, list(1));
        assert_eq!(known.all, Some([(user, slow(3))].into()), "answers may overtake each other");
        let fourth = known.tick();
        known.learn(user, Treatment::default());
        known.learn_all(fourth, list(3));
        assert_eq!(known.all, Some([].into()), "as most, by a grant");
        let fifth = known.tick();
        known.learn_all(fifth, list(4));
        assert_eq!((known.all, known.granted.len()), (Some([(user, slow(4))].into()), 0));
    }
}
