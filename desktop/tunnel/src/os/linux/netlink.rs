//! Links, addresses, rules and routes (`rtnetlink(7)`).

use super::rule;
use crate::os::OsError;
use crate::policy::{Family, MAIN, PREFERENCES, PROTOCOL, Rule, TABLE};
use futures::TryStreamExt as _;
use ipnet::IpNet;
use libc::{EACCES, EEXIST, EHOSTUNREACH, ENETUNREACH, ENODEV, ENOENT, EOPNOTSUPP, ESRCH, RT_TABLE_LOCAL};
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo as LinkKind, LinkMessage};
use rtnetlink::packet_route::route::{RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType};
use rtnetlink::packet_route::rule::RuleMessage;
use rtnetlink::{
    Error, Handle, IpVersion, LinkMessageBuilder, LinkUnspec, LinkWireguard, RouteMessageBuilder, new_connection,
};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use tokio_util::task::AbortOnDropHandle;

/// Metric of the unreachable route in our table. Every other route has precedence.
const LAST_RESORT: u32 = u32::MAX;

pub(super) struct Netlink {
    handle: Handle,
    _connection: AbortOnDropHandle<()>,
}

/// The kinds of interfaces that are distinguished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bridge,
    /// One end of a pair of virtual interfaces (veth).
    Pair,
    /// A TUN or TAP device.
    Tap,
    Other,
}

/// Name and kind of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LinkInfo {
    pub name: String,
    pub kind: Kind,
    /// Index of the bridge, or of another interface, of which this one is a port.
    pub controller: Option<u32>,
}

impl LinkInfo {
    fn of(message: &LinkMessage) -> Option<Self> {
        let (mut name, mut kind, mut controller) = (None, Kind::Other, None);
        for attribute in &message.attributes {
            if let LinkAttribute::IfName(found) = attribute {
                name = Some(found.clone());
            }
            if let LinkAttribute::Controller(index) = attribute {
                controller = Some(*index);
            }
            if let LinkAttribute::LinkInfo(infos) = attribute {
                let is = |wanted: &InfoKind| infos.iter().any(|i| matches!(i, LinkKind::Kind(kind) if kind == wanted));
                kind = match () {
                    () if is(&InfoKind::Bridge) => Kind::Bridge,
                    () if is(&InfoKind::Veth) => Kind::Pair,
                    () if is(&InfoKind::Tun) => Kind::Tap,
                    () => Kind::Other,
                };
            }
        }
        Some(Self { name: name?, kind, controller })
    }
}

/// Treats the error numbers `harmless` as success.
fn ignoring(result: Result<(), Error>, doing: &str, harmless: &[i32]) -> Result<(), OsError> {
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
        Ok(Self { handle, _connection: AbortOnDropHandle::new(tokio::spawn(connection)) })
    }

    /// Creates a WireGuard interface. Returns false if the kernel does not support WireGuard.
    pub(super) async fn add_wireguard(&self, name: &str) -> Result<bool, OsError> {
        match self.handle.link().add(LinkWireguard::new(name).build()).execute().await {
            Ok(()) => Ok(true),
            Err(error) if number(&error) == EOPNOTSUPP => Ok(false),
            Err(error) => Err(OsError::new(format!("create the interface {name}"), error)),
        }
    }

    /// Returns whether the interface is up and has this MTU.
    pub(super) async fn is_up(&self, name: &str, mtu: u16) -> Result<bool, OsError> {
        let found = self.handle.link().get().match_name(name).execute().try_next().await;
        let link = found.map_err(|e| OsError::new(format!("find the interface {name}"), e))?;
        Ok(link.is_some_and(|link| {
            link.header.flags.contains(LinkFlags::Up) && link.attributes.contains(&LinkAttribute::Mtu(mtu.into()))
        }))
    }

    pub(super) async fn index(&self, name: &str) -> Result<Option<u32>, OsError> {
        let mut found = self.handle.link().get().match_name(name).execute();
        match found.try_next().await {
            Ok(link) => Ok(link.map(|l| l.header.index)),
            Err(error) if number(&error) == ENODEV => Ok(None),
            Err(error) => Err(OsError::new(format!("find the interface {name}"), error)),
        }
    }

    pub(super) async fn remove_link(&self, name: &str) -> Result<(), OsError> {
        let Some(index) = self.index(name).await? else { return Ok(()) };
        ignoring(self.handle.link().del(index).execute().await, "remove the interface", &[ENODEV])
    }

    pub(super) async fn set_up(&self, index: u32, mtu: u16) -> Result<(), OsError> {
        let change = LinkMessageBuilder::<LinkUnspec>::default().index(index).mtu(u32::from(mtu)).up().build();
        let set = self.handle.link().set(change).execute().await;
        ignoring(set, "bring the interface up", &[])
    }

    pub(super) async fn add_address(&self, index: u32, address: IpAddr) -> Result<(), OsError> {
        let length = if address.is_ipv4() { 32 } else { 128 };
        let added = self.handle.address().add(index, address, length).replace().execute().await;
        ignoring(added, "set the interface's address", &[EEXIST])
    }

    /// Returns whether this kernel supports IPv6. A kernel started with `ipv6.disable=1` has no IPv6 rules.
    pub(super) async fn has_ipv6(&self) -> bool {
        let mut rules = Box::pin(self.handle.rule().get(IpVersion::V6).execute());
        matches!(rules.try_next().await, Ok(Some(_)))
    }

    /// The interfaces by index.
    pub(super) async fn links(&self) -> Result<HashMap<u32, LinkInfo>, OsError> {
        let links = self.handle.link().get().execute().try_collect::<Vec<_>>().await;
        let links = links.map_err(|e| OsError::new("list the interfaces", e))?;
        Ok(links.iter().filter_map(|link| Some((link.header.index, LinkInfo::of(link)?))).collect())
    }

    /// All addresses of this machine: index of the interface, address and network.
    pub(super) async fn addresses(&self) -> Result<Vec<(u32, IpAddr, IpNet)>, OsError> {
        let found = self.handle.address().get().execute().try_collect::<Vec<AddressMessage>>().await;
        let found = found.map_err(|e| OsError::new("list the addresses", e))?;
        let net = |message: &AddressMessage| {
            let attributes = || message.attributes.iter();
            let near = attributes().find_map(|a| if let AddressAttribute::Local(ip) = a { Some(*ip) } else { None });
            let far = attributes().find_map(|a| if let AddressAttribute::Address(ip) = a { Some(*ip) } else { None });
            // The network of a point-to-point address is that of the remote address (rtnetlink(7)).
            let net = IpNet::new(far.or(near)?, message.header.prefix_len).ok()?;
            Some((message.header.index, near.or(far)?, net))
        };
        Ok(found.iter().filter_map(net).collect())
    }

    /// Returns whether a packet to an address has a route if it carries this mark.
    pub(super) async fn has_route(&self, to: IpAddr, mark: u32) -> bool {
        let mut message = match to {
            IpAddr::V4(to) => RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(to, 32).build(),
            IpAddr::V6(to) => RouteMessageBuilder::<Ipv6Addr>::new().destination_prefix(to, 128).build(),
        };
        message.header = RouteHeader {
            address_family: message.header.address_family,
            destination_prefix_length: message.header.destination_prefix_length,
            ..RouteHeader::default()
        };
        message.attributes.retain(|a| matches!(a, RouteAttribute::Destination(_)));
        message.attributes.push(RouteAttribute::Mark(mark));
        let mut found = Box::pin(self.handle.route().get(message).execute());
        match found.try_next().await {
            Ok(found) => found.is_some(),
            Err(error) => ![ENETUNREACH, EHOSTUNREACH, EACCES].contains(&number(&error)),
        }
    }

    /// Sets the routes of our table for one family: a default route into the link, if there is one, and an unreachable
    /// route with the highest metric, so that traffic stops if the link disappears. Returns true if other routes were
    /// found.
    pub(super) async fn sync_routes(&self, family: Family, link: Option<u32>) -> Result<bool, OsError> {
        let found = self.routes(family).await;
        let is_required = |route: &RouteMessage| {
            let all = route.header.destination_prefix_length == 0;
            let via =
                route.attributes.iter().find_map(|a| if let RouteAttribute::Oif(i) = a { Some(*i) } else { None });
            let gateway = route.attributes.iter().any(|a| matches!(a, RouteAttribute::Gateway(_)));
            if route.header.kind == RouteType::Unreachable {
                return all && is_last_resort(route);
            }
            let unicast = route.header.kind == RouteType::Unicast;
            unicast && all && !gateway && link.is_some() && via == link && !is_last_resort(route)
        };
        let has = |last: bool| found.iter().any(|route| is_required(route) && is_last_resort(route) == last);
        let mut changed = false;
        if !has(true) {
            self.put_route(family, None).await?;
            changed = true;
        }
        if link.is_some() && !has(false) {
            self.put_route(family, link).await?;
            changed = true;
        }
        // By now the replaced routes no longer exist.
        for route in self.routes(family).await.into_iter().filter(|route| !is_required(route)) {
            self.remove_route(route).await?;
            changed = true;
        }
        Ok(changed)
    }

    async fn put_route(&self, family: Family, link: Option<u32>) -> Result<(), OsError> {
        let mut route = in_table(family);
        route.header.protocol = RouteProtocol::Other(PROTOCOL);
        match link {
            Some(index) => {
                route.header.scope = RouteScope::Link;
                route.attributes.push(RouteAttribute::Oif(index));
                route.attributes.push(RouteAttribute::Priority(1));
            }
            None => {
                route.header.kind = RouteType::Unreachable;
                route.attributes.push(RouteAttribute::Priority(LAST_RESORT));
            }
        }
        ignoring(self.handle.route().add(route).replace().execute().await, "set the tunnel's route", &[EEXIST])
    }

    /// Removes all routes from our table.
    pub(super) async fn flush_table(&self) -> Result<(), OsError> {
        for family in Family::ALL {
            for route in self.routes(family).await {
                self.remove_route(route).await?;
            }
        }
        Ok(())
    }

    async fn remove_route(&self, route: RouteMessage) -> Result<(), OsError> {
        let deleted = self.handle.route().del(route).execute().await;
        ignoring(deleted, "remove a route of the tunnel", &[ESRCH, ENOENT, ENODEV])
    }

    /// Returns whether the main table has a default route with a gateway or an interface.
    pub(super) async fn has_default(&self, family: Family) -> bool {
        let all = self.main_routes(family).await;
        all.iter().any(|route| route.header.destination_prefix_length == 0 && route.header.kind == RouteType::Unicast)
    }

    async fn main_routes(&self, family: Family) -> Vec<RouteMessage> {
        let mut filter = in_table(family);
        filter.header.protocol = RouteProtocol::Unspec;
        filter.attributes.retain(|attribute| !matches!(attribute, RouteAttribute::Table(_)));
        filter.header.table = RouteHeader::RT_TABLE_MAIN;
        let found = self.handle.route().get(filter).execute().try_collect::<Vec<_>>().await;
        let mut found = found.unwrap_or_default();
        found.retain(|route| {
            let named =
                route.attributes.iter().find_map(|a| if let RouteAttribute::Table(t) = a { Some(*t) } else { None });
            named.unwrap_or_else(|| route.header.table.into()) == MAIN
        });
        found
    }

    /// The routes of our table.
    async fn routes(&self, family: Family) -> Vec<RouteMessage> {
        let mut filter = in_table(family);
        filter.header.protocol = RouteProtocol::Unspec;
        let found = self.handle.route().get(filter).execute().try_collect::<Vec<_>>().await;
        // If the kernel does not support the family, there are no routes.
        let mut found = found.unwrap_or_default();
        found.retain(|route| route.attributes.contains(&RouteAttribute::Table(TABLE)));
        found
    }

    async fn all_rules(&self) -> Result<Vec<RuleMessage>, OsError> {
        let mut found = Vec::new();
        for family in Family::ALL {
            let version = match family {
                Family::V4 => IpVersion::V4,
                Family::V6 => IpVersion::V6,
            };
            let rules = self.handle.rule().get(version).execute().try_collect::<Vec<RuleMessage>>().await;
            match rules {
                Ok(rules) => found.extend(rules),
                Err(error) if family == Family::V4 => return Err(OsError::new("list the routing rules", error)),
                Err(_) => {}
            }
        }
        Ok(found)
    }

    /// Rules of other programs that are evaluated before ours.
    pub(super) async fn foreign_rules(&self) -> Result<Vec<RuleMessage>, OsError> {
        let mut rules = self.all_rules().await?;
        rules.retain(|message| {
            let before = rule::preference(message).is_none_or(|preference| preference < *PREFERENCES.start());
            before && message.header.table != RT_TABLE_LOCAL
        });
        Ok(rules)
    }

    /// Sets our rules to exactly `required`. Missing rules are added before surplus rules are removed. `before` are the
    /// rules that were set last, or empty if unknown. Returns true if the kernel had other rules than those, because
    /// another program changed them.
    pub(super) async fn sync_rules(&self, required: &[Rule], before: &[Rule]) -> Result<bool, OsError> {
        let mut found = self.all_rules().await?;
        found.retain(rule::is_ours);
        let present: Vec<Option<Rule>> = found.iter().map(rule::parse).collect();
        let is_missing = before.iter().any(|rule| !present.contains(&Some(*rule)));
        let is_foreign = present.iter().any(|rule| !rule.is_some_and(|rule| before.contains(&rule)));
        let changed = !before.is_empty() && (is_missing || is_foreign);
        for rule in required.iter().filter(|rule| !present.contains(&Some(**rule))) {
            let mut request = self.handle.rule().add();
            *request.message_mut() = rule::render(rule);
            ignoring(request.execute().await, "add a routing rule", &[EEXIST])?;
        }
        for (message, rule) in found.into_iter().zip(present) {
            if !rule.is_some_and(|rule| required.contains(&rule)) {
                ignoring(self.handle.rule().del(message).execute().await, "remove a routing rule", &[ENOENT])?;
            }
        }
        Ok(changed)
    }
}

fn in_table(family: Family) -> RouteMessage {
    match family {
        Family::V4 => RouteMessageBuilder::<Ipv4Addr>::new().table_id(TABLE).build(),
        Family::V6 => RouteMessageBuilder::<Ipv6Addr>::new().table_id(TABLE).build(),
    }
}

fn is_last_resort(route: &RouteMessage) -> bool {
    route.attributes.contains(&RouteAttribute::Priority(LAST_RESORT))
}
