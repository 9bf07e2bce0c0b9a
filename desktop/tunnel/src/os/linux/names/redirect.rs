//! Redirects DNS queries to the lane's resolver by the firewall, whichever resolver a program queries. It is for
//! machines whose settings cannot be changed. Confidentiality does not depend on it: routes and firewall keep DNS
//! queries inside the tunnel.

use super::super::nft::{self, NftError};
use crate::os::OsError;
use crate::policy::{EXCLUDED_MARK, MARK};
use std::net::IpAddr;

/// Our table. It contains only this chain.
const TABLE: &str = "inet tornado_redirect";

/// Redirects queries to these resolvers, of which the first of each family is used.
pub(super) async fn set(servers: &[IpAddr]) -> Result<(), OsError> {
    nft::run(&render(servers)).await.map_err(|e| OsError::new("redirect DNS queries to the lane's resolver", e))
}

/// Removes the redirection. Without nft(8) there is none.
pub(super) async fn remove() -> Result<(), OsError> {
    match nft::run(&removal()).await {
        Ok(()) => Ok(()),
        Err(NftError::NotRun(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(OsError::new("remove the redirection of DNS queries", error)),
    }
}

/// Because it adds the table before it deletes it, the same text works whether or not the table exists.
fn removal() -> String {
    format!("add table {TABLE}\ndelete table {TABLE}\n")
}

/// Queries to a resolver on loopback are not redirected, but the queries that it sends to others are. Queries of
/// excluded programs carry the mark only if they may leave.
fn render(servers: &[IpAddr]) -> String {
    let first = |v4: bool| servers.iter().find(|server| server.is_ipv4() == v4);
    let to = |server: &IpAddr| {
        let (family, word) = if server.is_ipv4() { ("ipv4", "ip") } else { ("ipv6", "ip6") };
        format!("        meta nfproto {family} meta l4proto {{ tcp, udp }} th dport 53 dnat {word} to {server}\n")
    };
    let rules: String = [true, false].into_iter().filter_map(first).map(to).collect();
    format!(
        "{}table {TABLE} {{\n    chain queries {{\n        type nat hook output priority -100; policy accept;\n        \
         meta mark {{ {MARK:#x}, {EXCLUDED_MARK:#x} }} return\n        oifname \"lo\" return\n{rules}    }}\n}}\n",
        removal()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_queries_except_our_own_and_loopback_are_redirected() {
        let servers: Vec<IpAddr> = vec!["10.8.0.1".parse().unwrap(), "fd74::1".parse().unwrap()];
        assert_eq!(
            render(&servers),
            r#"add table inet tornado_redirect
delete table inet tornado_redirect
table inet tornado_redirect {
    chain queries {
        type nat hook output priority -100; policy accept;
        meta mark { 0x746f, 0x7478 } return
        oifname "lo" return
        meta nfproto ipv4 meta l4proto { tcp, udp } th dport 53 dnat ip to 10.8.0.1
        meta nfproto ipv6 meta l4proto { tcp, udp } th dport 53 dnat ip6 to fd74::1
    }
}
"#
        );
    }
}
