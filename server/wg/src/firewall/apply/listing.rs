//! Parses the kernel's listing of the table as nft(8) prints it. Pure.

use super::super::chain::Chain;
use super::super::render::groups::Limits;
use serde_json::Value;
use std::collections::BTreeSet;

/// The table without its elements.
#[derive(Debug)]
pub(super) struct Listing {
    /// Chains, rules, maps and sets, without handles.
    pub(super) objects: Value,
    /// Limits, kept separately because they come and go with accounts.
    pub(super) limits: Limits,
}

impl Listing {
    /// Parses the output of `nft -j list ruleset`.
    pub(super) fn of(mut ruleset: Value, table: &str) -> Self {
        keep_table(&mut ruleset, table);
        drop_handles(&mut ruleset);
        let mut limits = Limits::new();
        if let Some(objects) = ruleset["nftables"].as_array_mut() {
            objects.retain(|object| {
                let Some(limit) = object.get("limit") else { return true };
                limits.insert(limit["name"].as_str().unwrap_or_default().to_owned(), bytes(limit));
                false
            });
        }
        Self { objects: ruleset, limits }
    }
}

/// Rate and burst of a limit on bytes per second; `None` for other kinds of limit.
fn bytes(limit: &Value) -> Option<(u64, u64)> {
    // nft(8) prints a multiple of a larger unit in that unit.
    let count = |amount: &str, unit: &str| {
        let unit = match limit[unit].as_str()? {
            "bytes" => 1,
            "kbytes" => 1 << 10,
            "mbytes" => 1 << 20,
            _ => return None,
        };
        limit[amount].as_u64()?.checked_mul(unit)
    };
    let is_ours = limit["per"] == "second" && limit["inv"] == true;
    is_ours.then_some((count("rate", "rate_unit")?, count("burst", "burst_unit")?))
}

/// The objects of a listing without some chains and their rules.
pub(super) fn without<'a>(listing: &'a Value, chains: &BTreeSet<String>) -> Vec<&'a Value> {
    let is_of = |name: &Value| name.as_str().is_some_and(|name| chains.contains(name));
    let objects = listing["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
    objects.iter().filter(|o| !is_of(&o["chain"]["name"]) && !is_of(&o["rule"]["chain"])).collect()
}

/// Removes the objects of other tables and metadata.
fn keep_table(listing: &mut Value, table: &str) {
    let is_ours = |object: &Value| {
        let mut parts = object.as_object().into_iter().flatten();
        parts.any(|(kind, part)| if kind == "table" { part["name"] == *table } else { part["table"] == *table })
    };
    if let Some(objects) = listing["nftables"].as_array_mut() {
        objects.retain(is_ours);
    }
}

/// Removes handles. They change with every load and have no effect.
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
pub(crate) fn compare(listing: &Value, expected: &[Chain]) -> Result<(), String> {
    let objects = listing["nftables"].as_array().map(Vec::as_slice).unwrap_or_default();
    let count = objects.iter().filter(|o| o.get("chain").is_some()).count();
    if count != expected.len() {
        return Err(format!("{count} chains instead of {}", expected.len()));
    }
    for chain in expected {
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
                return Err(format!("chain {} has another type, hook, priority or policy", chain.name));
            }
        }
        let rules = objects.iter().filter_map(|o| o.get("rule")).filter(|r| r["chain"] == *chain.name);
        let names: Vec<&str> = rules.map(|r| r["comment"].as_str().unwrap_or_default()).collect();
        let expected: Vec<&str> = chain.rules.iter().map(|r| &*r.comment).collect();
        if names != expected {
            return Err(format!("the rules of chain {} differ", chain.name));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::firewall::policy::Policy;
    use crate::firewall::render::chains;
    use crate::host::HostInterfaces;
    use serde_json::json;
    use tornado_contracts::wg::TorLane;

    fn listing(expected: &[Chain]) -> Value {
        let mut objects = vec![json!({ "metainfo": { "version": "1.0.6" } })];
        for chain in expected {
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
    fn tables_of_other_programs_are_ignored() {
        let all = json!([{ "metainfo": {} }, { "table": { "name": "a" } }, { "table": { "name": "b" } },
            { "chain": { "table": "a" } }, { "rule": { "table": "b" } }, { "map": { "table": "a" } }]);
        let mut listing = json!({ "nftables": all });
        keep_table(&mut listing, "a");
        let ours = json!([{ "table": { "name": "a" } }, { "chain": { "table": "a" } }, { "map": { "table": "a" } }]);
        assert_eq!(listing, json!({ "nftables": ours }));
    }

    #[test]
    fn a_missing_rule_or_another_hook_is_detected() {
        let policy = Policy::of(&Settings::default()).unwrap();
        let expected = chains(&policy, &HostInterfaces::default(), &TorLane::Closed.into(), &BTreeSet::new());
        let good = listing(&expected);
        assert_eq!(compare(&good, &expected), Ok(()));

        let mut less = good.clone();
        let rules = less["nftables"].as_array_mut().unwrap();
        let at = rules.iter().position(|o| o["rule"]["chain"] == "forward").unwrap();
        rules.remove(at);
        assert_eq!(compare(&less, &expected), Err("the rules of chain forward differ".into()));

        let mut moved = good;
        let chain =
            moved["nftables"].as_array_mut().unwrap().iter_mut().find(|o| o["chain"]["name"] == "leak").unwrap();
        chain["chain"]["policy"] = "drop".into();
        assert!(compare(&moved, &expected).is_err());
    }

    #[test]
    fn limits_are_read_in_any_unit() {
        let limit = |name: &str, rate: (u64, &str), burst: (u64, &str)| {
            json!({ "limit": { "family": "inet", "table": "a", "name": name, "handle": 3, "per": "second", "inv": true,
                "rate": rate.0, "rate_unit": rate.1, "burst": burst.0, "burst_unit": burst.1 } })
        };
        let (one, two) =
            (limit("one", (2, "mbytes"), (512, "kbytes")), limit("two", (9001, "bytes"), (300_000, "bytes")));
        let mut three = limit("three", (1, "mbytes"), (256, "kbytes"));
        three["limit"]["inv"] = false.into();
        let ruleset = json!({ "nftables": [{ "table": { "name": "a" } }, one, two, three] });
        let Listing { objects, limits } = Listing::of(ruleset, "a");
        assert_eq!(objects, json!({ "nftables": [{ "table": { "name": "a" } }] }));
        let expected = [("one", Some((2 << 20, 512 << 10))), ("two", Some((9001, 300_000))), ("three", None)];
        assert_eq!(limits, expected.map(|(name, bytes)| (name.to_owned(), bytes)).into());
    }
}
