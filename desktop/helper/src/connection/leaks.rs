//! The leak check: connects to the server as an ordinary program does, and compares what the server sees.
//!
//! The helper's own sockets carry a mark and leave outside the tunnel. Those of the check carry none, so routes and
//! firewall treat them as those of other programs. Both kinds ask the same server which address it sees.

use super::state::Connection;
use crate::server::translate;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
#[cfg(target_os = "linux")]
use tokio::net::TcpSocket;
use tornado_client::{DeviceApi, Options};
use tornado_helper_api::{
    Finding, HelperError, LeakReport, LockdownMode, SeenFrom, SeenPath, Status, TunnelState, Verdict,
};
use tornado_shared::crypto::identity::Fingerprint;
use tornado_shared::invitation::ServerAddress;
use tornado_shared::model::{Lane, Secret};

/// Timeout of one connection. Over Tor, a new circuit may take several seconds.
const WITHIN: Duration = Duration::from_secs(12);
/// Timeout of a connection that should be rejected at once.
#[cfg(target_os = "linux")]
const REJECTED_WITHIN: Duration = Duration::from_secs(2);

/// What the check needs. It is collected once, so that the check blocks no other call.
pub(crate) struct LeakCheck {
    marked: DeviceApi,
    access: Secret,
    server: ServerAddress,
    identity: Fingerprint,
    /// Addresses of the device API, at most one for each family.
    addresses: Vec<SocketAddr>,
    lane: Lane,
    /// This device's addresses on both lanes.
    inner: Vec<IpAddr>,
}

/// What this machine is set to.
pub(crate) struct Machine {
    /// Interfaces with a default route outside the tunnel.
    #[cfg(target_os = "linux")]
    pub uplinks: Vec<String>,
    /// The resolvers that programs query.
    pub resolvers: Vec<IpAddr>,
}

impl Connection {
    /// Collects what a leak check needs.
    pub(crate) async fn leak_check(&mut self) -> Result<LeakCheck, HelperError> {
        let (marked, access) = self.session_access().await.map_err(|_| HelperError::NotConnected)?;
        let account = self.credentials.enrolled()?;
        let server = account.address().map_err(|e| HelperError::Internal(e.to_string()))?;
        let identity = account.identity;
        let session = self.session.as_ref().ok_or(HelperError::NotConnected)?;
        let hosts = self.resolver.hosts().values().flatten().copied();
        let known = session.server.addresses.iter().map(SocketAddr::ip).chain(hosts);
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for ip in known {
            if !addresses.iter().any(|at| at.is_ipv4() == ip.is_ipv4()) {
                addresses.push((ip, server.port).into());
            }
        }
        let offers = [&session.offer.direct, &session.offer.tor];
        let inner = offers.iter().flat_map(|offer| [IpAddr::from(offer.v4), offer.v6.into()]).collect();
        Ok(LeakCheck { marked, access, server, identity, addresses, lane: session.lane, inner })
    }
}

impl LeakCheck {
    /// Runs the check. `status` is the state of the tunnel.
    pub(crate) async fn run(self, status: &Status, machine: Machine) -> Result<LeakReport, HelperError> {
        if !matches!(status.state, TunnelState::Connected | TunnelState::Switching) {
            return Err(HelperError::NotConnected);
        }
        let outside = self.marked.seen(&self.access).await.map(|seen| seen.address);
        let outside = outside.inspect_err(|error| tracing::info!(%error, "the server did not report our address")).ok();
        let mut seen = Vec::new();
        for address in &self.addresses {
            seen.push(self.seen_at(*address, outside).await?);
        }
        let mut findings: Vec<Finding> = seen.iter().map(|seen| of_family(seen, self.lane)).collect();
        findings.extend(self.of_missing_family(status));
        #[cfg(target_os = "linux")]
        findings.extend(self.of_interfaces(&machine.uplinks).await);
        findings.push(of_resolvers(status, &machine.resolvers));
        findings.extend(of_choices(status));
        if self.lane == Lane::Tor {
            findings.push(finding("onion", Verdict::Ok, ONION));
        }
        let leak = findings.iter().any(|found| found.verdict == Verdict::Leak);
        Ok(LeakReport { lane: self.lane, leak, outside, seen, resolvers: machine.resolvers, findings })
    }

    /// Connects without the mark, and asks the server which address it sees.
    async fn seen_at(&self, address: SocketAddr, outside: Option<IpAddr>) -> Result<SeenFrom, HelperError> {
        let options =
            Options { addresses: vec![address], connect_timeout: WITHIN, call_timeout: WITHIN, ..Options::default() };
        let api = DeviceApi::pinned(&self.server, self.identity, self.marked.tls(), &options);
        let api = api.map_err(|error| translate(&error))?;
        let answer = api.seen(&self.access).await.map(|seen| seen.address);
        let answer = answer.inspect_err(|error| tracing::debug!(%error, %address, "not delivered")).ok();
        let path = match answer {
            None => SeenPath::Blocked,
            Some(seen) => path_of(seen, self.lane, &self.inner, outside),
        };
        Ok(SeenFrom { server: address.ip(), address: answer, path })
    }

    /// A family in which the server has no address cannot be tried.
    fn of_missing_family(&self, status: &Status) -> Option<Finding> {
        let missing_v6 = !self.addresses.iter().any(SocketAddr::is_ipv6);
        let carried = status.addresses.iter().any(IpAddr::is_ipv6);
        missing_v6.then(|| {
            let detail = match carried {
                true => "the server has no IPv6 address, so IPv6 was not tried; the tunnel carries it",
                false => "the lane has no IPv6 address; IPv6 is blocked",
            };
            finding("ipv6", Verdict::Note, detail)
        })
    }

    /// A program may bind to an interface (`SO_BINDTODEVICE`), which bypasses the routes of the tunnel.
    #[cfg(target_os = "linux")]
    async fn of_interfaces(&self, uplinks: &[String]) -> Vec<Finding> {
        let mut findings = Vec::new();
        for uplink in uplinks {
            let mut reached = None;
            for address in &self.addresses {
                if connects_on(uplink, *address).await {
                    reached = Some(*address);
                }
            }
            findings.push(match reached {
                Some(address) => {
                    let detail = format!("a program that binds to {uplink} reached {address} outside the tunnel");
                    finding("interface", Verdict::Leak, &detail)
                }
                None => {
                    let detail = format!("a program that binds to {uplink} reaches nothing outside the tunnel");
                    finding("interface", Verdict::Ok, &detail)
                }
            });
        }
        findings
    }
}

const ONION: &str = ".onion addresses work in programs that resolve them by DNS; Firefox and Chromium refuse to, so use \
                     Tor Browser or a program without that restriction for them";

fn finding(part: &str, verdict: Verdict, detail: &str) -> Finding {
    Finding { part: part.to_owned(), verdict, detail: detail.to_owned() }
}

/// The path of a connection that the server saw with this source address. On the direct lane the server sees an address
/// inside the tunnel. On the tor lane it sees an exit relay; the device's own address is the only one that cannot be.
fn path_of(seen: IpAddr, lane: Lane, inner: &[IpAddr], outside: Option<IpAddr>) -> SeenPath {
    match lane {
        Lane::Direct if inner.contains(&seen) => SeenPath::Direct,
        Lane::Direct => SeenPath::Outside,
        Lane::Tor if outside == Some(seen) => SeenPath::Outside,
        Lane::Tor => SeenPath::Tor,
    }
}

fn of_family(seen: &SeenFrom, lane: Lane) -> Finding {
    let (part, name) = if seen.server.is_ipv4() { ("ipv4", "IPv4") } else { ("ipv6", "IPv6") };
    let address = seen.address.map_or_else(String::new, |address| address.to_string());
    let (verdict, detail) = match seen.path {
        SeenPath::Direct => {
            let detail = format!("{name} goes through the tunnel; the internet sees the server, at {}", seen.server);
            (Verdict::Ok, detail)
        }
        SeenPath::Tor => (Verdict::Ok, format!("{name} goes through Tor; the internet sees the exit relay {address}")),
        SeenPath::Outside => {
            let detail = format!(
                "{name} of programs leaves outside the tunnel: the server saw {address}; check `tornado split` and \
                 other programs' routing rules"
            );
            (Verdict::Leak, detail)
        }
        SeenPath::Blocked => {
            let detail = format!("{name} was not delivered over the {lane} lane: it is blocked, which is no leak");
            (Verdict::Note, detail)
        }
    };
    finding(part, verdict, &detail)
}

fn of_resolvers(status: &Status, resolvers: &[IpAddr]) -> Finding {
    let list = |addresses: &[IpAddr]| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if status.names.is_empty() {
        let detail = format!("the lane offers no resolver; programs query {}, and queries may leave", list(resolvers));
        return finding("dns", Verdict::Note, &detail);
    }
    let other: Vec<IpAddr> =
        resolvers.iter().filter(|at| !status.names.contains(at) && !at.is_loopback()).copied().collect();
    if other.is_empty() {
        let detail = format!("names are resolved only by {}, through the tunnel", list(&status.names));
        return finding("dns", Verdict::Ok, &detail);
    }
    let detail = format!(
        "this machine's settings name other resolvers ({}); queries to them enter the tunnel or are rejected",
        list(&other)
    );
    finding("dns", Verdict::Note, &detail)
}

/// Traffic that leaves because the user chose it.
fn of_choices(status: &Status) -> Vec<Finding> {
    let mut findings = Vec::new();
    if status.excluded {
        let detail = "programs are excluded and use no tunnel; `tornado exclude list` shows yours";
        findings.push(finding("excluded", Verdict::Note, detail));
    }
    if !status.split.networks.is_empty() {
        let networks: Vec<String> = status.split.networks.iter().map(ToString::to_string).collect();
        let detail = format!("traffic to {} leaves outside the tunnel", networks.join(", "));
        findings.push(finding("split", Verdict::Note, &detail));
    }
    if let Some(portal) = &status.portal {
        let detail = format!("the captive portal {} can be reached outside the tunnel for now", portal.address);
        findings.push(finding("portal", Verdict::Note, &detail));
    }
    if status.lockdown_policy.lan {
        let detail =
            "private networks that this machine is connected to are reached outside the tunnel, except for DNS";
        findings.push(finding("local_networks", Verdict::Note, detail));
    }
    let (verdict, detail) = match status.lockdown_policy.mode {
        LockdownMode::Always => (Verdict::Ok, "nothing leaves while no tunnel is up"),
        LockdownMode::Auto => (Verdict::Note, "if you disconnect, everything leaves outside the tunnel"),
        LockdownMode::Off => (Verdict::Note, "if the tunnel is lost, everything leaves outside it"),
    };
    findings.push(finding("lockdown", verdict, detail));
    findings
}

/// Tries a TCP connection from a socket that is bound to the interface.
#[cfg(target_os = "linux")]
async fn connects_on(uplink: &str, to: SocketAddr) -> bool {
    let socket = if to.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let Ok(socket) = socket else { return false };
    if socket.bind_device(Some(uplink.as_bytes())).is_err() {
        return false;
    }
    matches!(tokio::time::timeout(REJECTED_WITHIN, socket.connect(to)).await, Ok(Ok(_)))
}

/// Reads what this machine is set to.
pub(crate) type ReadMachine = Box<dyn Fn() -> Machine + Send + Sync>;

impl Machine {
    /// Reads the main routing table and resolv.conf(5).
    #[cfg(target_os = "linux")]
    pub(crate) fn read(resolv_conf: &std::path::Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let mut uplinks = default_interfaces(&read("/proc/net/route"), &read("/proc/net/ipv6_route"));
        uplinks.sort_unstable();
        uplinks.dedup();
        let text = std::fs::read_to_string(resolv_conf).unwrap_or_default();
        let servers = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
        Self { uplinks, resolvers: servers.filter_map(|value| value.trim().parse().ok()).collect() }
    }

    /// Reads the resolvers of all adapters. Sockets that are bound to an interface are not tried on Windows.
    #[cfg(windows)]
    pub(crate) fn read() -> Self {
        Self { resolvers: tornado_tunnel::os::windows::own_resolvers() }
    }
}

/// The interfaces of default routes in the two files of proc(5). That of IPv6 shows the routes of all tables; those of
/// the tunnel have no gateway.
#[cfg(target_os = "linux")]
fn default_interfaces(v4: &str, v6: &str) -> Vec<String> {
    let fields = |line: &str| line.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let is_zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let of_v4 = v4.lines().skip(1).filter_map(|line| match fields(line).as_slice() {
        [name, to, _, _, _, _, _, mask, ..] if to == "00000000" && mask == "00000000" => Some(name.clone()),
        _ => None,
    });
    let of_v6 = v6.lines().filter_map(|line| match fields(line).as_slice() {
        [to, length, _, _, gateway, _, _, _, _, name] if is_zero(to) && length == "00" && !is_zero(gateway) => {
            Some(name.clone())
        }
        _ => None,
    });
    of_v4.chain(of_v6).filter(|name| name != "lo").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_devices_own_address_is_a_leak_on_the_tor_lane() {
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let (inner, own, relay) = ([at("10.8.0.2"), at("fd74::2")], at("198.51.100.1"), at("192.0.2.9"));
        for (seen, lane, path) in [
            (inner[0], Lane::Direct, SeenPath::Direct),
            (inner[1], Lane::Direct, SeenPath::Direct),
            (own, Lane::Direct, SeenPath::Outside),
            (relay, Lane::Direct, SeenPath::Outside),
            (own, Lane::Tor, SeenPath::Outside),
            (relay, Lane::Tor, SeenPath::Tor),
        ] {
            assert_eq!(path_of(seen, lane, &inner, Some(own)), path, "{seen} {lane}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn interfaces_with_a_default_route_are_found() {
        let v4 = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                  eth0\t00000000\t0107A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
                  eth1\t0007A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let zero = "0".repeat(32);
        let v6 = format!(
            "{zero} 00 {zero} 00 fe80{} 00000400 00000001 00000000 00000003 wlan0\n\
             {zero} 00 {zero} 00 {zero} 00000001 00000001 00000000 00000001 tornado0\n\
             {zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 00200200 lo\n",
            "1".repeat(28)
        );
        assert_eq!(default_interfaces(v4, &v6), ["eth0", "wlan0"]);
    }

    #[test]
    fn a_foreign_resolver_is_noted() {
        let at = |text: &str| text.parse::<IpAddr>().unwrap();
        let status = Status { names: vec![at("10.8.0.1")], ..Status::default() };
        assert_eq!(of_resolvers(&status, &[at("10.8.0.1"), at("127.0.0.53")]).verdict, Verdict::Ok);
        assert_eq!(of_resolvers(&status, &[at("192.168.7.1")]).verdict, Verdict::Note);
        assert_eq!(of_resolvers(&Status::default(), &[at("192.168.7.1")]).verdict, Verdict::Note);
    }
}
