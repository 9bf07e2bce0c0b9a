//! Changes the devices in the table's maps, and compares all maps and sets with their desired content.

use super::super::error::FirewallError;
use super::super::render::Groups;
use super::super::render::elements::{ISOLATION_MAPS, canary, elements_of};
use super::super::render::tor_states::{self, EXIT_MAPS};
use super::{Check, Firewall};
use crate::model::AssignmentMap;
use crate::netfilter::{Element, ElementValue, Key};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use tornado_shared::model::CountryCode;

/// Addresses per transaction: one datagram must fit into a socket buffer of the usual size.
const PER_TRANSACTION: usize = 256;

impl Firewall {
    /// Adds or changes devices in the maps and removes addresses. Each address changes atomically. If a change fails,
    /// the whole table is loaded.
    pub(crate) async fn assign(&self, put: AssignmentMap, gone: Vec<IpAddr>) -> Result<(), FirewallError> {
        let mut content = self.content.lock().await;
        let put: AssignmentMap =
            put.into_iter().filter(|(a, assignment)| content.assignments.get(a) != Some(assignment)).collect();
        let gone = gone.into_iter().chain(put.keys().copied());
        let gone: AssignmentMap = gone.filter_map(|a| Some((a, *content.assignments.get(&a)?))).collect();
        if put.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let chosen = put.values().filter_map(|assignment| assignment.exit);
        let new: BTreeSet<CountryCode> = chosen.filter(|country| !content.countries.contains(country)).collect();
        content.assignments.retain(|address, _| !gone.contains_key(address));
        content.countries.extend(new.iter().copied());
        content.assignments.extend(put.iter().map(|(address, assignment)| (*address, *assignment)));
        // New chains make the table differ from the one that was loaded.
        let former = if new.is_empty() { None } else { content.loaded.take() };
        let changed = async {
            if !new.is_empty() {
                let mut chains = String::new();
                tor_states::add_chains(&mut chains, &self.policy, &new);
                self.nft.load(chains).await?;
            }
            self.change(&gone, &put).await
        };
        match changed.await {
            Ok(()) if new.is_empty() => Ok(()),
            Ok(()) if former.is_some() => self.read_back(&mut content, former, &tor_states::chains_of(&new)).await,
            Ok(()) => self.apply_all(&mut content).await,
            Err(error) => {
                tracing::warn!(%error, "could not change the isolation maps; loading the whole table");
                self.apply_all(&mut content).await
            }
        }
    }

    async fn change(&self, gone: &AssignmentMap, put: &AssignmentMap) -> Result<(), FirewallError> {
        let all: Vec<IpAddr> = gone.keys().chain(put.keys()).copied().collect::<BTreeSet<_>>().into_iter().collect();
        for some in all.chunks(PER_TRANSACTION) {
            let of = |assignments: &AssignmentMap| -> Vec<Element> {
                some.iter()
                    .filter_map(|a| Some(elements_of(&self.policy, *a, *assignments.get(a)?)))
                    .flatten()
                    .collect()
            };
            self.maps.change(&of(gone), &of(put)).await.map_err(FirewallError::Maps)?;
        }
        Ok(())
    }

    pub(crate) async fn assigned(&self) -> Vec<IpAddr> {
        self.content.lock().await.assignments.keys().copied().collect()
    }

    /// Compares the elements in the kernel, of devices and of accounts, with the desired ones. Once they have differed,
    /// the table does not count as loaded until the next full load.
    pub(crate) async fn check_elements(&self) -> Check {
        let mut content = self.content.lock().await;
        if content.loaded.is_none() || content.elements_differ {
            return Check::NotLoaded;
        }
        let mut desired = BTreeMap::<&str, BTreeMap<Key, ElementValue>>::new();
        let known = content.assignments.iter().map(|(address, assignment)| (*address, *assignment));
        for Element { map, key, value } in
            known.chain(canary(&self.policy)).flat_map(|(a, s)| elements_of(&self.policy, a, s))
        {
            desired.entry(map).or_default().insert(Key::One(key), value);
        }
        for (place, key, value) in content.groups.all() {
            desired.entry(place).or_default().insert(key, value);
        }
        let of_devices = ISOLATION_MAPS.iter().chain(&EXIT_MAPS).map(|(map, _)| *map);
        for map in of_devices.chain(Groups::places()) {
            match self.maps.read(map).await {
                Ok(found) if found == desired.remove(map).unwrap_or_default() => {}
                Ok(_) => {
                    content.elements_differ = true;
                    return Check::Changed;
                }
                Err(error) => return Check::Unknown(FirewallError::Maps(error)),
            }
        }
        Check::Unchanged
    }
}
