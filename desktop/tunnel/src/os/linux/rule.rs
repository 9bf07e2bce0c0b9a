//! Our rules as netlink messages and back. Pure.

use super::netlink::family_number;
use crate::policy::{Family, Only, PREFERENCES, PROTOCOL, Rule, Transport};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::IpProtocol;
use rtnetlink::packet_route::route::RouteProtocol;
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RuleFlags, RuleMessage, RulePortRange};

/// The message that adds a rule.
pub(super) fn render(rule: &Rule) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = family_number(rule.family);
    message.header.action = RuleAction::ToTable;
    let attributes = &mut message.attributes;
    attributes.push(RuleAttribute::Priority(rule.preference));
    attributes.push(RuleAttribute::Protocol(RouteProtocol::Other(PROTOCOL)));
    match u8::try_from(rule.table) {
        Ok(small) => message.header.table = small,
        Err(_) => attributes.push(RuleAttribute::Table(rule.table)),
    }
    if let Some(only) = rule.only {
        let port = only.port;
        if let Some(host) = only.host {
            message.header.dst_len = if host.is_ipv4() { 32 } else { 128 };
            attributes.push(RuleAttribute::Destination(host));
        }
        attributes.push(RuleAttribute::IpProtocol(match only.transport {
            Transport::Tcp => IpProtocol::Tcp,
            Transport::Udp => IpProtocol::Udp,
        }));
        attributes.push(RuleAttribute::DestinationPortRange(RulePortRange { start: port, end: port }));
    }
    if let Some(mark) = rule.not_mark {
        message.header.flags = RuleFlags::Invert;
        attributes.push(RuleAttribute::FwMark(mark));
    }
    if let Some(mark) = rule.mark {
        attributes.push(RuleAttribute::FwMark(mark));
    }
    if let Some(length) = rule.suppress_prefix_length {
        attributes.push(RuleAttribute::SuppressPrefixLen(length));
    }
    message
}

/// True for rules that carry our tag and one of our preferences.
pub(super) fn is_ours(message: &RuleMessage) -> bool {
    let tagged = message.attributes.contains(&RuleAttribute::Protocol(RouteProtocol::Other(PROTOCOL)));
    let placed = message.attributes.iter().any(|a| matches!(a, RuleAttribute::Priority(p) if PREFERENCES.contains(p)));
    tagged && placed
}

/// A rule of ours as it is in the kernel; `None` when it is not one that [`render`] makes.
#[expect(clippy::wildcard_enum_match_arm, reason = "a foreign enum of which we use a few")]
pub(super) fn parse(message: &RuleMessage) -> Option<Rule> {
    let family = match message.header.family {
        AddressFamily::Inet => Family::V4,
        AddressFamily::Inet6 => Family::V6,
        _ => return None,
    };
    let inverted = message.header.flags.contains(RuleFlags::Invert);
    let (mut host, mut transport, mut port) = (None, None, None);
    let mut rule = Rule {
        family,
        preference: 0,
        only: None,
        mark: None,
        not_mark: None,
        suppress_prefix_length: None,
        table: u32::from(message.header.table),
    };
    for attribute in &message.attributes {
        match attribute {
            RuleAttribute::Priority(preference) => rule.preference = *preference,
            RuleAttribute::Table(table) => rule.table = *table,
            RuleAttribute::FwMark(mark) if inverted => rule.not_mark = Some(*mark),
            RuleAttribute::FwMark(mark) => rule.mark = Some(*mark),
            RuleAttribute::SuppressPrefixLen(length) if *length != u32::MAX => {
                rule.suppress_prefix_length = Some(*length);
            }
            RuleAttribute::Destination(address) => host = Some(*address),
            RuleAttribute::IpProtocol(IpProtocol::Tcp) => transport = Some(Transport::Tcp),
            RuleAttribute::IpProtocol(IpProtocol::Udp) => transport = Some(Transport::Udp),
            RuleAttribute::DestinationPortRange(range) if range.start == range.end => port = Some(range.start),
            _ => {}
        }
    }
    if let (Some(transport), Some(port)) = (transport, port) {
        rule.only = Some(Only { transport, host, port });
    }
    Some(rule)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Slot;
    use crate::policy::{Outside, Routing};

    #[test]
    fn what_is_rendered_is_recognised() {
        let addresses = ["10.8.0.2".parse().unwrap(), "fd74::2".parse().unwrap()];
        let outside =
            vec![Outside::tcp("192.0.2.1:4605".parse().unwrap()), Outside::udp("[2001:db8::1]:51820".parse().unwrap())];
        for rule in Routing::new(Slot::A, &addresses, outside).guarded(Vec::new()).rules {
            let message = render(&rule);
            assert!(is_ours(&message));
            assert_eq!(parse(&message), Some(rule));
        }
        let mut foreign = RuleMessage::default();
        foreign.attributes.push(RuleAttribute::Priority(*PREFERENCES.start()));
        assert!(!is_ours(&foreign));
    }
}
