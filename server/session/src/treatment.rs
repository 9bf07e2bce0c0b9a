//! Traffic policies of accounts: `auth` stores them, and the lanes receive the addresses of the accounts' devices.
//!
//! The lanes receive the groups before a peer is added, so that no peer exists without its rate, and again when a
//! session ends. The next sweep covers whatever was missed: a changed account, a failed call. Nothing is sent before
//! the first list from `auth`: the lanes may still have the groups from before a restart of this service, and an
//! incomplete list would lift the rates of all other accounts.

use crate::entry::Entry;
use crate::service::Service;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tornado_contracts::wg::{Group, SetGroups, WgError};
use tornado_contracts::{Treatment, UserTreatment};
use tornado_rpc::{Fault, NoInput};
use tornado_shared::model::UserId;

/// Known policies, and the groups sent to the lanes.
#[derive(Default)]
pub(crate) struct Treatments {
    known: Mutex<Known>,
    /// Addresses on the direct lane in the groups that were sent, with their accounts.
    told_addresses: Mutex<HashMap<Ipv4Addr, UserId>>,
    /// Groups sent last. `None` after a restart of either side or a failed call: the groups on the lanes are unknown.
    /// Locked while they are sent.
    told: tokio::sync::Mutex<Option<Vec<Group>>>,
}

/// Policies reported by `auth`, ordered by requests and grants.
#[derive(Default)]
struct Known {
    /// Accounts with a policy; `None` before the first list.
    all: Option<HashMap<UserId, Treatment>>,
    /// Policies from grants since the latest list was requested, with their logical time.
    granted: HashMap<UserId, (u64, Treatment)>,
    /// Logical clock: number of requests and grants so far.
    clock: u64,
    /// Logical time at which the current list was requested.
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

    /// Ignores a list that was requested before the current one. Grants that are newer than the request take
    /// precedence.
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

    /// False before the first list; nothing may be sent until then.
    fn are_known(&self) -> bool {
        self.known().all.is_some()
    }

    /// The policy from the list and the latest grant.
    fn of(&self, user: UserId) -> Option<Treatment> {
        let known = self.known();
        let granted = known.granted.get(&user).map(|(_, treatment)| *treatment).filter(|one| !one.is_usual());
        known.all.as_ref().map_or(granted, |all| all.get(&user).copied())
    }

    /// True if the lanes must be updated before the session comes up or after it ends.
    fn concerns(&self, entry: &Entry) -> bool {
        let told = self.told_addresses.lock().unwrap_or_else(PoisonError::into_inner);
        told.contains_key(&entry.direct.v4) || self.of(entry.user_id).is_some()
    }

    /// Marks the groups on the lanes as unknown, after a restart of `wg`.
    pub async fn forget_told(&self) {
        *self.told.lock().await = None;
    }
}

impl Service {
    /// Stores the policy of a grant.
    pub(crate) fn learn_treatment(&self, user: UserId, treatment: Treatment) {
        self.treatments.known().learn(user, treatment);
    }

    /// Updates the groups. Called before a session's peer is added and after it is removed.
    pub(crate) async fn treat(&self, entry: &Entry) -> Result<(), WgError> {
        if !self.treatments.concerns(entry) {
            return Ok(());
        }
        if !self.treatments.are_known() {
            self.ask_treatments().await;
            if !self.treatments.are_known() {
                // A device must not connect without its rate.
                let why = "the traffic policies of accounts are not known yet; try again in a moment";
                return Err(Fault::Unavailable(why.into()).into());
            }
        }
        self.tell_groups().await
    }

    /// Fetches the list of policies from `auth`.
    async fn ask_treatments(&self) {
        let asked = self.treatments.known().tick();
        match self.auth.treatments(NoInput {}).await {
            Ok(all) => self.treatments.known().learn_all(asked, all),
            // Known policies stay in force.
            Err(error) => tracing::debug!(%error, "cannot fetch traffic policies"),
        }
    }

    /// Fetches the policies and updates the groups.
    pub(crate) async fn heed_treatments(&self) {
        self.ask_treatments().await;
        if let Err(error) = self.tell_groups().await {
            tracing::warn!(%error, "cannot set rates on the lanes; the next sweep retries");
        }
    }

    /// Sends the groups of all sessions to the lanes, unless they are unchanged or the policies are unknown.
    pub(crate) async fn tell_groups(&self) -> Result<(), WgError> {
        let mut told = self.treatments.told.lock().await;
        let Some(groups) = self.groups() else { return Ok(()) };
        if told.as_ref() == Some(&groups) {
            return Ok(());
        }
        // After a failure the groups on the lanes are unknown.
        *told = None;
        self.lanes.set_groups(SetGroups { groups: groups.clone() }).await?;
        let addresses = groups.iter().flat_map(|g| g.devices.iter().map(|(direct, _)| (direct.v4, g.user_id)));
        *self.treatments.told_addresses.lock().unwrap_or_else(PoisonError::into_inner) = addresses.collect();
        *told = Some(groups);
        Ok(())
    }

    /// Groups of all sessions. `None` if the policies are unknown.
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
        assert_eq!(known.all, None, "one grant does not count as a list");
        let first = known.tick();
        known.learn(user, slow(2));
        known.learn_all(first, list(1));
        assert_eq!(known.all, Some([(user, slow(2))].into()), "granted while the list was being fetched");
        let (second, third) = (known.tick(), known.tick());
        known.learn_all(third, list(3));
        known.learn_all(second, list(1));
        assert_eq!(known.all, Some([(user, slow(3))].into()), "responses may arrive out of order");
        let fourth = known.tick();
        known.learn(user, Treatment::default());
        known.learn_all(fourth, list(3));
        assert_eq!(known.all, Some([].into()), "a grant without a policy removes it");
        let fifth = known.tick();
        known.learn_all(fifth, list(4));
        assert_eq!((known.all, known.granted.len()), (Some([(user, slow(4))].into()), 0));
    }
}
