//! The lanes' pools and the networks of this machine. They must not overlap, or hosts in such a network cannot reach
//! this machine while the lanes are up.
//!
//! At the first start of a server without configured pools, free ones are chosen and stored in the state directory.
//! Later, an overlap prevents the start, and is reported if it appears while the server runs.

mod watch;

use crate::config::Config;
use crate::config::pools::FILE;
use crate::failure::Failure;
use anyhow::Context as _;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use nix::ifaddrs::getifaddrs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use tornado_contracts::ServiceName;
use tornado_runtime::beneath::{Owner, claim};
use tornado_runtime::files::{Access, Durability, replace};
use tornado_runtime::socket_path;
use tornado_shared::model::{LanePool, LanePools};

pub use watch::watch;

/// A network of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    interface: String,
    /// The machine's address in it, with the prefix length.
    at: IpNet,
}

/// A pool and a network that overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clash {
    lane: &'static str,
    pool: IpNet,
    network: Network,
}

impl std::fmt::Display for Clash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { lane, pool, network } = self;
        let (at, interface) = (network.at, &network.interface);
        write!(f, "this machine has {at} on {interface}, which is in the pool {pool} of the {lane} lane")
    }
}

const CURE: &str = "set [lanes.pools] to networks that are not in use here (devices reconnect automatically, exported \
                    devices need a new file), or remove the address";

/// Checks the machine before the server starts. Returns the configuration with usable pools.
pub fn settle(config: Config, path: &Path) -> Result<Config, Failure> {
    let networks = networks(&config);
    let pools = config.lanes.pools;
    // At the very first start no device has an address yet.
    let is_first = !config.paths.state.join("wg/direct.key").exists();
    if is_first && pools == LanePools::default() && !clashes(&pools, &networks, meets).is_empty() {
        let pools = choose(&networks).ok_or_else(|| refusal(&clashes(&pools, &networks, meets)))?;
        keep(&config.paths.state, &pools)?;
        let (direct, tor) = (pools.direct.v4, pools.tor.v4);
        tracing::warn!(%direct, %tor, "the default pools overlap networks of this machine; chose and stored others");
        return Config::load(path);
    }
    let found = clashes(&pools, &networks, swallows);
    if found.is_empty() {
        return Ok(config);
    }
    if UnixStream::connect(socket_path(&config.paths.run, ServiceName::Wg.as_str())).is_ok() {
        // The services run although their supervisor was killed: they are kept.
        found.iter().for_each(|clash| tracing::error!("{clash}; {CURE}"));
        return Ok(config);
    }
    Err(refusal(&found))
}

fn refusal(found: &[Clash]) -> Failure {
    let all: Vec<String> = found.iter().map(ToString::to_string).collect();
    let why = "with the lanes up, hosts there could not reach this machine";
    Failure::refused(format!("cannot start: {}: {why}; {CURE}", all.join("; ")))
}

/// Current problems of the machine, for an operator.
pub fn alarms(config: &Config) -> Vec<String> {
    let clashes = clashes(&config.lanes.pools, &networks(config), swallows);
    let mut all: Vec<String> = clashes.iter().map(|clash| format!("{clash}; {CURE}")).collect();
    if config.public_host().is_none() {
        let why = "this machine has no address and [server] host is not set";
        all.push(format!("{why}: invitations cannot be created and devices cannot connect"));
    }
    all
}

/// The networks of all interfaces except the lanes' and loopback, which has addresses of the tor lane.
fn networks(config: &Config) -> Vec<Network> {
    let ours = [config.wg.direct.as_str(), &config.wg.tor, "lo"];
    let address = |storage: nix::sys::socket::SockaddrStorage| {
        let v4 = storage.as_sockaddr_in().map(|at| IpAddr::V4(at.ip()));
        v4.or_else(|| storage.as_sockaddr_in6().map(|at| IpAddr::V6(at.ip())))
    };
    let network = |found: nix::ifaddrs::InterfaceAddress| {
        let (at, mask) = (address(found.address?)?, address(found.netmask?)?);
        let at = IpNet::with_netmask(at, mask).ok()?;
        (!ours.contains(&found.interface_name.as_str())).then_some(Network { interface: found.interface_name, at })
    };
    getifaddrs().map(|all| all.filter_map(network).collect()).unwrap_or_default()
}

fn clashes(pools: &LanePools, networks: &[Network], does: impl Fn(&IpNet, &Network) -> bool) -> Vec<Clash> {
    let lanes = [("direct", pools.direct), ("tor", pools.tor)];
    let pools = lanes.iter().flat_map(|(lane, pool)| [(*lane, IpNet::V4(pool.v4)), (*lane, IpNet::V6(pool.v6))]);
    let clash = |(lane, pool): (&'static str, IpNet)| {
        let network = networks.iter().find(|network| does(&pool, network))?.clone();
        Some(Clash { lane, pool, network })
    };
    pools.filter_map(clash).collect()
}

/// Returns true if the pool and the network have an address in common.
fn meets(pool: &IpNet, network: &Network) -> bool {
    pool.contains(&network.at.addr()) || pool.contains(&network.at.network()) || network.at.contains(&pool.network())
}

/// Returns true if the pool contains the machine's own address or the whole network. Of a larger network only a part is
/// hidden.
fn swallows(pool: &IpNet, network: &Network) -> bool {
    pool.contains(&network.at.addr()) || pool.contains(&network.at.trunc())
}

/// Chooses pools that overlap no network, in a fixed order.
fn choose(networks: &[Network]) -> Option<LanePools> {
    let tens = [8, 72, 104, 136, 168, 40, 24, 56, 88, 120, 152, 184].map(|second| [10, second]);
    let firsts = tens.into_iter().chain([[172, 24], [172, 28], [172, 20]]);
    let v6 = |group| Ipv6Net::new(Ipv6Addr::new(0xfd74, 0x6f72, 0x6e61, group, 0, 0, 0, 0), 64).ok();
    let pair = |[a, b]: [u8; 2], group: u16| {
        let v4 = |second| Ipv4Net::new(Ipv4Addr::new(a, second, 0, 0), 16).ok();
        let pool = |second, group| Some(LanePool { v4: v4(second)?, v6: v6(group)? });
        Some(LanePools { direct: pool(b, group)?, tor: pool(b + 1, group + 1)? })
    };
    let groups = [0x8, 0x108, 0x208, 0x308];
    let all = groups.into_iter().flat_map(|group| firsts.clone().map(move |first| (first, group)));
    all.filter_map(|(first, group)| pair(first, group)).find(|pools| clashes(pools, networks, meets).is_empty())
}

/// Stores the chosen pools. Every service reads the file.
fn keep(state: &Path, pools: &LanePools) -> anyhow::Result<()> {
    let path: PathBuf = state.join(FILE);
    let failed = || format!("cannot write {}", path.display());
    claim(state, Owner { uid: 0, gid: 0 }, 0o755).with_context(failed)?;
    let text = toml::to_string(pools).with_context(failed)?;
    let head =
        "# Chosen at the first start: the default pools overlap networks of this machine. Override: [lanes.pools].\n";
    replace(&path, (head.to_owned() + &text).as_bytes(), Access::mode(0o644), Durability::Synced).with_context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::pools::{chosen, parse};

    fn on(at: &str) -> Network {
        Network { interface: "eth0".into(), at: at.parse().unwrap() }
    }

    fn found(at: &str, does: impl Fn(&IpNet, &Network) -> bool) -> usize {
        clashes(&LanePools::default(), &[on(at)], does).len()
    }

    #[test]
    fn networks_that_meet_a_pool() {
        for at in ["10.8.1.5/24", "10.8.0.1/16", "10.9.255.1/32", "fd74:6f72:6e61:8::5/64", "10.8.1.5/8"] {
            assert_eq!((found(at, meets) > 0, found(at, swallows) > 0), (true, true), "{at}");
        }
        // Only a part of a large network is hidden; the machine stays reachable.
        assert_eq!((found("10.1.2.3/8", meets), found("10.1.2.3/8", swallows)), (2, 0));
        for at in ["10.7.0.5/16", "192.0.2.1/24", "2001:db8::1/64", "fd74:6f72:6e61::1/64"] {
            assert_eq!((found(at, meets), found(at, swallows)), (0, 0), "{at}");
        }
    }

    #[test]
    fn free_pools_are_chosen() {
        for all in
            [vec!["10.8.1.5/24"], vec!["10.1.2.3/8"], vec!["10.8.1.5/24", "10.73.0.1/24", "fd74:6f72:6e61:9::1/64"]]
        {
            let networks: Vec<Network> = all.iter().map(|at| on(at)).collect();
            let pools = choose(&networks).unwrap();
            pools.validate().unwrap();
            assert!(clashes(&pools, &networks, meets).is_empty(), "{all:?}: {pools:?}");
            assert_eq!(parse(&toml::to_string(&pools).unwrap()), Ok(pools));
        }
        assert_eq!(choose(&[]), Some(LanePools::default()));
        assert_eq!(choose(&[on("10.0.0.1/8"), on("172.16.0.1/12")]), None);
        assert!(parse("[direct]\nv4 = 'x'").is_err() && parse("[other]").is_err());
    }

    #[test]
    fn chosen_pools_are_kept_for_every_service_and_the_configuration_wins() {
        if !nix::unistd::geteuid().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let pools = choose(&[on("10.8.1.5/24")]).unwrap();
        keep(&state, &pools).unwrap();
        let mut config = Config::default();
        config.paths.state.clone_from(&state);
        assert_eq!(chosen(&config).unwrap(), Some(pools));
        config.lanes.pools.direct.v4 = "10.70.0.0/16".parse().unwrap();
        assert_eq!(chosen(&config).unwrap(), None);
        std::fs::write(state.join(FILE), "[direct]").unwrap();
        assert!(chosen(&Config { paths: config.paths, ..Config::default() }).is_err());
    }
}
