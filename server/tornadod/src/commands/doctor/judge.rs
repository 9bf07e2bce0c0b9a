//! Derives findings from facts. Pure.

use super::facts::{Facts, Holder, Port, Route, Socket};
use super::finding::Severity::{Error, Note, Warning};
use super::finding::{Finding, found};
use super::{judge_foreign, judge_logs, judge_state};
use ipnet::IpNet;
use std::net::IpAddr;
use tornado_contracts::master::{Actual, Wanted};
use tornado_shared::model::UnixSeconds;

/// 2026-01-01: a correct clock is never earlier.
const BUILT: UnixSeconds = 1_767_225_600;
/// Files may be newer than the clock by this many seconds.
const SKEW: UnixSeconds = 120;
const MIB: u64 = 1024 * 1024;
/// Oldest versions that are known to work.
const NFT: (u32, u32, u32) = (1, 0, 0);
const TOR: (u32, u32, u32) = (0, 4, 7);

/// All findings, the most severe first.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    rights(facts, &mut findings);
    configuration(facts, &mut findings);
    judge_foreign::judge(facts, &mut findings);
    files(facts, &mut findings);
    ports(facts, &mut findings);
    programs(facts, &mut findings);
    network(facts, &mut findings);
    time_and_room(facts, &mut findings);
    judge_state::databases(facts, &mut findings);
    judge_state::engines(facts, &mut findings);
    judge_state::certificate(facts, &mut findings);
    judge_state::sockets(facts, &mut findings);
    services(facts, &mut findings);
    judge_logs::logs(facts, &mut findings);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

fn rights(facts: &Facts, to: &mut Vec<Finding>) {
    if !facts.is_root {
        let why = "only root can read the state, the sockets and the firewall";
        to.push(found("not_root", Warning, "most checks were skipped", why, "run `sudo tornadod doctor`"));
    }
    if !facts.missing_users.is_empty() {
        let what = format!("Unix users are missing: {}", facts.missing_users.join(", "));
        let cure = "install the file sysusers.d/tornado.conf and run `systemd-sysusers`";
        to.push(found("users_missing", Error, what, "each service runs as its own user", cure));
    }
}

fn configuration(facts: &Facts, to: &mut Vec<Finding>) {
    if let Some(why) = &facts.config_error {
        let cure = "correct it; `tornadod check-config` validates it";
        to.push(found("config_bad", Error, "the configuration is invalid", why, cure));
    }
    if let Some((path, why)) = &facts.unreadable {
        let cure = format!(
            "chmod a+r {0}, and a+x for the directories above it; keep passwords in [paths] secrets",
            path.display()
        );
        to.push(found("config_unreadable", Error, "services cannot read the configuration", why, cure));
    }
    let host = &facts.host;
    let cure = "set host in [server] to the public name or address of this server";
    if host.resolved.as_ref().is_some_and(Vec::is_empty) {
        let why = "devices receive this name, and it does not resolve here";
        to.push(found("host_unresolved", Warning, format!("the name {} has no address", host.name), why, cure));
    }
    if !host.is_configured && host.name.is_empty() {
        let why = "invitations cannot be created and devices cannot connect without an address";
        to.push(found("host_unknown", Warning, "this machine has no address, and none is configured", why, cure));
    } else if !host.is_configured && host.name.parse::<IpAddr>().map_or(true, |address| !is_public(address)) {
        let what = format!("devices receive {} as the address of the server", host.name);
        to.push(found("host_private", Warning, what, "this address is not reachable from the internet", cure));
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            !(v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_unspecified() || shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local())
        }
    }
}

fn files(facts: &Facts, to: &mut Vec<Finding>) {
    for file in &facts.files {
        let path = file.path.display();
        if file.uid != file.wanted_uid {
            let what = format!("{path} belongs to user {}, not {}", file.uid, file.wanted_uid);
            let cure = format!("chown {} {path}", file.wanted_uid);
            to.push(found("file_owner", Error, what, "the service that requires it cannot use it", cure));
        }
        if file.mode & !file.allowed != 0 {
            let what = format!("{path} has mode {:04o}", file.mode);
            let why = "other users can read or change it; a service rejects keys that others may read";
            let cure =
                format!("chmod {:04o} {path}; if others were able to read keys, rotate them", file.mode & file.allowed);
            to.push(found("file_mode", Error, what, why, cure));
        }
    }
}

fn ports(facts: &Facts, to: &mut Vec<Finding>) {
    let runs = facts.master.is_some();
    for Port { protocol, number, what, holder } in &facts.ports {
        let other = match holder {
            Holder::Process { name, pid } if name != "tornadod" => format!("{name} (process {pid})"),
            // Without root, neither the holder of a port nor the state of the server is visible.
            Holder::Unknown if !runs && facts.is_root => "another process".into(),
            Holder::Nobody if runs && facts.master.as_ref().is_some_and(|master| master.ready) => {
                let why = "the server runs and is ready, but does not listen there";
                let cure = "run `tornadod status`, then `tornadod restart`";
                let what = format!("no process listens on {protocol} port {number} ({what})");
                to.push(found("port_silent", Error, what, why, cure));
                continue;
            }
            Holder::Process { .. } | Holder::Unknown | Holder::Nobody => continue,
        };
        let cure = format!("stop that process, or configure another port for the server ({what})");
        let what = format!("{protocol} port {number} ({what}) is in use by {other}");
        to.push(found("port_taken", Error, what, "the server needs this port", cure));
    }
}

fn programs(facts: &Facts, to: &mut Vec<Finding>) {
    program(facts.nft.as_ref(), "nft", "nftables", NFT, "the firewall that separates the lanes", to);
    program(facts.tor.as_ref(), "tor", "tor", TOR, "the tor lane", to);
    if let Some(words) = &facts.nft_refused {
        let cure = "load the kernel module nf_tables; in a container, add CAP_NET_ADMIN";
        to.push(found("nf_tables", Error, "the kernel rejects nftables", words, cure));
    }
    if facts.needs_kernel && !facts.kernel_wireguard {
        let cure = "`modprobe wireguard`, or set backend = \"auto\" in [wg]";
        let why = "the configuration requires WireGuard in the kernel";
        to.push(found("wireguard_absent", Error, "WireGuard is not loaded in this kernel", why, cure));
    } else if !facts.tun && !facts.kernel_wireguard {
        let cure = "`modprobe tun`; in a container, add /dev/net/tun";
        let why = "without WireGuard in the kernel, lanes need a TUN device";
        to.push(found("tun_absent", Error, "/dev/net/tun does not exist, and the kernel has no WireGuard", why, cure));
    }
}

fn program(
    asked: Option<&Result<String, String>>,
    name: &str,
    package: &str,
    oldest: (u32, u32, u32),
    purpose: &str,
    to: &mut Vec<Finding>,
) {
    let (missing, old) = if name == "nft" { ("nft_missing", "nft_old") } else { ("tor_missing", "tor_old") };
    let severity = if name == "nft" { Error } else { Warning };
    match asked {
        None => {}
        Some(Err(why)) => {
            let cure = format!("apt install {package}");
            let what = format!("cannot run the program {name}, which {purpose} needs");
            to.push(found(missing, severity, what, why, cure));
        }
        Some(Ok(words)) if super::parse::version(words).is_some_and(|version| version < oldest) => {
            let (a, b, c) = oldest;
            let why = format!("{purpose} needs {a}.{b}.{c} or later");
            to.push(found(old, Warning, format!("{name} is outdated: {}", words.trim()), why, "upgrade the package"));
        }
        Some(Ok(_)) => {}
    }
}

fn network(facts: &Facts, to: &mut Vec<Finding>) {
    judge_state::sysctl(facts, to);
    for chain in &facts.drops {
        let what = format!("chain {} of table {} {} drops by default", chain.chain, chain.family, chain.table);
        let why = format!("another firewall on hook {} drops packets that the server accepts", chain.hook);
        let cure = if chain.hook == "forward" {
            "accept forwarding from and to the lanes' interfaces (wg0, wg1) in that firewall"
        } else {
            "accept the server's ports and packets from the lanes' interfaces (wg0, wg1) in that firewall"
        };
        to.push(found("firewall_drops", Warning, what, why, cure));
    }
    let overlap = |a: &IpNet, b: &IpNet| a.contains(&b.addr()) || b.contains(&a.addr());
    for (lane, pool) in &facts.pools {
        let others = facts.routes.iter().filter(|route| route.net.prefix_len() > 1 && overlap(pool, &route.net));
        let Some(route) = others.max_by_key(|route| route.net.prefix_len()) else { continue };
        // The kernel prefers the more specific route, and the lane's own is as specific as its pool.
        let (severity, why) = if route.net.prefix_len() >= pool.prefix_len() {
            (Error, "another VPN or a local network uses these addresses and would receive the packets for devices")
        } else {
            (Note, "devices work, but this server cannot reach machines of that network with an address of the pool")
        };
        let what = format!("{} on {} overlaps the {lane} lane's pool {pool}", route.net, route.interface);
        let cure = "set another pool for the lane in [lanes.pools] before devices enrol";
        to.push(found("pool_overlap", severity, what, why, cure));
    }
    own_networks(facts, to);
    let default =
        |v4: bool| facts.routes.iter().any(|route| route.net.prefix_len() == 0 && route.net.addr().is_ipv4() == v4);
    let (code, severity, what, why, cure) = match (default(true), default(false)) {
        (true, true) => return,
        (false, false) => {
            let cure = "connect the machine to a network and set a gateway";
            ("no_egress", Error, "default", "devices would reach only this server", cure)
        }
        (true, false) => {
            let why = "devices reach only IPv4; their IPv6 packets are rejected and do not leak";
            ("no_egress_v6", Note, "IPv6 default", why, "nothing, or ask the provider for IPv6")
        }
        (false, true) => ("no_egress_v4", Warning, "IPv4 default", "devices reach only IPv6", "set a gateway for IPv4"),
    };
    to.push(found(code, severity, format!("this machine has no {what} route"), why, cure));
}

/// Private networks of the server, which devices of the direct lane do not reach.
fn own_networks(facts: &Facts, to: &mut Vec<Finding>) {
    let is_default = |route: &Route| route.net.prefix_len() <= 1;
    let is_uplink = |name: &str| facts.routes.iter().any(|route| is_default(route) && route.interface == name);
    let is_private = |net: &IpNet| match net {
        IpNet::V4(net) => net.network().is_private(),
        IpNet::V6(net) => net.network().is_unique_local(),
    };
    let is_named = |net: &IpNet| {
        facts.allowed.iter().any(|allowed| allowed.contains(net))
            || facts.pools.iter().any(|(_, pool)| pool.contains(&net.addr()) || net.contains(&pool.addr()))
    };
    let is_local = |net: &IpNet| match net {
        IpNet::V4(net) => net.network().is_link_local() || net.network().is_multicast(),
        IpNet::V6(net) => net.network().is_unicast_link_local() || net.network().is_multicast(),
    };
    let own = facts.routes.iter().filter(|route| {
        let net = &route.net;
        !is_default(route) && !is_local(net) && !is_named(net) && (is_private(net) || !is_uplink(&route.interface))
    });
    let mut own: Vec<String> = own.map(|route| format!("{} on {}", route.net, route.interface)).collect();
    own.sort_unstable();
    own.dedup();
    if !own.is_empty() {
        let what = format!("devices cannot reach these networks of this server: {}", own.join(", "));
        let why = "the direct lane forwards only to the internet";
        let cure = "nothing, or add networks that devices may reach to [lanes] allow_networks";
        to.push(found("networks_refused", Note, what, why, cure));
    }
    if !facts.allowed.is_empty() {
        let allowed: Vec<String> = facts.allowed.iter().map(ToString::to_string).collect();
        let what = format!("devices can reach {} besides the internet", allowed.join(", "));
        let cure = "nothing if that is intended; otherwise change [lanes] allow_networks";
        to.push(found("networks_allowed", Note, what, "every device can reach them over the direct lane", cure));
    }
}

fn time_and_room(facts: &Facts, to: &mut Vec<Finding>) {
    let behind = facts.clock.newest_file.is_some_and(|newest| newest > facts.now + SKEW);
    if facts.now < BUILT || behind {
        let why = "tokens, leases and Tor's consensus are dated in the future, and Tor does not start";
        let cure = "set the clock (`timedatectl set-ntp true`), then `tornadod restart`";
        to.push(found("clock_wrong", Error, "the clock is slow", why, cure));
    } else if facts.clock.synchronised == Some(false) {
        let why = "logins fail if the clock is wrong by two minutes, and Tor stops if it is wrong by about an hour";
        let cure = "`timedatectl set-ntp true`";
        to.push(found("clock_free", Warning, "the clock is not synchronised", why, cure));
    }
    for disk in &facts.disks {
        let path = disk.path.display();
        let cure = "free space, or move the state to another disk ([paths] state)";
        if disk.is_read_only {
            let why = "the server cannot start, or cannot store logins and sessions";
            to.push(found("disk_read_only", Error, format!("{path} is read-only"), why, &disk.cure_read_only));
        } else if disk.free_bytes < 64 * MIB || disk.free_files.is_some_and(|files| files < 256) {
            let what = format!("{path} has {} left", crate::output::bytes(disk.free_bytes));
            to.push(found("disk_full", Error, what, "logins and sessions cannot be stored", cure));
        } else if disk.free_bytes < 1024 * MIB {
            let what = format!("{path} has {} left", crate::output::bytes(disk.free_bytes));
            to.push(found("disk_short", Warning, what, "the history and the audit trail grow", cure));
        }
    }
}

fn services(facts: &Facts, to: &mut Vec<Finding>) {
    let Some(master) = &facts.master else {
        if facts.is_root && facts.sockets.iter().all(|(_, state)| *state != Socket::Answers) {
            let why = "its socket does not respond";
            let cure = "run `systemctl start tornado`, then `journalctl -u tornado`";
            to.push(found("server_down", Warning, "the server is not running", why, cure));
        }
        return;
    };
    for service in master.services.iter().filter(|service| service.wanted == Wanted::Running) {
        let why = match &service.actual {
            Actual::Ready | Actual::Stopping => continue,
            Actual::Stopped => "the service is stopped".to_owned(),
            Actual::Waiting { reason }
            | Actual::Starting { reason }
            | Actual::Degraded { reason }
            | Actual::BackingOff { reason, .. }
            | Actual::CrashLoop { reason } => reason.clone(),
        };
        let cure =
            format!("run `journalctl -u tornado`; after fixing the cause, run `tornadod start {}`", service.name);
        to.push(found("service_not_ready", Error, format!("service {} is not ready", service.name), why, cure));
    }
    let Some(tor) = &facts.tor_status else { return };
    if tor.desired.is_some_and(|desired| desired.process) && tor.bootstrap.percent < 100 {
        let what = format!("Tor's bootstrap is at {} %", tor.bootstrap.percent);
        let why = tor.bootstrap.warning.clone().unwrap_or_else(|| tor.bootstrap.summary.clone());
        let cure = "wait a minute, then run `tornadod tor log`; if the network blocks Tor, set bridges in [tor]";
        to.push(found("tor_bootstrap", Warning, what, why, cure));
    }
}
