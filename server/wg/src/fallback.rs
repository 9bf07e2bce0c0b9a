//! The second layer, which holds without nftables: rules and routes by which nothing of the lanes leaves by the default
//! route, and no device reaches another, also while an interface or the whole ruleset is away.
//!
//! | preference | rule | reason |
//! |---|---|---|
//! | 99 | what came in by the direct lane for its own pool with the firewall's mark uses the main table | an operator lets those devices meet; without nftables nothing has the mark |
//! | 100 | what came in by the tor lane is prohibited | it is never forwarded |
//! | 101 | what came in by the direct lane for either pool is prohibited | devices never reach each other |
//! | 102 | the server's own answers from a gateway address to a pool use the main table | they go to devices |
//! | 103 | and from a gateway address to anywhere else are prohibited | they are for nobody else |
//!
//! Both pools are unreachable in the main table with the last metric: the routes of the interfaces win while they exist.

use crate::netlink::{Netlink, NetlinkError, failed};
use crate::{Config, Error};
use ipnet::IpNet;
use nix::libc::{EEXIST, ENOENT, ESRCH};
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{RouteMessage, RouteType};
use rtnetlink::packet_route::rule::{RuleAction, RuleMessage};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tornado_shared::model::Lane;

/// What the firewall puts on packets between devices that may meet.
pub(crate) const MEETING: u32 = 0x7d0e_6e61;

/// Main routing table.
const MAIN: u32 = 254;
/// The last metric.
const LAST: u32 = u32::MAX;

/// One rule. All after the local table (0), so what is for the server itself still reaches its firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    what: &'static str,
    preference: u32,
    /// Came in by; `lo` for what the host sends itself.
    input: String,
    from: Option<IpNet>,
    to: Option<IpNet>,
    mark: Option<u32>,
    action: RuleAction,
    is_v4: bool,
}

/// The second layer of a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fallback {
    rules: Vec<Rule>,
    pools: Vec<IpNet>,
}

impl Fallback {
    pub(crate) fn of(config: &Config, with_ipv6: bool) -> Result<Self, Error> {
        let mut this = Self { rules: Vec::new(), pools: Vec::new() };
        for is_v4 in std::iter::once(true).chain(with_ipv6.then_some(false)) {
            this.family(config, is_v4)?;
        }
        Ok(this)
    }

    fn family(&mut self, config: &Config, is_v4: bool) -> Result<(), Error> {
        let pool = |lane| {
            let pool = config.pools.of(lane);
            if is_v4 { IpNet::V4(pool.v4) } else { IpNet::V6(pool.v6) }
        };
        let rule = |what, preference, input: &str, to, action| {
            let input = input.to_owned();
            Rule { what, preference, input, from: None, to, mark: None, action, is_v4 }
        };
        let what = "the rule for devices that may meet";
        let meet = rule(what, 99, &config.direct, Some(pool(Lane::Direct)), RuleAction::ToTable);
        self.rules.push(Rule { mark: Some(MEETING), ..meet });
        let prohibit = RuleAction::Prohibit;
        self.rules.push(rule("the rule that never forwards the tor lane", 100, &config.tor, None, prohibit));
        for lane in Lane::ALL {
            let what = "the rule that keeps devices apart";
            self.rules.push(rule(what, 101, &config.direct, Some(pool(lane)), prohibit));
        }
        for lane in Lane::ALL {
            let gateway = config.gateway(lane)?;
            let gateway: IpAddr = if is_v4 { gateway.v4.into() } else { gateway.v6.into() };
            let from = Some(IpNet::from(gateway));
            for to in Lane::ALL {
                // Also to the other lane: refusals come from the address that was called.
                let what = "the rule for the server's own answers to devices";
                self.rules.push(Rule { from, ..rule(what, 102, "lo", Some(pool(to)), RuleAction::ToTable) });
            }
            let what = "the rule that keeps the gateway's packets on the host";
            self.rules.push(Rule { from, ..rule(what, 103, "lo", None, prohibit) });
            self.pools.push(pool(lane));
        }
        Ok(())
    }
}

impl Netlink {
    /// Puts what is missing of the second layer in place. Returns what was missing.
    pub(crate) async fn hold(&self, fallback: &Fallback) -> Result<Vec<&'static str>, NetlinkError> {
        let mut missing = Vec::new();
        for rule in &fallback.rules {
            let mut add = self.handle.rule().add();
            *add.message_mut() = self.rule(rule);
            // Exclusive: the kernel refuses what is there already.
            match add.execute().await.map_err(|e| failed(format!("add {}", rule.what), e)) {
                Ok(()) => missing.push(rule.what),
                Err(error) if error.errno() == Some(EEXIST) => {}
                Err(error) => return Err(error),
            }
        }
        for pool in &fallback.pools {
            let added = self.handle.route().add(unreachable(*pool)).execute().await;
            match added.map_err(|e| failed(format!("make {pool} unreachable"), e)) {
                Ok(()) => missing.push("the route that keeps packets for devices from leaving"),
                Err(error) if error.errno() == Some(EEXIST) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(missing)
    }

    /// Takes the second layer away, also what a former life left of it.
    pub(crate) async fn release(&self, fallback: &Fallback) -> Result<(), NetlinkError> {
        for rule in &fallback.rules {
            // More than one where another program made the like.
            while self.remove(rule).await? {}
        }
        for pool in &fallback.pools {
            match self.handle.route().del(unreachable(*pool)).execute().await {
                Ok(()) => {}
                Err(error) => is_absent(failed(format!("let {pool} go"), error))?,
            }
        }
        Ok(())
    }

    /// False when there was none.
    async fn remove(&self, rule: &Rule) -> Result<bool, NetlinkError> {
        let mut message = self.rule(rule);
        if rule.action == RuleAction::Prohibit {
            // Any: programs differ in the table that they give to a rule that uses none.
            message.header.table = 0;
        }
        match self.handle.rule().del(message).execute().await {
            Ok(()) => Ok(true),
            Err(error) => is_absent(failed(format!("remove {}", rule.what), error)).map(|()| false),
        }
    }

    fn rule(&self, rule: &Rule) -> RuleMessage {
        let add = self.handle.rule().add().input_interface(&rule.input).action(rule.action).priority(rule.preference);
        let add = if rule.action == RuleAction::ToTable { add.table_id(MAIN) } else { add };
        let add = if let Some(mark) = rule.mark { add.fw_mark(mark) } else { add };
        if rule.is_v4 {
            let mut add = add.v4();
            if let Some(IpNet::V4(net)) = rule.from {
                add = add.source_prefix(net.network(), net.prefix_len());
            }
            if let Some(IpNet::V4(net)) = rule.to {
                add = add.destination_prefix(net.network(), net.prefix_len());
            }
            return add.message_mut().clone();
        }
        let mut add = add.v6();
        if let Some(IpNet::V6(net)) = rule.from {
            add = add.source_prefix(net.network(), net.prefix_len());
        }
        if let Some(IpNet::V6(net)) = rule.to {
            add = add.destination_prefix(net.network(), net.prefix_len());
        }
        add.message_mut().clone()
    }
}

/// No failure where there was nothing to remove.
fn is_absent(error: NetlinkError) -> Result<(), NetlinkError> {
    if [Some(ENOENT), Some(ESRCH)].contains(&error.errno()) { Ok(()) } else { Err(error) }
}

fn unreachable(pool: IpNet) -> RouteMessage {
    match pool {
        IpNet::V4(net) => RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(net.network(), net.prefix_len())
            .kind(RouteType::Unreachable)
            .priority(LAST)
            .build(),
        IpNet::V6(net) => RouteMessageBuilder::<Ipv6Addr>::new()
            .destination_prefix(net.network(), net.prefix_len())
            .kind(RouteType::Unreachable)
            .priority(LAST)
            .build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lanes_and_both_families_are_held() {
        let fallback = Fallback::of(&Config::default(), true).unwrap();
        assert_eq!((fallback.rules.len(), fallback.pools.len()), (20, 4));
        for pool in &fallback.pools {
            let apart = fallback.rules.iter().filter(|r| r.preference == 101 && r.to == Some(*pool));
            assert!(apart.clone().all(|r| r.action == RuleAction::Prohibit && r.input == "wg0"));
            assert_eq!(apart.count(), 1, "{pool}");
        }
        let tor = fallback.rules.iter().filter(|r| r.input == "wg1" && r.action == RuleAction::Prohibit);
        assert_eq!(tor.map(|r| r.is_v4).collect::<Vec<_>>(), [true, false]);
        // A gateway's own packets: to its pool before to nowhere.
        for rule in fallback.rules.iter().filter(|r| r.preference == 103) {
            assert!(fallback.rules.iter().any(|r| r.preference == 102 && r.from == rule.from && r.to.is_some()));
        }
        assert_eq!(Fallback::of(&Config::default(), false).unwrap().pools.len(), 2);
    }
}
