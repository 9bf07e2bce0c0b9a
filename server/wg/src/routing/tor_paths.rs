//! The parts of the host's network that Tor needs besides the lane's interface: the addresses of its listeners, which
//! must exist before Tor starts even without the interface, and the return path to isolation addresses.

use crate::host::netlink::{Netlink, NetlinkError, failed};
use crate::host::sysctl::has_ipv6;
use futures::TryStreamExt as _;
use rtnetlink::packet_route::address::{AddressAttribute, AddressScope, CacheInfo};
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use rtnetlink::{IpVersion, RouteMessageBuilder};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tornado_shared::model::{LaneAddresses, LanePool};

/// Preference before the rule that prohibits forwarding from the tor lane; this rule matches only packets of the host.
const PREFERENCE: u32 = 99;
/// A dedicated routing table.
const TABLE: u32 = 51_821;

/// Addresses and return path of one server.
pub(super) struct TorPaths {
    /// The server's addresses on the tor lane.
    gateway: LaneAddresses,
    /// The pool of isolation addresses.
    isolation: LanePool,
}

impl TorPaths {
    pub(super) const fn new(gateway: LaneAddresses, isolation: LanePool) -> Self {
        Self { gateway, isolation }
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
        let (from, to) = (self.gateway.v4, self.isolation.v4);
        let route = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(to.network(), to.prefix_len());
        let route = route.output_interface(lo).table_id(TABLE).build();
        let added = netlink.handle().route().add(route).replace().execute().await;
        added.map_err(|e| failed("add the route of isolation addresses", e))?;
        if isolation_rules(netlink, &IpVersion::V4).await?.is_empty() {
            let rule =
                netlink.handle().rule().add().table_id(TABLE).action(RuleAction::ToTable).priority(PREFERENCE).v4();
            let rule = rule.source_prefix(from, 32).destination_prefix(to.network(), to.prefix_len());
            rule.execute().await.map_err(|e| failed("add the rule of isolation addresses", e))?;
        }
        if !has_ipv6() {
            return Ok(());
        }
        let (from, to) = (self.gateway.v6, self.isolation.v6);
        let route = RouteMessageBuilder::<Ipv6Addr>::new().destination_prefix(to.network(), to.prefix_len());
        let route = route.output_interface(lo).table_id(TABLE).build();
        let added = netlink.handle().route().add(route).replace().execute().await;
        added.map_err(|e| failed("add the route of IPv6 isolation addresses", e))?;
        if isolation_rules(netlink, &IpVersion::V6).await?.is_empty() {
            let rule =
                netlink.handle().rule().add().table_id(TABLE).action(RuleAction::ToTable).priority(PREFERENCE).v6();
            let rule = rule.source_prefix(from, 128).destination_prefix(to.network(), to.prefix_len());
            rule.execute().await.map_err(|e| failed("add the rule of IPv6 isolation addresses", e))?;
        }
        Ok(())
    }

    /// Removes the routes and rules of [`TorPaths::add_isolation_routes`], including those of earlier processes.
    pub(super) async fn remove_isolation_routes(&self, netlink: &Netlink) -> Result<(), NetlinkError> {
        let (v4, v6) = (self.isolation.v4, self.isolation.v6);
        let mut routes = vec![
            RouteMessageBuilder::<Ipv4Addr>::new()
                .destination_prefix(v4.network(), v4.prefix_len())
                .table_id(TABLE)
                .build(),
        ];
        let mut versions = vec![IpVersion::V4];
        if has_ipv6() {
            let v6 = RouteMessageBuilder::<Ipv6Addr>::new().destination_prefix(v6.network(), v6.prefix_len());
            routes.push(v6.table_id(TABLE).build());
            versions.push(IpVersion::V6);
        }
        for version in versions {
            for rule in isolation_rules(netlink, &version).await? {
                let gone = netlink.handle().rule().del(rule).execute().await;
                gone.map_err(|e| failed("remove the rule of isolation addresses", e))?;
            }
        }
        for route in routes {
            let gone = netlink.handle().route().del(route).execute().await.map_err(|e| failed("remove a route", e));
            match gone {
                Err(error) if error.errno() != Some(nix::libc::ESRCH) => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

async fn isolation_rules(netlink: &Netlink, version: &IpVersion) -> Result<Vec<RuleMessage>, NetlinkError> {
    let list = netlink.handle().rule().get(version.clone()).execute();
    let mut rules: Vec<RuleMessage> = list.try_collect().await.map_err(|e| failed("list the rules", e))?;
    rules.retain(|rule| rule.attributes.contains(&RuleAttribute::Table(TABLE)));
    Ok(rules)
}

async fn loopback(netlink: &Netlink) -> Result<u32, NetlinkError> {
    let missing = std::io::Error::from_raw_os_error(nix::libc::ENODEV);
    let link = netlink.link("lo").await?;
    link.map(|link| link.index).ok_or_else(|| NetlinkError::new("find the loopback interface", missing))
}
