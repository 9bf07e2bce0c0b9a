//! Entry points for the fuzz targets: answers of the kernel and of nft(8).

use crate::canary::take_counts;
use crate::config::Settings;
use crate::firewall::{Policy, chains, compare, drop_handles};
use crate::host::HostInterfaces;
use crate::netfilter;
use serde_json::Value;
use std::collections::BTreeSet;
use tornado_contracts::wg::TorLane;

/// Parses bytes of a netlink socket.
pub fn netlink(bytes: &[u8]) {
    netfilter::fuzzing::netlink(bytes);
}

/// Parses a listing of `nft -j`. Only a complete listing may compare equal to our rules, and taking the counters out
/// twice must find nothing the second time.
pub fn listing(text: &str) {
    let Ok(mut listing) = serde_json::from_str::<Value>(text) else { return };
    drop_handles(&mut listing);
    if let Ok(policy) = Policy::of(&Settings::default()) {
        let expected = chains(&policy, &HostInterfaces::default(), &TorLane::Closed.into(), &BTreeSet::new());
        let text = listing.to_string();
        if compare(&listing, &expected).is_ok() {
            for chain in &expected {
                assert!(text.contains(&*chain.name), "chain {} is not in the listing", chain.name);
            }
        }
    }
    take_counts(&mut listing);
    let before = listing.clone();
    let again = take_counts(&mut listing);
    assert!(listing == before && again.seen == 0 && again.leaks == 0, "counts remain in the listing");
}
