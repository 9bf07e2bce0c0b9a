//! Accounts that are treated otherwise than most: `auth` knows which, the lanes are told the addresses of their devices.
//!
//! They are told before the peer is put, so no device is there without its rate, and when a session ends. What is missed
//! (an account that was changed meanwhile, a call that failed) the next sweep finds.

use crate::entry::Entry;
use crate::service::Service;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use tornado_mesh::wg::{Group, SetGroups, WgError};
use tornado_mesh::{NoInput, Treatment, UserTreatment};
use tornado_shared::model::UserId;

/// What is known, and what the lanes were told.
#[derive(Default)]
pub(crate) struct Treatments {
    known: Mutex<HashMap<UserId, Treatment>>,
    /// Addresses on the direct lane that were told, and whose they were said to be.
    told_addresses: Mutex<HashMap<Ipv4Addr, UserId>>,
    /// `None`: whatever they have is of a former life of theirs or ours. Held while they are told.
    told: tokio::sync::Mutex<Option<Vec<Group>>>,
}

impl Treatments {
    /// Notes how an account is treated.
    fn learn(&self, user: UserId, treatment: Treatment) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if treatment.is_usual() {
            known.remove(&user)
        } else {
            known.insert(user, treatment)
        };
    }

    fn learn_all(&self, all: Vec<UserTreatment>) {
        let all = all.into_iter().map(|one| (one.user_id, one.treatment)).collect();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = all;
    }

    fn of(&self, user: UserId) -> Option<Treatment> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&user).copied()
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
        self.treatments.learn(user, treatment);
    }

    /// Before a session's peer is put, and after it was taken away.
    pub(crate) async fn treat(&self, entry: &Entry) -> Result<(), WgError> {
        if self.treatments.concerns(entry) { self.tell_groups().await } else { Ok(()) }
    }

    /// Asks `auth` which accounts there are.
    pub(crate) async fn ask_treatments(&self) {
        match self.auth.treatments(NoInput {}).await {
            Ok(all) => self.treatments.learn_all(all),
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

    /// Tells the lanes the groups of all sessions, unless that is what they were told last.
    pub(crate) async fn tell_groups(&self) -> Result<(), WgError> {
        let mut told = self.treatments.told.lock().await;
        let groups = self.groups();
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

    fn groups(&self) -> Vec<Group> {
        let known = self.treatments.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if known.is_empty() {
            return Vec::new();
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
        sorted.collect()
    }
}
