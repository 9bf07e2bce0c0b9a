//! Puts the ruleset into the kernel with one call of nft(8), and reads it back.

use super::groups::Groups;
use super::nft::{DEADLINE, Nft};
use super::policy::Policy;
use super::render::{Chain, IsolationMap, Seat, chains, render};
use super::states;
use crate::netfilter::Maps;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};
use tornado_mesh::wg::{SetGroups, SetTorLane, TorLane};
use tornado_shared::model::CountryCode;

/// The policy could not be put in place.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// The program could not be run.
    #[error("cannot run nft: {0}; is the package nftables installed?")]
    Spawn(#[source] std::io::Error),
    /// It took too long.
    #[error("nft did not end within {DEADLINE:?}")]
    Late,
    /// It refused.
    #[error("nft refused: {0}")]
    Refused(String),
    /// Its answer was not understood.
    #[error("nft answered in a form that is not known: {0}")]
    Answer(#[from] serde_json::Error),
    /// The kernel did not change or show the maps of devices.
    #[error("the maps of devices: {0}")]
    Maps(#[source] std::io::Error),
    /// What was read back is not what was loaded.
    #[error("the ruleset in the kernel is not the policy: {0}")]
    Differs(String),
}

/// How the table in the kernel is.
#[derive(Debug)]
pub(crate) enum Check {
    /// As it was loaded.
    Whole,
    /// Somebody changed it or took it away.
    Changed,
    /// We failed to load it: whatever it is, it is our own doing.
    NotLoaded,
    /// It could not be read.
    Unknown(FirewallError),
}

/// The table of one policy.
pub(crate) struct Firewall {
    pub(super) policy: Policy,
    pub(super) nft: Nft,
    pub(super) maps: Maps,
    pub(super) content: Mutex<Content>,
    /// The state for those who only ask: they wait for nothing that is being done.
    shown: std::sync::Mutex<SetTorLane>,
}

/// What the table should hold besides the policy.
pub(super) struct Content {
    pub(super) state: SetTorLane,
    pub(super) isolation: IsolationMap,
    /// Accounts that are treated otherwise than most.
    pub(super) groups: Groups,
    /// Countries that have chains. One that has them keeps them until the service ends: empty ones do no harm.
    pub(super) countries: BTreeSet<CountryCode>,
    /// The kernel's listing right after loading, without handles and elements. Anything else later is
    /// somebody's change.
    pub(super) loaded: Option<Value>,
    /// Elements of the maps were found to be others than ours: the whole table is to be loaded.
    pub(super) is_spoiled: bool,
}

impl Firewall {
    pub(crate) fn new(policy: Policy, nft: Nft, maps: Maps) -> Self {
        let content = Content {
            state: TorLane::Closed.into(),
            isolation: IsolationMap::new(),
            groups: Groups::default(),
            countries: BTreeSet::new(),
            loaded: None,
            is_spoiled: false,
        };
        let shown = std::sync::Mutex::new(content.state.clone());
        Self { policy, nft, maps, content: Mutex::new(content), shown }
    }

    /// Replaces the table atomically, reads it back and compares.
    pub(crate) async fn apply(&self) -> Result<(), FirewallError> {
        self.apply_all(&mut self.content.lock().await).await
    }

    pub(super) async fn apply_all(&self, content: &mut MutexGuard<'_, Content>) -> Result<(), FirewallError> {
        content.loaded = None;
        let text = render(&self.policy, &content.state, &content.countries, &content.isolation, &content.groups);
        self.nft.run(&["-f", "-"], Some(text)).await?;
        content.is_spoiled = false;
        self.read_back(content).await
    }

    pub(super) async fn read_back(&self, content: &mut MutexGuard<'_, Content>) -> Result<(), FirewallError> {
        let listing = self.list().await?;
        compare(&listing, &chains(&self.policy, &content.state, &content.countries)).map_err(FirewallError::Differs)?;
        content.loaded = Some(listing);
        Ok(())
    }

    /// The state of the tor lane that the table has, or should have, with its exit countries.
    pub(crate) fn state(&self) -> SetTorLane {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts the tor lane into a state, in one transaction. Says how long that took. After an error the wanted
    /// state is `Closed`; whether the kernel has it is not known until [`Firewall::apply`] succeeds.
    pub(crate) async fn switch(&self, state: SetTorLane) -> Result<Duration, FirewallError> {
        let mut content = self.content.lock().await;
        let started = Instant::now();
        content.countries.extend(state.exits.keys());
        content.state = state;
        content.loaded = None;
        let text = states::switch(&self.policy, &content.state, &content.countries);
        let switched = match self.nft.run(&["-f", "-"], Some(text)).await {
            Ok(_) => {
                let took = started.elapsed();
                self.read_back(&mut content).await.map(|()| took)
            }
            // The table may have been taken away or changed: all of it, also one transaction.
            Err(_) => self.apply_all(&mut content).await.map(|()| started.elapsed()),
        };
        if switched.is_err() {
            content.state = TorLane::Closed.into();
        }
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&content.state);
        switched
    }

    /// Makes the accounts that are treated otherwise exactly these, in one transaction. When that fails the whole table
    /// is loaded anew, with them.
    pub(crate) async fn set_groups(&self, groups: Groups) -> Result<(), FirewallError> {
        let mut content = self.content.lock().await;
        let change = groups.change_from(&content.groups, &self.policy.table);
        if change.is_empty() {
            return Ok(());
        }
        content.groups = groups;
        // With other limits the listing is another one.
        content.loaded = None;
        match self.nft.run(&["-f", "-"], Some(change)).await {
            Ok(_) => self.read_back(&mut content).await,
            Err(error) => {
                tracing::warn!(%error, "loading the whole table anew");
                self.apply_all(&mut content).await
            }
        }
    }

    /// What is wanted of groups, as the table will have it.
    pub(crate) fn groups_of(&self, wanted: &SetGroups) -> Result<Groups, &'static str> {
        Groups::of(wanted, &self.policy)
    }

    /// Compares the table in the kernel with the one that was loaded.
    pub(crate) async fn check(&self) -> Check {
        let content = self.content.lock().await;
        let Some(then) = content.loaded.as_ref().filter(|_| !content.is_spoiled) else { return Check::NotLoaded };
        match self.list().await {
            Ok(now) if now == *then => Check::Whole,
            Ok(_) => Check::Changed,
            Err(error) => Check::Unknown(error),
        }
    }

    /// True when the table in the kernel is still the one that was loaded.
    pub(crate) async fn verify(&self) -> bool {
        matches!(self.check().await, Check::Whole)
    }

    /// Under which address Tor sees a device.
    pub(crate) fn seen_as(&self, device: IpAddr, seat: Seat) -> IpAddr {
        self.policy.seen_as(device, seat.isolation)
    }

    /// Takes the table away.
    pub(crate) async fn remove(&self) -> Result<(), FirewallError> {
        let table = &self.policy.table;
        self.nft.run(&["-f", "-"], Some(format!("table inet {table}\ndelete table inet {table}\n"))).await.map(drop)
    }

    /// The table without elements; nothing when there is none.
    async fn list(&self) -> Result<Value, FirewallError> {
        // Not `list table`: there nft 1.0.6 reads every element, also to show none, 0.8 s for 25,000 devices.
        let text = self.nft.run(&["-j", "-t", "list", "ruleset", "inet"], None).await?;
        let mut listing: Value = serde_json::from_str(&text)?;
        keep_table(&mut listing, &self.policy.table);
        drop_handles(&mut listing);
        Ok(listing)
    }
}

/// Drops everything that is of other tables, and what says nothing of ours.
fn keep_table(listing: &mut Value, table: &str) {
    let is_ours = |object: &Value| {
        let mut parts = object.as_object().into_iter().flatten();
        parts.any(|(kind, part)| if kind == "table" { part["name"] == *table } else { part["table"] == *table })
    };
    if let Some(objects) = listing["nftables"].as_array_mut() {
        objects.retain(is_ours);
    }
}

/// Handles change whenever the table is loaded again; they are not part of what it does.
pub(crate) fn drop_handles(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("handle");
            map.values_mut().for_each(drop_handles);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_handles),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Compares a listing with the policy: the same chains on the same hooks, the same rules in the same order.
pub(crate) fn compare(listing: &Value, wanted: &[Chain]) -> Result<(), String> {
    let objects = listing["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let count = objects.iter().filter(|o| o.get("chain").is_some()).count();
    if count != wanted.len() {
        return Err(format!("{count} chains instead of {}", wanted.len()));
    }
    for chain in wanted {
        let found = objects
            .iter()
            .filter_map(|o| o.get("chain"))
            .find(|c| c["name"] == *chain.name)
            .ok_or_else(|| format!("chain {} is missing", chain.name))?;
        if let Some(base) = chain.base {
            let same = found["hook"] == base.hook
                && found["type"] == base.kind
                && found["prio"] == base.priority
                && found["policy"] == "accept";
            if !same {
                return Err(format!("chain {} hangs elsewhere", chain.name));
            }
        }
        let rules = objects.iter().filter_map(|o| o.get("rule")).filter(|r| r["chain"] == *chain.name);
        let names: Vec<&str> = rules.map(|r| r["comment"].as_str().unwrap_or_default()).collect();
        let wanted: Vec<&str> = chain.rules.iter().map(|r| r.comment).collect();
        if names != wanted {
            return Err(format!("chain {} has other rules", chain.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;
    use serde_json::json;

    fn listing(wanted: &[Chain]) -> Value {
        let mut objects = vec![json!({ "metainfo": { "version": "1.0.6" } })];
        for chain in wanted {
            let mut object = json!({ "name": chain.name, "handle": 7 });
            if let Some(base) = chain.base {
                object["hook"] = base.hook.into();
                object["type"] = base.kind.into();
                object["prio"] = base.priority.into();
                object["policy"] = "accept".into();
            }
            objects.push(json!({ "chain": object }));
            for rule in &chain.rules {
                objects.push(json!({ "rule": { "chain": chain.name, "comment": rule.comment, "handle": 9 } }));
            }
        }
        json!({ "nftables": objects })
    }

    #[test]
    fn tables_of_others_are_left_out() {
        let all = json!([{ "metainfo": {} }, { "table": { "name": "a" } }, { "table": { "name": "b" } },
            { "chain": { "table": "a" } }, { "rule": { "table": "b" } }, { "map": { "table": "a" } }]);
        let mut listing = json!({ "nftables": all });
        keep_table(&mut listing, "a");
        let ours = json!([{ "table": { "name": "a" } }, { "chain": { "table": "a" } }, { "map": { "table": "a" } }]);
        assert_eq!(listing, json!({ "nftables": ours }));
    }

    #[test]
    fn a_missing_rule_or_another_hook_is_seen() {
        let wanted = chains(&Policy::of(&Config::default()).unwrap(), &TorLane::Closed.into(), &BTreeSet::new());
        let good = listing(&wanted);
        assert_eq!(compare(&good, &wanted), Ok(()));

        let mut less = good.clone();
        let rules = less["nftables"].as_array_mut().unwrap();
        let at = rules.iter().position(|o| o["rule"]["chain"] == "forward").unwrap();
        rules.remove(at);
        assert_eq!(compare(&less, &wanted), Err("chain forward has other rules".into()));

        let mut moved = good;
        let chain =
            moved["nftables"].as_array_mut().unwrap().iter_mut().find(|o| o["chain"]["name"] == "leak").unwrap();
        chain["chain"]["policy"] = "drop".into();
        assert!(compare(&moved, &wanted).is_err());
    }
}
