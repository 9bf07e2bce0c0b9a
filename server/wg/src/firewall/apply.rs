//! Puts the ruleset into the kernel with one call of nft(8), and reads it back.

use super::nft::{DEADLINE, Nft};
use super::policy::Policy;
use super::render::{Chain, IsolationMap, Seat, chains, isolate, render};
use super::states;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};
use tornado_mesh::wg::{SetTorLane, TorLane};
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
    policy: Policy,
    nft: Nft,
    content: Mutex<Content>,
}

/// What the table should hold besides the policy.
struct Content {
    state: SetTorLane,
    isolation: IsolationMap,
    /// Countries that have chains. One that has them keeps them until the service ends: empty ones do no harm.
    countries: BTreeSet<CountryCode>,
    /// The kernel's listing right after loading, without handles and elements. Anything else later is
    /// somebody's change.
    loaded: Option<Value>,
}

impl Firewall {
    pub(crate) fn new(policy: Policy, nft: Nft) -> Self {
        let content = Content {
            state: TorLane::Closed.into(),
            isolation: IsolationMap::new(),
            countries: BTreeSet::new(),
            loaded: None,
        };
        Self { policy, nft, content: Mutex::new(content) }
    }

    /// Replaces the table atomically, reads it back and compares.
    pub(crate) async fn apply(&self) -> Result<(), FirewallError> {
        self.apply_all(&mut self.content.lock().await).await
    }

    async fn apply_all(&self, content: &mut MutexGuard<'_, Content>) -> Result<(), FirewallError> {
        content.loaded = None;
        let text = render(&self.policy, &content.state, &content.countries, &content.isolation);
        self.nft.run(&["-f", "-"], Some(text)).await?;
        self.read_back(content).await
    }

    async fn read_back(&self, content: &mut MutexGuard<'_, Content>) -> Result<(), FirewallError> {
        let listing = self.list().await?;
        compare(&listing, &chains(&self.policy, &content.state, &content.countries)).map_err(FirewallError::Differs)?;
        content.loaded = Some(listing);
        Ok(())
    }

    /// The state of the tor lane that the table has, or should have, with its exit countries.
    pub(crate) async fn state(&self) -> SetTorLane {
        self.content.lock().await.state.clone()
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
        switched
    }

    /// Puts devices into the isolation maps, takes addresses out: one transaction, none when nothing changes.
    pub(crate) async fn isolate(&self, put: IsolationMap, gone: Vec<IpAddr>) -> Result<(), FirewallError> {
        let mut content = self.content.lock().await;
        let put: IsolationMap = put.into_iter().filter(|(a, seat)| content.isolation.get(a) != Some(seat)).collect();
        let gone = gone.into_iter().chain(put.keys().copied());
        let gone: IsolationMap = gone.filter_map(|a| Some((a, *content.isolation.get(&a)?))).collect();
        if put.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let change = isolate(&self.policy, &gone, &put);
        content.isolation.retain(|address, _| !gone.contains_key(address));
        let chains = content.countries.len();
        content.countries.extend(put.values().filter_map(|seat| seat.exit));
        content.isolation.extend(put);
        match self.nft.run(&["-f", "-"], Some(change)).await {
            // With new chains the table is not the one that was loaded.
            Ok(_) if content.countries.len() > chains => self.read_back(&mut content).await,
            Ok(_) => Ok(()),
            Err(_) => self.apply_all(&mut content).await,
        }
    }

    /// Addresses in the isolation maps.
    pub(crate) async fn isolated(&self) -> Vec<IpAddr> {
        self.content.lock().await.isolation.keys().copied().collect()
    }

    /// Compares the table in the kernel with the one that was loaded.
    pub(crate) async fn check(&self) -> Check {
        let content = self.content.lock().await;
        match (self.list().await, content.loaded.as_ref()) {
            (_, None) => Check::NotLoaded,
            (Ok(now), Some(then)) if now == *then => Check::Whole,
            // There is no such table.
            (Ok(_) | Err(FirewallError::Refused(_)), Some(_)) => Check::Changed,
            (Err(error), Some(_)) => Check::Unknown(error),
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

    async fn list(&self) -> Result<Value, FirewallError> {
        let text = self.nft.run(&["-j", "-t", "list", "table", "inet", &self.policy.table], None).await?;
        let mut listing: Value = serde_json::from_str(&text)?;
        drop_handles(&mut listing);
        Ok(listing)
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
fn compare(listing: &Value, wanted: &[Chain]) -> Result<(), String> {
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
