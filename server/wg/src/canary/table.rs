//! The canary's own table. It is separate from the policy's table, so that it works when that one is missing. Its chain
//! is the last one at postrouting: a packet counted there was about to leave, whatever else was changed.

use crate::firewall::{FirewallError, MARK, Nft, canary_table, drop_handles};
use serde_json::Value;
use tornado_shared::model::LaneAddresses;

/// Priority before all other chains and before defragmentation, so that each fragment is counted.
const FIRST: i32 = -460;
/// Priority after the policy's own postrouting chain.
const LAST: i32 = 350;

pub(crate) struct CanaryTable {
    nft: Nft,
    name: String,
    text: String,
    /// The kernel's listing directly after loading, without handles and counters; `None` if not loaded.
    loaded: Option<Value>,
    before: Counts,
}

/// Packets counted since the table was loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Packets of the canary that entered by the tor lane.
    pub(crate) seen: u64,
    /// Packets of the canary that were about to leave.
    pub(crate) leaks: u64,
}

impl std::ops::Add for Counts {
    type Output = Self;
    fn add(self, more: Self) -> Self {
        Self { seen: self.seen + more.seen, leaks: self.leaks + more.leaks }
    }
}

/// Renders the whole table, to be replaced in one transaction. The canary is recognised by its source address, even
/// after a translation, because connection tracking keeps the original address. Replies to the canary are not leaks.
#[must_use]
fn render(name: &str, interface: &str, canary: LaneAddresses) -> String {
    let LaneAddresses { v4, v6 } = canary;
    format!(
        "table inet {name}\ndelete table inet {name}\ntable inet {name} {{\n\
         \tchain {MARK} {{\n\t}}\n\tcounter seen {{\n\t}}\n\tcounter leaks {{\n\t}}\n\
         \tchain enter {{\n\t\ttype filter hook prerouting priority {FIRST}; policy accept;\n\
         \t\tiifname \"{interface}\" ip saddr {v4} counter name seen\n\
         \t\tiifname \"{interface}\" ip6 saddr {v6} counter name seen\n\t}}\n\
         \tchain leave {{\n\t\ttype filter hook postrouting priority {LAST}; policy accept;\n\
         \t\toifname \"lo\" return\n\
         \t\tip saddr {v4} counter name leaks drop\n\
         \t\tip6 saddr {v6} counter name leaks drop\n\
         \t\tct direction original ct original ip saddr {v4} counter name leaks drop\n\
         \t\tct direction original ct original ip6 saddr {v6} counter name leaks drop\n\t}}\n}}\n"
    )
}

impl CanaryTable {
    /// Creates the table without loading it. `table` is the name of the policy's table.
    pub(crate) fn new(nft: Nft, table: &str, interface: &str, canary: LaneAddresses) -> Self {
        let name = canary_table(table);
        let text = render(&name, interface, canary);
        Self { nft, name, text, loaded: None, before: Counts::default() }
    }

    /// Name of the table in the kernel.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn is_loaded(&self) -> bool {
        self.loaded.is_some()
    }

    /// Loads the table, replacing an existing one.
    pub(crate) async fn load(&mut self) -> Result<(), FirewallError> {
        self.loaded = None;
        self.before = Counts::default();
        self.nft.load(self.text.clone()).await?;
        self.loaded = Some(self.list().await?.0);
        Ok(())
    }

    /// Returns the packets counted since the last call.
    ///
    /// # Errors
    ///
    /// Fails if the table differs from what was loaded, or cannot be listed.
    pub(crate) async fn counts(&mut self) -> Result<Counts, FirewallError> {
        let (listing, now) = self.list().await?;
        if self.loaded.as_ref() != Some(&listing) {
            return Err(FirewallError::Differs("the canary's table was changed".into()));
        }
        let since = Counts {
            seen: now.seen.saturating_sub(self.before.seen),
            // A reset counter must not hide packets.
            leaks: if now.leaks < self.before.leaks { now.leaks } else { now.leaks - self.before.leaks },
        };
        self.before = now;
        Ok(since)
    }

    /// Removes the table.
    pub(crate) async fn remove(&self) -> Result<(), FirewallError> {
        self.nft.remove_table(&self.name).await
    }

    async fn list(&self) -> Result<(Value, Counts), FirewallError> {
        let text = self.nft.run(&["-j", "list", "table", "inet", &self.name], None).await?;
        let mut listing: Value = serde_json::from_str(&text)?;
        drop_handles(&mut listing);
        let counts = take_counts(&mut listing);
        Ok((listing, counts))
    }
}

/// Takes the counters out of a listing, so that the rest describes only the structure of the table.
pub(crate) fn take_counts(listing: &mut Value) -> Counts {
    let mut counts = Counts::default();
    // Indexing would panic on a value that is not an object.
    let objects = listing.get_mut("nftables").and_then(Value::as_array_mut);
    for object in objects.into_iter().flatten() {
        let Some(counter) = object.get_mut("counter").and_then(Value::as_object_mut) else { continue };
        let packets = counter.get("packets").and_then(Value::as_u64).unwrap_or(0);
        match counter.get("name").and_then(Value::as_str) {
            Some("seen") => counts.seen = packets,
            Some("leaks") => counts.leaks = packets,
            Some(_) | None => {}
        }
        counter.insert("packets".into(), Value::Null);
        counter.insert("bytes".into(), Value::Null);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    #[test]
    fn table_of_the_defaults() {
        let config = Settings::default();
        insta::assert_snapshot!(render("tornado_canary", "wg1", config.canary().unwrap()));
    }

    #[test]
    fn a_listing_of_another_form_has_no_counts() {
        for text in
            ["[]", "7", "{}", r#"{"nftables":{"counter":1}}"#, r#"{"nftables":[{"counter":"seen"},{"counter":[1]}]}"#]
        {
            let mut listing = serde_json::from_str(text).unwrap();
            assert_eq!(take_counts(&mut listing), Counts::default(), "{text}");
        }
    }

    #[test]
    fn counts_are_taken_out_of_the_listing() {
        let listing = |seen: u64, leaks: u64| {
            serde_json::json!({ "nftables": [
                { "counter": { "name": "seen", "packets": seen, "bytes": 7 } },
                { "counter": { "name": "leaks", "packets": leaks, "bytes": 7 } },
            ] })
        };
        let (mut one, mut two) = (listing(3, 1), listing(9, 2));
        assert_eq!(take_counts(&mut one), Counts { seen: 3, leaks: 1 });
        assert_eq!(take_counts(&mut two), Counts { seen: 9, leaks: 2 });
        assert_eq!(one, two);
    }
}
