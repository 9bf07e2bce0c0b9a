//! Devices in the table's maps: each device's isolation address and exit country. Also compares all maps and sets with
//! their desired content.

use super::apply::{Check, Firewall, FirewallError};
use super::groups::Groups;
use super::policy::Policy;
use super::render::{IsolationMap, MAPS, Seat, canary};
use super::states::{self, EXIT_MAPS};
use crate::netfilter::{Key, Row, Target};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use tornado_shared::model::CountryCode;

/// Addresses per transaction: one datagram must fit into a socket buffer of the usual size.
const A_TRANSACTION: usize = 256;

impl Firewall {
    /// Adds or changes devices in the maps and removes addresses. Each address changes atomically. If a change fails,
    /// the whole table is loaded.
    pub(crate) async fn isolate(&self, put: IsolationMap, gone: Vec<IpAddr>) -> Result<(), FirewallError> {
        let mut content = self.content.lock().await;
        let put: IsolationMap = put.into_iter().filter(|(a, seat)| content.isolation.get(a) != Some(seat)).collect();
        let gone = gone.into_iter().chain(put.keys().copied());
        let gone: IsolationMap = gone.filter_map(|a| Some((a, *content.isolation.get(&a)?))).collect();
        if put.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let chosen = put.values().filter_map(|seat| seat.exit);
        let new: BTreeSet<CountryCode> = chosen.filter(|country| !content.countries.contains(country)).collect();
        content.isolation.retain(|address, _| !gone.contains_key(address));
        content.countries.extend(new.iter().copied());
        content.isolation.extend(put.iter().map(|(address, seat)| (*address, *seat)));
        // New chains make the table differ from the one that was loaded.
        let former = if new.is_empty() { None } else { content.loaded.take() };
        let changed = async {
            if !new.is_empty() {
                let mut chains = String::new();
                states::add_chains(&mut chains, &self.policy, &new);
                self.nft.run(&["-f", "-"], Some(chains)).await?;
            }
            self.change(&gone, &put).await
        };
        match changed.await {
            Ok(()) if new.is_empty() => Ok(()),
            Ok(()) if former.is_some() => self.read_back(&mut content, former, &states::chains_of(&new)).await,
            Ok(()) => self.apply_all(&mut content).await,
            Err(error) => {
                tracing::warn!(%error, "could not change the isolation maps; loading the whole table");
                self.apply_all(&mut content).await
            }
        }
    }

    async fn change(&self, gone: &IsolationMap, put: &IsolationMap) -> Result<(), FirewallError> {
        let all: Vec<IpAddr> = gone.keys().chain(put.keys()).copied().collect::<BTreeSet<_>>().into_iter().collect();
        for some in all.chunks(A_TRANSACTION) {
            let of = |seats: &IsolationMap| -> Vec<Row> {
                some.iter().filter_map(|a| Some(rows(&self.policy, *a, *seats.get(a)?))).flatten().collect()
            };
            self.maps.change(&of(gone), &of(put)).await.map_err(FirewallError::Maps)?;
        }
        Ok(())
    }

    pub(crate) async fn isolated(&self) -> Vec<IpAddr> {
        self.content.lock().await.isolation.keys().copied().collect()
    }

    /// Compares the elements in the kernel, of devices and of accounts, with the desired ones. Once they have differed,
    /// the table does not count as loaded until the next full load.
    pub(crate) async fn sweep(&self) -> Check {
        let mut content = self.content.lock().await;
        if content.loaded.is_none() || content.is_spoiled {
            return Check::NotLoaded;
        }
        let mut wanted = BTreeMap::<&str, BTreeMap<Key, Target>>::new();
        let known = content.isolation.iter().map(|(address, seat)| (*address, *seat));
        for Row { map, key, target } in known.chain(canary(&self.policy)).flat_map(|(a, s)| rows(&self.policy, a, s)) {
            wanted.entry(map).or_default().insert(Key::One(key), target);
        }
        for (place, key, target) in content.groups.rows() {
            wanted.entry(place).or_default().insert(key, target);
        }
        let of_devices = MAPS.iter().chain(&EXIT_MAPS).map(|(map, _)| *map);
        for map in of_devices.chain(Groups::places()) {
            match self.maps.read(map).await {
                Ok(found) if found == wanted.remove(map).unwrap_or_default() => {}
                Ok(_) => {
                    content.is_spoiled = true;
                    return Check::Changed;
                }
                Err(error) => return Check::Unknown(FirewallError::Maps(error)),
            }
        }
        Check::Whole
    }
}

/// The elements of an address.
fn rows(policy: &Policy, key: IpAddr, seat: Seat) -> impl Iterator<Item = Row> + use<> {
    let family = usize::from(key.is_ipv6());
    let number = Row { map: MAPS[family].0, key, target: Target::Address(policy.seen_as(key, seat.isolation)) };
    let exits = seat.exit.map(|country| {
        let to = |map: usize, chain| Row { map: EXIT_MAPS[map].0, key, target: Target::Goto(chain) };
        [to(family, states::exit_redirect(country)), to(family + 2, states::exit_input(country))]
    });
    std::iter::once(number).chain(exits.into_iter().flatten())
}
