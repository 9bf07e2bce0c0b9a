//! The parts of the host's network that Tor needs besides the lane's interface: the addresses of its listeners, which
//! must exist before Tor starts even without the interface, and the return path to isolation addresses.

use super::rule::{Rule, is_absent, route_to};
use crate::host::netlink::{Netlink, NetlinkError, failed};
use crate::host::sysctl::has_ipv6;
use futures::TryStreamExt as _;
use ipnet::IpNet;
use rtnetlink::IpVersion;
use rtnetlink::packet_route::address::{AddressAttribute, AddressScope, CacheInfo};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use std::net::IpAddr;
use tornado_contracts::wg::Isolation;
use tornado_shared::model::LaneAddresses;

/// Preference before the rule that prohibits forwarding from the tor lane; this rule matches only packets of the host.
const PREFERENCE: u32 = 99;
/// A dedicated routing table.
const TABLE: u32 = 51_821;

/// Addresses and return path of one server.
pub(super) struct TorPaths {
    /// The server's addresses on the tor lane.
    gateway: LaneAddresses,
}

impl TorPaths {
    pub(super) const fn new(gateway: LaneAddresses) -> Self {
        Self { gateway }
    }

    /// Adds the lane's gateway addresses to the loopback interface, so that they exist without the lane's interface.
    /// Scope host and the deprecated flag keep them from being used as a source for other destinations. This exposes
    /// nothing new: the addresses were already local on the lane's interface, and the firewall drops packets to them
    /// from outside.
    pub(super) async fn add_gateway_addresses(&self, netlink: &Netlink) -> Result<(), NetlinkError> {
        let lo = loopback(netlink).await?;
        let mut v4 = netlink.handle().address().add(lo, self.gateway.v4.into(), 32).replace();
        v4.message_mut().header.scope = AddressScope::Host;
        v4.execute().await.map_err(|e| failed("add the address of the tor lane to the loopback interface", e))?;
        if has_ipv6() {
            let mut life = CacheInfo::default();
            life.ifa_valid = u32::MAX;
            let mut v6 = netlink.handle().address().add(lo, self.gateway.v6.into(), 128).replace();
            v6.message_mut().attributes.push(AddressAttribute::CacheInfo(life));
            v6.execute()
                .await
                .map_err(|e| failed("add the IPv6 address of the tor lane to the loopback interface", e))?;
        }
        Ok(())
    }

    /// Removes the addresses of [`TorPaths::add_gateway_addresses`].
    pub(super) async fn remove_gateway_addresses(&self, netlink: &Netlink) -> Result<(), NetlinkError> {
        let lo = loopback(netlink).await?;
        let v6 = has_ipv6().then_some(IpAddr::V6(self.gateway.v6));
        for address in std::iter::once(IpAddr::V4(self.gateway.v4)).chain(v6) {
            let list = netlink.handle().address().get().set_link_index_filter(lo).set_address_filter(address).execute();
            let found: Vec<_> = list.try_collect().await.map_err(|e| failed("list addresses", e))?;
            for message in found {
                let gone = netlink.handle().address().del(message).execute().await;
                gone.map_err(|e| failed(format!("remove the address {address}"), e))?;
            }
        }
        Ok(())
    }

    /// Adds a route for answers of Tor's listeners to isolation addresses, so that they reach the translation that
    /// restores the device's address and routes them again. The route applies only to packets from the lane's gateway
    /// address, so other uses of the same range on this host are not affected.
    pub(super) async fn add_isolation_routes(&self, netlink: &Netlink) -> Result<(), NetlinkError> {
        let lo = loopback(netlink).await?;
        for (gateway, isolation) in self.families() {
            let mut route = isolation_route(isolation);
            route.attributes.push(RouteAttribute::Oif(lo));
            let added = netlink.handle().route().add(route).replace().execute().await;
            added.map_err(|e| failed(format!("add the route to {isolation}"), e))?;
            if isolation_rules(netlink, isolation).await?.is_empty() {
                let (what, preference, table) = ("the rule of isolation addresses", PREFERENCE, TABLE);
                let (from, to, is_v4) = (Some(gateway), Some(isolation), isolation.addr().is_ipv4());
                let action = RuleAction::ToTable;
                Rule { what, preference, input: None, from, to, mark: None, action, table, is_v4 }.add(netlink).await?;
            }
        }
        Ok(())
    }

    /// Removes the routes and rules of [`TorPaths::add_isolation_routes`], including those of earlier processes.
    pub(super) async fn remove_isolation_routes(&self, netlink: &Netlink) -> Result<(), NetlinkError> {
        for (_, isolation) in self.families() {
            for rule in isolation_rules(netlink, isolation).await? {
                let gone = netlink.handle().rule().del(rule).execute().await;
                gone.map_err(|e| failed("remove the rule of isolation addresses", e))?;
            }
            if let Err(error) = netlink.handle().route().del(isolation_route(isolation)).execute().await {
                is_absent(failed(format!("remove the route to {isolation}"), error))?;
            }
        }
        Ok(())
    }

    /// The gateway's address and the isolation addresses of each family.
    fn families(&self) -> impl Iterator<Item = (IpNet, IpNet)> + use<> {
        let v4 = (IpAddr::V4(self.gateway.v4).into(), Isolation::POOL.v4.into());
        let v6 = has_ipv6().then_some((IpAddr::V6(self.gateway.v6).into(), Isolation::POOL.v6.into()));
        std::iter::once(v4).chain(v6)
    }
}

fn isolation_route(isolation: IpNet) -> RouteMessage {
    let mut route = route_to(isolation);
    route.attributes.push(RouteAttribute::Table(TABLE));
    route
}

/// The rules of the isolation table in the family of this network.
async fn isolation_rules(netlink: &Netlink, isolation: IpNet) -> Result<Vec<RuleMessage>, NetlinkError> {
    let version = if isolation.addr().is_ipv4() { IpVersion::V4 } else { IpVersion::V6 };
    let list = netlink.handle().rule().get(version).execute();
    let mut rules: Vec<RuleMessage> = list.try_collect().await.map_err(|e| failed("list the rules", e))?;
    rules.retain(|rule| rule.attributes.contains(&RuleAttribute::Table(TABLE)));
    Ok(rules)
}

async fn loopback(netlink: &Netlink) -> Result<u32, NetlinkError> {
    let missing = std::io::Error::from_raw_os_error(nix::libc::ENODEV);
    let link = netlink.link("lo").await?;
    link.map(|link| link.index).ok_or_else(|| NetlinkError::new("find the loopback interface", missing))
}
