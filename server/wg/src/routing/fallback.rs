//! Second layer of protection, which works without nftables: rules and routes that keep the lanes' traffic off the
//! default route and devices apart, even while an interface or the whole ruleset is missing.
//!
//! | preference | rule | reason |
//! |---|---|---|
//! | 99 | direct lane to its own pool, with the firewall's mark: main table | peer groups; no mark without nftables |
//! | 100 | from the tor lane: prohibited | the tor lane is never forwarded |
//! | 101 | direct lane to either pool: prohibited | devices must not reach each other |
//! | 102 | host, from a gateway address to a pool: main table | the server's answers to devices |
//! | 103 | host, from a gateway address to any other destination: prohibited | only devices may receive these |
//!
//! Both pools have an unreachable route in the main table with the highest metric. The routes of the interfaces take
//! precedence while they exist.

use super::rule::{MAIN, Rule, is_absent, route_to};
use crate::config::Settings;
use crate::error::Error;
use crate::host::netlink::{Netlink, NetlinkError, failed};
use crate::model::PEER_GROUP_MARK;
use ipnet::IpNet;
use nix::libc::EEXIST;
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteType};
use rtnetlink::packet_route::rule::RuleAction;
use std::net::IpAddr;
use tornado_shared::model::Lane;

/// The highest metric, so that every other route takes precedence.
const LAST: u32 = u32::MAX;

/// The rules and routes of the second layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fallback {
    rules: Vec<Rule>,
    pools: Vec<IpNet>,
}

impl Fallback {
    pub(super) fn of(config: &Settings, with_ipv6: bool) -> Result<Self, Error> {
        let mut this = Self { rules: Vec::new(), pools: Vec::new() };
        for is_v4 in std::iter::once(true).chain(with_ipv6.then_some(false)) {
            this.add_family(config, is_v4)?;
        }
        Ok(this)
    }

    fn add_family(&mut self, config: &Settings, is_v4: bool) -> Result<(), Error> {
        let pool = |lane| {
            let pool = config.wiring.lanes.pools.of(lane);
            if is_v4 { IpNet::V4(pool.v4) } else { IpNet::V6(pool.v6) }
        };
        let rule = |what, preference, input: &str, to, action| {
            let (input, table) = (Some(input.to_owned()), MAIN);
            Rule { what, preference, input, from: None, to, mark: None, action, table, is_v4 }
        };
        let what = "the rule for peer groups";
        let to_main = rule(what, 99, &config.own.direct, Some(pool(Lane::Direct)), RuleAction::ToTable);
        self.rules.push(Rule { mark: Some(PEER_GROUP_MARK), ..to_main });
        let prohibit = RuleAction::Prohibit;
        self.rules.push(rule(
            "the rule that prohibits forwarding from the tor lane",
            100,
            &config.own.tor,
            None,
            prohibit,
        ));
        for lane in Lane::ALL {
            let what = "the rule that separates devices";
            self.rules.push(rule(what, 101, &config.own.direct, Some(pool(lane)), prohibit));
        }
        for lane in Lane::ALL {
            let gateway = config.gateway(lane)?;
            let gateway: IpAddr = if is_v4 { gateway.v4.into() } else { gateway.v6.into() };
            let from = Some(IpNet::from(gateway));
            for to in Lane::ALL {
                // Also to the other lane's pool: a rejection is sent from the address that was addressed.
                let what = "the rule for the server's answers to devices";
                self.rules.push(Rule { from, ..rule(what, 102, "lo", Some(pool(to)), RuleAction::ToTable) });
            }
            let what = "the rule that keeps the gateway's packets on the host";
            self.rules.push(Rule { from, ..rule(what, 103, "lo", None, prohibit) });
            self.pools.push(pool(lane));
        }
        Ok(())
    }

    /// Adds the missing parts of the second layer. Returns descriptions of what was missing.
    pub(super) async fn add_missing(&self, netlink: &Netlink) -> Result<Vec<&'static str>, NetlinkError> {
        let mut missing = Vec::new();
        for rule in &self.rules {
            match rule.add(netlink).await {
                Ok(()) => missing.push(rule.what),
                Err(error) if error.errno() == Some(EEXIST) => {}
                Err(error) => return Err(error),
            }
        }
        for pool in &self.pools {
            let added = netlink.handle().route().add(unreachable(*pool)).execute().await;
            match added.map_err(|e| failed(format!("add the unreachable route to {pool}"), e)) {
                Ok(()) => missing.push("the unreachable route of a pool"),
                Err(error) if error.errno() == Some(EEXIST) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// Removes the second layer, including rules and routes of an earlier process.
    pub(super) async fn remove(&self, netlink: &Netlink) -> Result<(), NetlinkError> {
        for rule in &self.rules {
            // There is more than one if another program added an equal rule.
            while rule.remove(netlink).await? {}
        }
        for pool in &self.pools {
            match netlink.handle().route().del(unreachable(*pool)).execute().await {
                Ok(()) => {}
                Err(error) => is_absent(failed(format!("remove the unreachable route to {pool}"), error))?,
            }
        }
        Ok(())
    }
}

fn unreachable(pool: IpNet) -> RouteMessage {
    let mut route = route_to(pool);
    route.header.kind = RouteType::Unreachable;
    route.attributes.push(RouteAttribute::Priority(LAST));
    route
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lanes_and_both_families_are_protected() {
        let fallback = Fallback::of(&Settings::default(), true).unwrap();
        assert_eq!((fallback.rules.len(), fallback.pools.len()), (20, 4));
        for pool in &fallback.pools {
            let apart = fallback.rules.iter().filter(|r| r.preference == 101 && r.to == Some(*pool));
            assert!(apart.clone().all(|r| r.action == RuleAction::Prohibit && r.input.as_deref() == Some("wg0")));
            assert_eq!(apart.count(), 1, "{pool}");
        }
        let tor =
            fallback.rules.iter().filter(|r| r.input.as_deref() == Some("wg1") && r.action == RuleAction::Prohibit);
        assert_eq!(tor.map(|r| r.is_v4).collect::<Vec<_>>(), [true, false]);
        // A gateway's own packets: allowed to a pool before they are prohibited to all other destinations.
        for rule in fallback.rules.iter().filter(|r| r.preference == 103) {
            assert!(fallback.rules.iter().any(|r| r.preference == 102 && r.from == rule.from && r.to.is_some()));
        }
        assert_eq!(Fallback::of(&Settings::default(), false).unwrap().pools.len(), 2);
    }
}
