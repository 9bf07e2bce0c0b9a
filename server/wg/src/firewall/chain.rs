//! Chains and rules as values.

use ipnet::IpNet;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use tornado_shared::model::{LaneAddresses, LanePool};

/// A chain without rules that marks a table of this server. A comment on the table would not do: nft 1.0.6 omits it
/// from JSON.
pub(crate) const MARK: &str = "tornado_vpn";

/// The hook of a base chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hook {
    /// Chain type: `filter` or `nat`.
    pub(crate) kind: &'static str,
    /// Netfilter hook.
    pub(crate) hook: &'static str,
    /// Numeric priority, because the names differ between versions of nft.
    pub(crate) priority: i32,
}

/// One rule. Its comment identifies it in the kernel's listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// nft syntax without the comment.
    pub(crate) text: String,
    /// The purpose; unique within its chain.
    pub(crate) comment: Cow<'static, str>,
}

/// A chain with its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Name within the table.
    pub(crate) name: Cow<'static, str>,
    /// Set for base chains. Their policy is accept, because other interfaces are out of scope.
    pub(crate) base: Option<Hook>,
    /// In evaluation order.
    pub(crate) rules: Vec<Rule>,
}

/// A chain on a hook.
pub(super) fn base(
    name: &'static str,
    kind: &'static str,
    hook: &'static str,
    priority: i32,
    rules: Vec<Rule>,
) -> Chain {
    Chain { name: Cow::Borrowed(name), base: Some(Hook { kind, hook, priority }), rules }
}

/// A chain without a hook.
pub(super) const fn plain(name: &'static str, rules: Vec<Rule>) -> Chain {
    Chain { name: Cow::Borrowed(name), base: None, rules }
}

pub(super) fn rule(text: impl Into<String>, comment: impl Into<Cow<'static, str>>) -> Rule {
    Rule { text: text.into(), comment: comment.into() }
}

/// An address family. Displayed as the keyword of its header in nft's syntax: `ip` or `ip6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl std::fmt::Display for Family {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.of("ip", "ip6"))
    }
}

impl Family {
    pub(super) const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The one of two values that belongs to this family.
    pub(super) fn of<T>(self, v4: T, v6: T) -> T {
        match self {
            Self::V4 => v4,
            Self::V6 => v6,
        }
    }

    /// The name in `meta nfproto` and, with `_addr`, of the type of an address.
    pub(super) fn nfproto(self) -> &'static str {
        self.of("ipv4", "ipv6")
    }

    pub(super) fn address(self, of: LaneAddresses) -> IpAddr {
        self.of(of.v4.into(), of.v6.into())
    }

    pub(super) fn net(self, of: &LanePool) -> IpNet {
        self.of(of.v4.into(), of.v6.into())
    }

    /// The comment of a rule that both families have.
    pub(super) fn comment(self, purpose: &'static str) -> Cow<'static, str> {
        self.of(purpose.into(), format!("{purpose}, IPv6").into())
    }
}

/// The rule of both families.
pub(super) fn both(purpose: &'static str, text: impl Fn(Family) -> String) -> [Rule; 2] {
    Family::ALL.map(|family| rule(text(family), family.comment(purpose)))
}

pub(super) fn quoted(interface: &str) -> String {
    format!("\"{interface}\"")
}

/// Adds the commands that replace the rules of a chain.
pub(super) fn rewrite(out: &mut String, table: &str, chain: &str, rules: &[Rule]) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "flush chain inet {table} {chain}");
    for Rule { text, comment } in rules {
        let _ = writeln!(out, "add rule inet {table} {chain} {text} comment \"{comment}\"");
    }
}

/// An nft set of interface names. The caller passes only names that are safe in a ruleset.
pub(super) fn interface_set(names: &BTreeSet<String>) -> String {
    let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    format!("{{ {} }}", names.join(", "))
}
