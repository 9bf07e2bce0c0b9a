//! Cryptokey routing: maps addresses to peers.

use ipnet::IpNet;
use std::collections::HashMap;
use std::net::IpAddr;

/// Index of a peer in the table.
pub(super) type Slot = usize;

/// Addresses and prefixes, each of which belongs to one peer. A packet goes to the peer with the longest matching
/// prefix.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// Single addresses.
    hosts: HashMap<IpAddr, Slot>,
    /// Shorter prefixes, longest first. A server has none, a device two.
    wide: Vec<(IpNet, Slot)>,
}

fn is_host(net: &IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

impl Routes {
    /// The peer that gets packets for `address` and may send packets from it.
    pub(super) fn find(&self, address: IpAddr) -> Option<Slot> {
        if let Some(slot) = self.hosts.get(&address) {
            return Some(*slot);
        }
        self.wide.iter().find(|(net, _)| net.contains(&address)).map(|(_, slot)| *slot)
    }

    /// Assigns `net`, whose host part must be zero, to a peer. Returns its previous peer.
    pub(super) fn insert(&mut self, net: IpNet, slot: Slot) -> Option<Slot> {
        if is_host(&net) {
            return self.hosts.insert(net.addr(), slot);
        }
        if let Some((_, owner)) = self.wide.iter_mut().find(|(known, _)| *known == net) {
            return Some(std::mem::replace(owner, slot));
        }
        let at = self.wide.partition_point(|(known, _)| known.prefix_len() >= net.prefix_len());
        self.wide.insert(at, (net, slot));
        None
    }

    /// Removes `net` from that peer, if it belongs to it.
    pub(super) fn remove(&mut self, net: IpNet, slot: Slot) {
        if is_host(&net) {
            if self.hosts.get(&net.addr()) == Some(&slot) {
                self.hosts.remove(&net.addr());
            }
        } else {
            self.wide.retain(|known| *known != (net, slot));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.hosts.len() + self.wide.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net() -> impl Strategy<Value = IpNet> {
        // Few addresses, so that prefixes contain each other.
        let v4 = (0_u8..4, 0_u8..3, prop_oneof![Just(0_u8), Just(8), Just(24), Just(31), Just(32)])
            .prop_map(|(a, b, length)| IpNet::new([10, 0, a, b].into(), length).unwrap().trunc());
        let v6 = (0_u16..3, prop_oneof![Just(0_u8), Just(64), Just(127), Just(128)])
            .prop_map(|(a, length)| IpNet::new([0xfd00, 0, 0, 0, 0, 0, 0, a].into(), length).unwrap().trunc());
        prop_oneof![v4, v6]
    }

    proptest! {
        /// A linear search gives the same result.
        #[test]
        fn the_longest_prefix_decides(
            steps in prop::collection::vec((net(), 0_usize..4, any::<bool>()), 0..40),
            asked in net(),
        ) {
            let (mut routes, mut list) = (Routes::default(), Vec::<(IpNet, Slot)>::new());
            for (net, slot, is_put) in steps {
                if is_put {
                    let before = list.iter().position(|(known, _)| *known == net).map(|at| list.remove(at).1);
                    list.push((net, slot));
                    prop_assert_eq!(routes.insert(net, slot), before);
                } else {
                    list.retain(|known| *known != (net, slot));
                    routes.remove(net, slot);
                }
                let holders = list.iter().filter(|(known, _)| known.contains(&asked.addr()));
                let expected = holders.max_by_key(|(known, _)| known.prefix_len()).map(|(_, slot)| *slot);
                prop_assert_eq!(routes.find(asked.addr()), expected);
                prop_assert_eq!(routes.len(), list.len());
            }
        }
    }
}
