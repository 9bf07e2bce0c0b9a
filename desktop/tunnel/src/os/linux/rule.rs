//! Converts our rules to netlink messages and back. Pure.

use crate::policy::{Action, Family, LinkName, PREFERENCES, PROTOCOL, Rule, Transport};
use ipnet::IpNet;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::IpProtocol;
use rtnetlink::packet_route::route::RouteProtocol;
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage, RulePortRange};
use std::net::IpAddr;

/// The message that adds a rule.
pub(super) fn render(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = family_number(rule.family);
    let attributes = &mut message.attributes;
    attributes.push(RuleAttribute::Priority(rule.preference));
    attributes.push(RuleAttribute::Protocol(RouteProtocol::Other(PROTOCOL)));
    match rule.action {
        Action::Table(table) => {
            message.header.action = RuleAction::ToTable;
            match u8::try_from(table) {
                Ok(small) => message.header.table = small,
                Err(_) => attributes.push(RuleAttribute::Table(table)),
            }
        }
        Action::Refuse => message.header.action = RuleAction::Unreachable,
    }
    if let Some(from) = rule.from {
        message.header.src_len = if from.is_ipv4() { 32 } else { 128 };
        attributes.push(RuleAttribute::Source(from));
    }
    if let Some(net) = rule.to {
        message.header.dst_len = net.prefix_len();
        attributes.push(RuleAttribute::Destination(net.network()));
    }
    if let Some((transport, port)) = rule.port {
        attributes.push(RuleAttribute::IpProtocol(match transport {
            Transport::Tcp => IpProtocol::Tcp,
            Transport::Udp => IpProtocol::Udp,
        }));
        attributes.push(RuleAttribute::DestinationPortRange(RulePortRange { start: port, end: port }));
    }
    if let Some(mark) = rule.mark {
        attributes.push(RuleAttribute::FwMark(mark));
    }
    if let Some(link) = rule.link {
        attributes.push(RuleAttribute::Oifname(link.to_string()));
    }
    if let Some(length) = rule.suppress_prefix_length {
        attributes.push(RuleAttribute::SuppressPrefixLen(length));
    }
    message
}

/// Returns true for rules with our protocol number and one of our preferences.
pub(super) fn is_ours(message: &RuleMessage) -> bool {
    let tagged = message.attributes.contains(&RuleAttribute::Protocol(RouteProtocol::Other(PROTOCOL)));
    tagged && preference(message).is_some_and(|preference| PREFERENCES.contains(&preference))
}

/// The preference of a rule; `None` for 0.
pub(super) fn preference(message: &RuleMessage) -> Option<u32> {
    message.attributes.iter().find_map(|a| if let RuleAttribute::Priority(p) = a { Some(*p) } else { None })
}

const fn family_number(family: Family) -> AddressFamily {
    match family {
        Family::V4 => AddressFamily::Inet,
        Family::V6 => AddressFamily::Inet6,
    }
}

const fn address_bits(address: IpAddr) -> usize {
    if address.is_ipv4() { 32 } else { 128 }
}

/// Parses one of our rules from the kernel. Returns `None` for a message that [`render`] does not produce.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of another crate of which we use a few variants")]
pub(super) fn parse(message: &RuleMessage) -> Option<Rule> {
    let family = match message.header.family {
        AddressFamily::Inet => Family::V4,
        AddressFamily::Inet6 => Family::V6,
        _ => return None,
    };
    if message.header.flags.contains(RuleFlags::Invert) {
        return None;
    }
    let mut table = u32::from(message.header.table);
    let (mut transport, mut port) = (None, None);
    let mut rule = Rule {
        family,
        preference: 0,
        from: None,
        to: None,
        port: None,
        mark: None,
        link: None,
        suppress_prefix_length: None,
        action: Action::Refuse,
    };
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(preference) => rule.preference = *preference,
            RuleAttribute::Table(number) => table = *number,
            RuleAttribute::FwMark(mark) => rule.mark = Some(*mark),
            RuleAttribute::SuppressPrefixLen(length) if *length != u32::MAX => {
                rule.suppress_prefix_length = Some(*length);
            }
            RuleAttribute::Oifname(name) => rule.link = Some(LinkName::new(name)?),
            RuleAttribute::Source(address) if usize::from(message.header.src_len) == address_bits(*address) => {
                rule.from = Some(*address);
            }
            RuleAttribute::Destination(address) => rule.to = IpNet::new(*address, message.header.dst_len).ok(),
            RuleAttribute::IpProtocol(IpProtocol::Tcp) => transport = Some(Transport::Tcp),
            RuleAttribute::IpProtocol(IpProtocol::Udp) => transport = Some(Transport::Udp),
            RuleAttribute::DestinationPortRange(range) if range.start == range.end => port = Some(range.start),
            // Another program restricted one of our rules.
            RuleAttribute::Source(_) | RuleAttribute::Iifname(_) => return None,
            _ => {}
        }
    }
    rule.port = transport.zip(port);
    rule.action = match message.header.action {
        RuleAction::ToTable => Action::Table(table),
        RuleAction::Unreachable => Action::Refuse,
        _ => return None,
    };
    Some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Slot;
    use crate::policy::{LocalNetwork, Outside, Routing};

    #[test]
    fn rendered_rules_are_parsed_back() {
        let addresses = ["10.8.0.2".parse().unwrap(), "fd74::2".parse().unwrap()];
        let outside =
            vec![Outside::tcp("192.0.2.1:4605".parse().unwrap()), Outside::udp("[2001:db8::1]:51820".parse().unwrap())];
        let local = LocalNetwork { interface: "eth0".into(), net: "192.168.7.0/24".parse().unwrap() };
        for rule in Routing::new(Slot::A, &addresses, outside).guarded(Vec::new()).rules(
            &addresses,
            &[local],
            &[LinkName::new("wlp0s20f3").unwrap()],
        ) {
            let message = render(&rule);
            assert!(is_ours(&message));
            assert_eq!(parse(&message), Some(rule));
        }
        let mut foreign = RuleMessage::default();
        foreign.attributes.push(RuleAttribute::Priority(*PREFERENCES.start()));
        assert!(!is_ours(&foreign));
    }
}
