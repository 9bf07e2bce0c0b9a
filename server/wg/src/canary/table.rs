//! The canary's own table. Apart from the policy's, so that it still sees when that one is gone, and last of all
//! at postrouting: what it counts there was about to leave, whatever else had been changed.

use crate::firewall::{FirewallError, MARK, Nft, canary_table, drop_handles};
use serde_json::Value;
use tornado_shared::model::LaneAddresses;

/// Before everything, also before fragments are joined: each is counted as it came in.
const FIRST: i32 = -460;
/// After the policy's own last look.
const LAST: i32 = 350;

/// The table and what is known of it.
pub(crate) struct CanaryTable {
    nft: Nft,
    name: String,
    text: String,
    /// The kernel's listing right after loading, without handles and counts; none: not loaded.
    loaded: Option<Value>,
    before: Counts,
}

/// Packets since the table was loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Of the canary, entering by the tor lane.
    pub(crate) seen: u64,
    /// Of the canary, about to leave.
    pub(crate) leaks: u64,
}

impl std::ops::Add for Counts {
    type Output = Self;
    fn add(self, more: Self) -> Self {
        Self { seen: self.seen + more.seen, leaks: self.leaks + more.leaks }
    }
}

/// The whole table, replaced in one transaction. The canary is known by its source, also behind a translation:
/// connection tracking keeps the original one. Replies to it are no leak.
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
    /// Not loaded yet. `table` is the policy's.
    pub(crate) fn new(nft: Nft, table: &str, interface: &str, canary: LaneAddresses) -> Self {
        let name = canary_table(table);
        let text = render(&name, interface, canary);
        Self { nft, name, text, loaded: None, before: Counts::default() }
    }

    /// Its name in the kernel.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// True once it was loaded.
    pub(crate) const fn is_loaded(&self) -> bool {
        self.loaded.is_some()
    }

    /// Puts it into the kernel anew.
    pub(crate) async fn load(&mut self) -> Result<(), FirewallError> {
        self.loaded = None;
        self.before = Counts::default();
        self.nft.run(&["-f", "-"], Some(self.text.clone())).await?;
        self.loaded = Some(self.list().await?.0);
        Ok(())
    }

    /// What was counted since the last call. Fails when the table is not as it was loaded.
    pub(crate) async fn counts(&mut self) -> Result<Counts, FirewallError> {
        let (listing, now) = self.list().await?;
        if self.loaded.as_ref() != Some(&listing) {
            return Err(FirewallError::Differs("the canary's table was changed".into()));
        }
        let since = Counts {
            seen: now.seen.saturating_sub(self.before.seen),
            // A counter that was set back hides nothing.
            leaks: if now.leaks < self.before.leaks { now.leaks } else { now.leaks - self.before.leaks },
        };
        self.before = now;
        Ok(since)
    }

    /// Takes it away.
    pub(crate) async fn remove(&self) -> Result<(), FirewallError> {
        let name = &self.name;
        self.nft.run(&["-f", "-"], Some(format!("table inet {name}\ndelete table inet {name}\n"))).await.map(drop)
    }

    async fn list(&self) -> Result<(Value, Counts), FirewallError> {
        let text = self.nft.run(&["-j", "list", "table", "inet", &self.name], None).await?;
        let mut listing: Value = serde_json::from_str(&text)?;
        drop_handles(&mut listing);
        let counts = take_counts(&mut listing);
        Ok((listing, counts))
    }
}

/// Takes the counts out of a listing, so that what remains says only how the table is.
pub(crate) fn take_counts(listing: &mut Value) -> Counts {
    let mut counts = Counts::default();
    // Indexing would panic on what is no object.
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
    use crate::Config;

    #[test]
    fn table_of_the_defaults() {
        let config = Config::default();
        insta::assert_snapshot!(render("tornado_canary", "wg1", config.canary().unwrap()));
    }

    #[test]
    fn a_listing_of_another_form_does_no_harm() {
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
