//! Renders the configurations of all tor processes of the network.

use super::plan::{DIR_PORT, OBFS4_PORT, OR_PORT, Relay, RelayKind};
use std::net::SocketAddr;
use std::path::Path;

/// Debian's program for the transport obfs4, in the package of that name.
const OBFS4PROXY: &str = "/usr/bin/obfs4proxy";

/// Files that all processes read.
pub(super) struct Files<'a> {
    /// Countries of IPv4 addresses.
    pub geoip: &'a Path,
    /// Countries of IPv6 addresses.
    pub geoip6: &'a Path,
    /// The resolver configuration of the exits.
    pub resolv: &'a Path,
}

/// Lines that make a tor process a member of only this network, as client or relay.
pub(super) fn membership(relays: &[Relay], files: &Files<'_>) -> String {
    let mut lines = vec![
        "TestingTorNetwork 1".to_owned(),
        "AssumeReachable 1".to_owned(),
        "PathsNeededToBuildCircuits 0.67".to_owned(),
        "ShutdownWaitLength 0".to_owned(),
        format!("GeoIPFile {}", files.geoip.display()),
        format!("GeoIPv6File {}", files.geoip6.display()),
    ];
    for relay in relays {
        if let Some(vote_identity) = &relay.vote_identity {
            lines.push(format!(
                "DirAuthority {} orport={OR_PORT} no-v2 v3ident={vote_identity} {}:{DIR_PORT} {}",
                relay.name, relay.addresses.v4, relay.fingerprint
            ));
        }
    }
    joined(&lines)
}

/// The configuration of a relay.
pub(super) fn relay(relay: &Relay, relays: &[Relay], files: &Files<'_>, data: &Path) -> String {
    let (v4, v6) = (relay.addresses.v4, relay.addresses.v6);
    let mut lines = vec![
        format!("Nickname {}", relay.name),
        format!("DataDirectory {}", data.display()),
        "Log notice stderr".to_owned(),
        "SafeLogging 0".to_owned(),
        format!("Address {v4}"),
        format!("ORPort {v4}:{OR_PORT} IPv4Only"),
        format!("OutboundBindAddress {v4}"),
        "SocksPort 0".to_owned(),
        "ContactInfo none@example.test".to_owned(),
        // Ten processes with a thread per core would compete for the cores.
        "NumCPUs 1".to_owned(),
    ];
    match relay.kind {
        RelayKind::Authority => lines.extend(authority(relay, relays)),
        RelayKind::Relay => lines.extend(no_exit()),
        RelayKind::Bridge => {
            lines.extend(no_exit());
            lines.extend([
                "BridgeRelay 1".to_owned(),
                // A bridge is known only to those who have its line.
                "PublishServerDescriptor 0".to_owned(),
                "ExtORPort auto".to_owned(),
                format!("ServerTransportPlugin obfs4 exec {OBFS4PROXY}"),
                format!("ServerTransportListenAddr obfs4 {v4}:{OBFS4_PORT}"),
            ]);
        }
        RelayKind::Exit => {
            lines.extend([
                "ExitRelay 1".to_owned(),
                "ExitPolicy accept *:*".to_owned(),
                "ExitPolicy accept6 *:*".to_owned(),
                "IPv6Exit 1".to_owned(),
                "ExitPolicyRejectPrivate 0".to_owned(),
                format!("OutboundBindAddressExit {v4}"),
                format!("OutboundBindAddressExit [{v6}]"),
                format!("ServerDNSResolvConfFile {}", files.resolv.display()),
                "ServerDNSDetectHijacking 0".to_owned(),
                "ServerDNSAllowBrokenConfig 1".to_owned(),
                "ServerDNSAllowNonRFC953Hostnames 1".to_owned(),
                "ServerDNSRandomizeCase 1".to_owned(),
            ]);
        }
    }
    membership(relays, files) + &joined(&lines)
}

/// The intervals are the shortest that Tor accepts: a consensus 10 s after the start, then one every 10 s.
fn authority(relay: &Relay, relays: &[Relay]) -> Vec<String> {
    let exits: Vec<_> =
        relays.iter().filter(|r| r.kind == RelayKind::Exit).map(|r| format!("${}", r.fingerprint)).collect();
    let mut lines = vec![
        format!("DirPort {}:{DIR_PORT}", relay.addresses.v4),
        "AuthoritativeDirectory 1".to_owned(),
        "V3AuthoritativeDirectory 1".to_owned(),
        "TestingV3AuthInitialVotingInterval 5 seconds".to_owned(),
        "TestingV3AuthInitialVoteDelay 2 seconds".to_owned(),
        "TestingV3AuthInitialDistDelay 2 seconds".to_owned(),
        "V3AuthVotingInterval 10 seconds".to_owned(),
        "V3AuthVoteDelay 2 seconds".to_owned(),
        "V3AuthDistDelay 2 seconds".to_owned(),
        "V3AuthNIntervalsValid 2".to_owned(),
        "TestingDirAuthVoteGuard *".to_owned(),
        "TestingDirAuthVoteHSDir *".to_owned(),
        format!("TestingDirAuthVoteExit {}", exits.join(",")),
        "TestingDirAuthVoteExitIsStrict 1".to_owned(),
        "TestingMinExitFlagThreshold 0".to_owned(),
        "AuthDirTestReachability 0".to_owned(),
        "AuthDirMaxServersPerAddr 0".to_owned(),
        "MinUptimeHidServDirectoryV2 0 seconds".to_owned(),
    ];
    lines.extend(no_exit());
    lines
}

fn no_exit() -> [String; 2] {
    ["ExitRelay 0".to_owned(), "ExitPolicy reject *:*".to_owned()]
}

/// The configuration of the onion service: port 80 of its name is port 80 of its own host.
pub(super) fn onion(membership: &str, data: &Path, service: &Path) -> String {
    let lines = [
        format!("DataDirectory {}", data.display()),
        // Uploads of descriptors are logged only at level info.
        "Log [rend]info [*]notice stderr".to_owned(),
        "SocksPort 0".to_owned(),
        "ClientOnly 1".to_owned(),
        "NumCPUs 1".to_owned(),
        format!("HiddenServiceDir {}", service.display()),
        "HiddenServicePort 80 127.0.0.1:80".to_owned(),
    ];
    membership.to_owned() + &joined(&lines)
}

/// The configuration of a plain client with a SOCKS port.
pub(super) fn client(membership: &str, data: &Path, socks: SocketAddr, extra: &str) -> String {
    let lines = [
        format!("DataDirectory {}", data.display()),
        "Log notice stderr".to_owned(),
        format!("SocksPort {socks} IsolateSOCKSAuth"),
        "ClientOnly 1".to_owned(),
        "NumCPUs 1".to_owned(),
        extra.to_owned(),
    ];
    membership.to_owned() + &joined(&lines)
}

fn joined(lines: &[String]) -> String {
    lines.iter().filter(|line| !line.is_empty()).map(|line| format!("{}\n", line.trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TorNetworkOptions;
    use crate::tor_network::plan;

    fn network() -> Vec<Relay> {
        let mut relays = plan::relays(&TorNetworkOptions::default()).unwrap();
        for relay in &mut relays {
            relay.fingerprint = format!("{:0>40}", relay.name.to_uppercase());
            relay.vote_identity = (relay.kind == RelayKind::Authority).then(|| "F".repeat(40));
        }
        relays
    }

    fn files() -> Files<'static> {
        Files { geoip: Path::new("/x/geoip"), geoip6: Path::new("/x/geoip6"), resolv: Path::new("/x/resolv.conf") }
    }

    #[test]
    fn a_member_knows_every_authority_and_nothing_else() {
        let lines = membership(&network(), &files());
        let authorities: Vec<_> = lines.lines().filter(|l| l.starts_with("DirAuthority ")).collect();
        assert_eq!(authorities.len(), 3);
        let expected =
            format!("DirAuthority a1 orport=9001 no-v2 v3ident={} 198.18.0.11:9030 {:0>40}", "F".repeat(40), "A1");
        assert_eq!(authorities.first().copied(), Some(expected.as_str()));
    }

    #[test]
    fn only_exits_let_out_and_authorities_name_exactly_them() {
        let relays = network();
        for one in &relays {
            let text = relay(one, &relays, &files(), Path::new("/x/data"));
            assert_eq!(text.contains("ExitPolicy accept *:*"), one.kind == RelayKind::Exit, "{}", one.name);
            assert_eq!(text.contains("ExitPolicy reject *:*"), one.kind != RelayKind::Exit, "{}", one.name);
            let named = format!("TestingDirAuthVoteExit ${:0>40},${:0>40}\n", "E1", "E2");
            assert_eq!(text.contains(&named), one.kind == RelayKind::Authority, "{}", one.name);
        }
    }
}
