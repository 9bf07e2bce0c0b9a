//! Rules and routes for either address family.

use crate::host::netlink::{Netlink, NetlinkError, failed};
use ipnet::IpNet;
use nix::libc::{ENOENT, ESRCH};
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::RouteMessage;
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use std::net::{Ipv4Addr, Ipv6Addr};

/// `RT_TABLE_MAIN`
pub(super) const MAIN: u32 = 254;

/// One rule. All rules come after the local table (preference 0), so packets to the server itself still reach its
/// firewall.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) what: &'static str,
    pub(super) preference: u32,
    /// Input interface; `lo` matches packets that the host sends.
    pub(super) input: Option<String>,
    pub(super) from: Option<IpNet>,
    pub(super) to: Option<IpNet>,
    pub(super) mark: Option<u32>,
    pub(super) action: RuleAction,
    /// Table of the action `ToTable`.
    pub(super) table: u32,
    pub(super) is_v4: bool,
}

impl Rule {
    /// Adds the rule. The request is exclusive: the kernel rejects a rule that exists with EEXIST.
    pub(super) async fn add(&self, netlink: &Netlink) -> Result<(), NetlinkError> {
        let mut add = netlink.handle().rule().add();
        *add.message_mut() = self.message(netlink);
        add.execute().await.map_err(|e| failed(format!("add {}", self.what), e))
    }

    /// Removes the rule. Returns false if it did not exist.
    pub(super) async fn remove(&self, netlink: &Netlink) -> Result<bool, NetlinkError> {
        let mut message = self.message(netlink);
        if self.action == RuleAction::Prohibit {
            // Any table: programs differ in the table number of a rule that uses none.
            message.header.table = 0;
        }
        match netlink.handle().rule().del(message).execute().await {
            Ok(()) => Ok(true),
            Err(error) => is_absent(failed(format!("remove {}", self.what), error)).map(|()| false),
        }
    }

    fn message(&self, netlink: &Netlink) -> RuleMessage {
        let mut add = netlink.handle().rule().add().action(self.action).priority(self.preference);
        if let Some(input) = &self.input {
            add = add.input_interface(input);
        }
        if self.action == RuleAction::ToTable {
            add = add.table_id(self.table);
        }
        if let Some(mark) = self.mark {
            add = add.fw_mark(mark);
        }
        let mut message = if self.is_v4 { add.v4().message_mut().clone() } else { add.v6().message_mut().clone() };
        if let Some(net) = self.from {
            message.header.src_len = net.prefix_len();
            message.attributes.push(RuleAttribute::Source(net.network()));
        }
        if let Some(net) = self.to {
            message.header.dst_len = net.prefix_len();
            message.attributes.push(RuleAttribute::Destination(net.network()));
        }
        message
    }
}

/// A route to `net` in the main table, without further attributes.
pub(super) fn route_to(net: IpNet) -> RouteMessage {
    let length = net.prefix_len();
    match net {
        IpNet::V4(net) => RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(net.network(), length).build(),
        IpNet::V6(net) => RouteMessageBuilder::<Ipv6Addr>::new().destination_prefix(net.network(), length).build(),
    }
}

/// Ignores the error if the rule or route did not exist.
pub(super) fn is_absent(error: NetlinkError) -> Result<(), NetlinkError> {
    if [Some(ENOENT), Some(ESRCH)].contains(&error.errno()) { Ok(()) } else { Err(error) }
}
