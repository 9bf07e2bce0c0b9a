//! The leak check.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use tornado_shared::model::Lane;

/// How traffic of one address family reaches the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenPath {
    /// Through the direct lane: the server sees the device's address inside the tunnel, and the internet sees the
    /// server's.
    Direct,
    /// Through the tor lane: the server sees an exit relay, as the internet does.
    Tor,
    /// Outside the tunnel: the server sees the address of this device's network. This is a leak.
    Outside,
    /// Traffic of this family was not delivered: it is blocked, or the server has no such address.
    Blocked,
}

/// What the server saw of an ordinary program's connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenFrom {
    /// The server's address to which the connection was made; its family is that of the connection.
    pub server: IpAddr,
    /// The source address that the server saw; `None` if there was no connection.
    pub address: Option<IpAddr>,
    /// The path that follows from it.
    pub path: SeenPath,
}

/// Result of one part of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing leaks.
    Ok,
    /// Nothing leaks that was not chosen, or the result is incomplete.
    Note,
    /// Traffic leaves outside the tunnel although nothing permits it.
    Leak,
}

/// One part of the check, with its explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable name of the part: `ipv4`, `ipv6`, `interface`, `dns`, `excluded`, `split`, `local_networks`, `lockdown`,
    /// `portal` or `onion`.
    pub part: String,
    /// The result.
    pub verdict: Verdict,
    /// Explanation for people.
    pub detail: String,
}

/// Result of `check_leaks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeakReport {
    /// The lane that was checked.
    pub lane: Lane,
    /// True if a part found a leak.
    pub leak: bool,
    /// This device's address outside the tunnel, as the server sees it; `None` if the server did not respond.
    pub outside: Option<IpAddr>,
    /// What the server sees of other programs, for each family of its addresses.
    pub seen: Vec<SeenFrom>,
    /// The resolvers that programs of this machine query.
    pub resolvers: Vec<IpAddr>,
    /// All parts.
    pub findings: Vec<Finding>,
}
