//! Links, addresses, rules, routes (`rtnetlink(7)`).

use super::rule;
use crate::os::OsError;
use crate::policy::{Default, Family, PROTOCOL, Rule, TABLE};
use futures::TryStreamExt as _;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::route::{RouteAttribute, RouteProtocol, RouteType};
use rtnetlink::packet_route::rule::RuleMessage;
use rtnetlink::{
    Error, Handle, IpVersion, LinkMessageBuilder, LinkUnspec, LinkWireguard, RouteMessageBuilder, new_connection,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ENODEV: i32 = 19;
const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const EEXIST: i32 = 17;
const EOPNOTSUPP: i32 = 95;

/// The metric of the last resort in our table: any other route is preferred.
const LAST_RESORT: u32 = u32::MAX;

pub(super) struct Netlink {
    handle: Handle,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Treats some error numbers as success.
fn but(result: Result<(), Error>, doing: &str, harmless: &[i32]) -> Result<(), OsError> {
    match result {
        Err(error) if !harmless.contains(&number(&error)) => Err(OsError::new(doing, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn number(error: &Error) -> i32 {
    if let Error::NetlinkError(message) = error { -message.raw_code() } else { 0 }
}

impl Netlink {
    pub(super) fn open() -> Result<Self, OsError> {
        let (connection, handle, _) = new_connection().map_err(|e| OsError::new("open netlink", e))?;
        Ok(Self { handle, task: tokio::spawn(connection) })
    }

    /// False when the kernel has no WireGuard.
    pub(super) async fn add_wireguard(&self, name: &str) -> Result<bool, OsError> {
        match self.handle.link().add(LinkWireguard::new(name).build()).execute().await {
            Ok(()) => Ok(true),
            Err(error) if number(&error) == EOPNOTSUPP => Ok(false),
            Err(error) => Err(OsError::new(format!("make interface {name}"), error)),
        }
    }

    pub(super) async fn index(&self, name: &str) -> Result<Option<u32>, OsError> {
        let mut found = self.handle.link().get().match_name(name).execute();
        match found.try_next().await {
            Ok(link) => Ok(link.map(|l| l.header.index)),
            Err(error) if number(&error) == ENODEV => Ok(None),
            Err(error) => Err(OsError::new(format!("look for interface {name}"), error)),
        }
    }

    pub(super) async fn remove_link(&self, name: &str) -> Result<(), OsError> {
        let Some(index) = self.index(name).await? else { return Ok(()) };
        but(self.handle.link().del(index).execute().await, "remove the interface", &[ENODEV])
    }

    pub(super) async fn set_up(&self, index: u32, mtu: u16) -> Result<(), OsError> {
        let change = LinkMessageBuilder::<LinkUnspec>::default().index(index).mtu(u32::from(mtu)).up().build();
        let set = self.handle.link().set(change).execute().await;
        but(set, "bring the interface up", &[])
    }

    pub(super) async fn add_address(&self, index: u32, address: IpAddr) -> Result<(), OsError> {
        let length = if address.is_ipv4() { 32 } else { 128 };
        let added = self.handle.address().add(index, address, length).replace().execute().await;
        but(added, "set the interface's address", &[EEXIST])
    }

    /// Whether this kernel speaks IPv6 at all; one started with `ipv6.disable=1` has no IPv6 rules.
    pub(super) async fn has_ipv6(&self) -> bool {
        let mut rules = Box::pin(self.handle.rule().get(IpVersion::V6).execute());
        matches!(rules.try_next().await, Ok(Some(_)))
    }

    /// Leads a family's default route of our table into the link, with a last resort beneath: should the link
    /// disappear, traffic stops instead of taking the main table.
    pub(super) async fn put_default(&self, family: Family, leads: Default, index: u32) -> Result<(), OsError> {
        self.put_route(family, None).await?;
        match leads {
            Default::Tunnel(_) => self.put_route(family, Some(index)).await,
            Default::Unreachable => self.remove_routes(family, false).await,
        }
    }

    async fn put_route(&self, family: Family, link: Option<u32>) -> Result<(), OsError> {
        let protocol = RouteProtocol::Other(PROTOCOL);
        let mut route = match family {
            Family::V4 => RouteMessageBuilder::<Ipv4Addr>::new().table_id(TABLE).protocol(protocol).build(),
            Family::V6 => RouteMessageBuilder::<Ipv6Addr>::new().table_id(TABLE).protocol(protocol).build(),
        };
        match link {
            Some(index) => {
                route.header.scope = rtnetlink::packet_route::route::RouteScope::Link;
                route.attributes.push(RouteAttribute::Oif(index));
                route.attributes.push(RouteAttribute::Priority(1));
            }
            None => {
                route.header.kind = RouteType::Unreachable;
                route.attributes.push(RouteAttribute::Priority(LAST_RESORT));
            }
        }
        but(self.handle.route().add(route).replace().execute().await, "set the tunnel's route", &[EEXIST])
    }

    /// Empties our table.
    pub(super) async fn flush_table(&self) -> Result<(), OsError> {
        for family in Family::ALL {
            self.remove_routes(family, true).await?;
        }
        Ok(())
    }

    async fn remove_routes(&self, family: Family, last_resort: bool) -> Result<(), OsError> {
        let mut filter = match family {
            Family::V4 => RouteMessageBuilder::<Ipv4Addr>::new().table_id(TABLE).build(),
            Family::V6 => RouteMessageBuilder::<Ipv6Addr>::new().table_id(TABLE).build(),
        };
        filter.header.protocol = RouteProtocol::Unspec;
        let found = self.handle.route().get(filter).execute().try_collect::<Vec<_>>().await;
        // Without the family there is nothing to remove.
        let found = found.unwrap_or_default();
        for route in found {
            let ours = route.attributes.contains(&RouteAttribute::Table(TABLE));
            let last = route.attributes.contains(&RouteAttribute::Priority(LAST_RESORT));
            if ours && (last_resort || !last) {
                let deleted = self.handle.route().del(route).execute().await;
                but(deleted, "remove a route of the tunnel", &[ESRCH, ENOENT, ENODEV])?;
            }
        }
        Ok(())
    }

    /// Makes our rules exactly these: adds what is missing before removing what is too much.
    pub(super) async fn sync_rules(&self, wanted: &[Rule]) -> Result<(), OsError> {
        let mut found = Vec::new();
        for family in Family::ALL {
            let version = match family {
                Family::V4 => IpVersion::V4,
                Family::V6 => IpVersion::V6,
            };
            let rules = self.handle.rule().get(version).execute().try_collect::<Vec<RuleMessage>>().await;
            match rules {
                Ok(rules) => found.extend(rules.into_iter().filter(rule::is_ours)),
                Err(error) if family == Family::V4 => return Err(OsError::new("read the rules", error)),
                Err(_) => {}
            }
        }
        let held: Vec<Option<Rule>> = found.iter().map(rule::parse).collect();
        for rule in wanted.iter().filter(|rule| !held.contains(&Some(**rule))) {
            let mut request = self.handle.rule().add();
            *request.message_mut() = rule::render(rule);
            but(request.execute().await, "add a routing rule", &[EEXIST])?;
        }
        for (message, rule) in found.into_iter().zip(held) {
            if !rule.is_some_and(|rule| wanted.contains(&rule)) {
                but(self.handle.rule().del(message).execute().await, "remove a routing rule", &[ENOENT])?;
            }
        }
        Ok(())
    }
}

pub(super) const fn family_number(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}
