//! Programs outside the tunnel.
//!
//! A program is excluded by its control group (`cgroups(7)`, version 2), which its sockets keep and its children
//! inherit. The firewall recognises the group when a packet is sent, marks packet and connection with
//! [`EXCLUDED_MARK`](super::EXCLUDED_MARK), and the kernel then selects the route again, now in the main table. The
//! source address was selected before and may be one inside the tunnel, so it is translated on the way out.
//!
//! The first lookup must succeed, too, or the program gets an error before it sends anything. Where everything else is
//! unreachable, our table therefore leads to an interface that discards its packets; the firewall rejects them earlier.

use super::model::Family;
use std::net::IpAddr;

/// A control group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its path, relative to `/sys/fs/cgroup`, as nft(8) expects it.
    pub path: String,
    /// Its depth below the root of the hierarchy, at least 1.
    pub level: u8,
}

/// Programs outside the tunnel, as the firewall recognises them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excluded {
    /// All of them.
    pub group: Group,
    /// The part of [`group`](Self::group) whose DNS queries leave outside the tunnel, too.
    pub own_dns: Group,
    /// The machine's own resolvers, which receive these queries. If empty, the queries stay addressed as they are.
    pub resolvers: Vec<IpAddr>,
    /// Address families with a default route outside the tunnel. Traffic of another family is rejected, so that it
    /// neither enters the tunnel nor waits for a timeout.
    pub families: Vec<Family>,
}
