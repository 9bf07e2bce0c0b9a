//! Chains and rules as values.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write as _;

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
    pub(crate) comment: &'static str,
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

pub(super) fn rule(text: impl Into<String>, comment: &'static str) -> Rule {
    Rule { text: text.into(), comment }
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
