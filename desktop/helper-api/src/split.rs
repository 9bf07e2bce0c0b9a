//! Split tunnel: networks that are reached outside the tunnel.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use tornado_shared::model::UnixSeconds;

/// Maximum number of networks.
pub const MAX_NETWORKS: usize = 64;
/// Minimum length of a prefix, IPv4 and IPv6. A wider network would be most of the internet.
const MIN_PREFIX: (u8, u8) = (8, 16);

/// The networks that are reached outside the tunnel. Names are still resolved inside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The networks, sorted, each once.
    pub networks: Vec<IpNet>,
}

/// Reasons for which networks cannot be excluded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSplit {
    /// There are more than [`MAX_NETWORKS`] networks.
    #[error("at most {MAX_NETWORKS} networks can be excluded from the tunnel")]
    TooMany,
    /// The network is too wide.
    #[error("{0} is too wide to be excluded from the tunnel: the prefix must have at least 8 bits, for IPv6 16")]
    TooWide(IpNet),
}

impl Split {
    /// The networks without host bits, sorted, each once.
    ///
    /// # Errors
    /// If there are too many networks, or one is too wide.
    pub fn checked(self) -> Result<Self, NotSplit> {
        let mut networks: Vec<IpNet> = self.networks.iter().map(IpNet::trunc).collect();
        networks.sort_unstable();
        networks.dedup();
        let is_wide = |net: &&IpNet| net.prefix_len() < if net.addr().is_ipv4() { MIN_PREFIX.0 } else { MIN_PREFIX.1 };
        match networks.iter().find(is_wide) {
            Some(wide) => Err(NotSplit::TooWide(*wide)),
            None if networks.len() > MAX_NETWORKS => Err(NotSplit::TooMany),
            None => Ok(Self { networks }),
        }
    }
}

/// Input of `open_portal`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenPortal {
    /// The address of the captive portal.
    pub address: IpAddr,
}

/// The captive portal that can be reached now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Portal {
    /// Its address. Only TCP to ports 80 and 443 leaves.
    pub address: IpAddr,
    /// When it is blocked again.
    pub until: UnixSeconds,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_normal_and_not_the_internet() {
        let split = |texts: &[&str]| Split { networks: texts.iter().map(|text| text.parse().unwrap()).collect() };
        let found = split(&["203.0.113.7/24", "2001:db8::1/32", "203.0.113.9/24"]).checked().unwrap();
        assert_eq!(found, split(&["203.0.113.0/24", "2001:db8::/32"]));
        for wide in ["0.0.0.0/0", "128.0.0.0/1", "::/0", "2000::/3"] {
            assert!(matches!(split(&[wide]).checked(), Err(NotSplit::TooWide(_))), "{wide}");
        }
        let many: Vec<String> = (0..65).map(|n| format!("203.0.113.{n}/32")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(split(&many).checked(), Err(NotSplit::TooMany));
    }
}
