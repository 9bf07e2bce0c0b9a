//! Parts of nft(8)'s language.

use std::net::IpAddr;

/// A chain: its name and its lines.
pub(super) type Chain = (&'static str, Vec<String>);

/// The keyword for the header of an address's family.
pub(super) const fn ip(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "ip",
        IpAddr::V6(_) => "ip6",
    }
}
