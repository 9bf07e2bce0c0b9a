//! Linux: interfaces, addresses, rules and routes by netlink, with monitoring; the firewall by nft(8); WireGuard in the
//! kernel or in this process.

mod firewall;
mod names;
mod netlink;
mod nft;
mod programs;
mod replies;
mod rule;
mod settings;
mod sink;
mod surroundings;
mod watch;
mod wireguard;

use super::{Disturbance, Os, OsError};
use crate::plan::{Backend, Link, Observation, Slot};
use crate::policy::{Family, Firewall, MARK, Routing, Rule, Transport, overlap};
use async_trait::async_trait;
use firewall::{AppliedFirewall, Synced};
use names::Names;
pub use names::own_resolvers;
use netlink::Netlink;
pub use programs::{Member, MoveError, ProgramDns, ProgramGroups};
pub use replies::accept_replies;
use rtnetlink::packet_route::rule::RuleMessage;
pub use settings::Settings;
use sink::Sink;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use surroundings::{Permitted, Surroundings};
use tornado_packet_io::Link as PacketLink;
pub use tornado_packet_io::{Offload, TunNode};
use watch::Watch;
use wireguard::WireGuard;

/// Names of what another program may have changed.
const FIREWALL: &str = "the firewall";
const RULES: &str = "the routing rules";

/// The kernel of this machine, in the network namespace in which it was opened.
pub struct Linux {
    settings: Settings,
    backend: Backend,
    netlink: Netlink,
    links: HashMap<Slot, WireGuard>,
    names: Names,
    firewall: AppliedFirewall,
    watch: Watch,
    /// Addresses and MTU of each link that is up.
    addresses: HashMap<Slot, (Vec<IpAddr>, u16)>,
    /// The required routing.
    required: Option<Routing>,
    /// Rules of other programs that are evaluated before ours and are known: they were reported, or existed before the
    /// tunnel.
    foreign: Vec<RuleMessage>,
    /// True if the firewall may have been changed.
    check_firewall: bool,
    /// The routing rules that were set last; empty if unknown.
    rules: Vec<Rule>,
    /// Interference that [`Os::route`] found and repaired.
    unreported: Vec<&'static str>,
    /// Links that could not get their IPv6 address.
    without_ipv6: HashSet<Slot>,
    programs: ProgramGroups,
    sink: Sink,
}

impl Linux {
    /// Opens netlink and selects the WireGuard implementation. Requires CAP_NET_ADMIN and a Tokio runtime.
    ///
    /// # Errors
    /// If the interface prefix is invalid, netlink cannot be opened, or the test for WireGuard in the kernel fails.
    pub async fn open(settings: Settings) -> Result<Self, OsError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if settings.interface.is_empty() || settings.interface.len() > 14 || !settings.interface.bytes().all(fits) {
            return Err(OsError::new("use the interface prefix", "it must have 1 to 14 letters, digits, '-' or '_'"));
        }
        let (netlink, watch) = (Netlink::open()?, Watch::open()?);
        let backend = match settings.backend {
            Some(backend) => backend,
            None => probe(&netlink, &settings.interface).await?,
        };
        tracing::info!(?backend, "WireGuard implementation chosen");
        let names = Names::new(&settings.resolv_conf, &settings.state_dir, &settings.interface);
        let (programs, sink) = (ProgramGroups::new(&settings.interface), Sink::new(&settings.interface));
        Ok(Self {
            settings,
            backend,
            netlink,
            links: HashMap::new(),
            names,
            firewall: AppliedFirewall::default(),
            watch,
            addresses: HashMap::new(),
            required: None,
            foreign: Vec::new(),
            check_firewall: false,
            rules: Vec::new(),
            unreported: Vec::new(),
            without_ipv6: HashSet::new(),
            programs,
            sink,
        })
    }

    /// The WireGuard implementation in use.
    #[must_use]
    pub const fn backend(&self) -> Backend {
        self.backend
    }

    /// The interface name of a slot.
    #[must_use]
    pub fn name(&self, slot: Slot) -> String {
        name(&self.settings.interface, slot)
    }
}

impl Linux {
    async fn drop_link(&mut self, slot: Slot) -> Result<(), OsError> {
        self.without_ipv6.remove(&slot);
        if let Some(link) = self.links.remove(&slot) {
            link.stop().await;
        }
        self.netlink.remove_link(&self.name(slot)).await
    }

    /// Sets everything in the kernel to what the routing requires. Returns what had changed.
    async fn sync(&mut self, routing: &Routing, first: bool) -> Result<Vec<&'static str>, OsError> {
        self.required = Some(routing.clone());
        let mut found = Vec::new();
        let mut note = |changed: bool, what: &'static str| {
            if changed {
                found.push(what);
            }
        };
        let index = match routing.slot {
            Some(slot) => {
                let name = self.name(slot);
                Some(
                    self.netlink
                        .index(&name)
                        .await?
                        .ok_or_else(|| OsError::new("find the interface", "it does not exist"))?,
                )
            }
            None => None,
        };
        // The firewall is set before the routes that it protects. In lockdown, the routes alone block traffic if it
        // fails.
        let links = Slot::ALL.map(|slot| self.name(slot));
        let [first_link, second_link] = links.clone();
        let tunnels = [first_link, second_link, self.sink.name().to_owned()];
        let mut surroundings = Surroundings::read(&self.netlink, &tunnels, self.permitted(routing)).await?;
        surroundings.local.retain(|network| !routing.never_local.iter().any(|range| overlap(range, &network.net)));
        let check = std::mem::take(&mut self.check_firewall);
        let excluded = match routing.excluded {
            true => self.programs.for_firewall(&self.netlink, &self.settings, &routing.names).await,
            false => None,
        };
        let firewall = Firewall { excluded, ..routing.firewall(links, &surroundings.local) };
        let excludes = firewall.excluded.is_some();
        let synced = self.firewall.sync(&firewall, check).await;
        let restored = matches!(synced, Ok(Synced::Restored));
        note(restored, FIREWALL);
        if routing.slot.is_some() {
            synced.clone()?;
        }
        let mut raised = false;
        for slot in Slot::ALL.into_iter().filter(|slot| self.addresses.contains_key(slot)).collect::<Vec<_>>() {
            if let Some(index) = self.netlink.index(&self.name(slot)).await? {
                raised |= self.sync_link(slot, index).await?;
            }
        }
        note(raised, "the interface");
        let ipv6 = self.netlink.has_ipv6().await;
        let only_v4 = routing.slot.is_some_and(|slot| self.without_ipv6.contains(&slot));
        let needs_sink = |(family, leads)| match leads {
            crate::policy::Default::Tunnel(_) => family == Family::V6 && only_v4,
            crate::policy::Default::Unreachable => true,
        };
        let sink = match excludes && routing.defaults.into_iter().any(needs_sink) {
            true => self.sink.open(&self.netlink, &self.settings.tun_node).await,
            false => None,
        };
        // Routes are set before rules, so that a rule never refers to an empty table.
        let mut rerouted = false;
        for (family, leads) in routing.defaults {
            let into = match leads {
                crate::policy::Default::Tunnel(_) if family == Family::V4 || !only_v4 => index,
                crate::policy::Default::Tunnel(_) | crate::policy::Default::Unreachable => sink,
            };
            if family == Family::V4 || ipv6 {
                rerouted |= self.netlink.sync_routes(family, into).await?;
            }
        }
        note(rerouted, "the routes");
        if sink.is_none() {
            self.sink.close();
        }
        let rules: Vec<_> = routing
            .rules(&surroundings.own, &surroundings.local, &surroundings.links)
            .into_iter()
            .filter(|r| r.family == Family::V4 || ipv6)
            .collect();
        let before = std::mem::take(&mut self.rules);
        note(self.netlink.sync_rules(&rules, &before).await?, RULES);
        self.rules = rules;
        // A program that emptied our tables also emptied the table that redirects DNS.
        if first || raised || restored {
            let reachable = |server: &IpAddr| server.is_ipv4() || (ipv6 && !only_v4);
            let names: Vec<IpAddr> = routing.names.iter().copied().filter(reachable).collect();
            match names.as_slice() {
                [] => self.names.restore().await?,
                servers => self.names.set(index.unwrap_or_default(), servers).await?,
            }
        }
        synced.map(|_| found)
    }

    /// The setting of this process restricts the choice of the user.
    const fn permitted(&self, routing: &Routing) -> Permitted {
        let lan = routing.lan && self.settings.local_networks;
        Permitted { lan, bridges: lan || routing.bridges }
    }

    /// Brings a link up, with its addresses. Returns true if anything was missing.
    async fn sync_link(&mut self, slot: Slot, index: u32) -> Result<bool, OsError> {
        let Some((addresses, mtu)) = self.addresses.get(&slot).cloned() else { return Ok(false) };
        let mut changed = !self.netlink.is_up(&self.name(slot), mtu).await?;
        if changed {
            self.netlink.set_up(index, mtu).await?;
        }
        let present = self.netlink.addresses().await?;
        let missing = |address: &IpAddr| !present.iter().any(|(at, present, _)| *at == index && present == address);
        for address in addresses.into_iter().filter(missing) {
            if Family::of(address) == Family::V6 && self.without_ipv6.contains(&slot) {
                continue;
            }
            match self.netlink.add_address(index, address).await {
                Ok(()) => changed = true,
                Err(error) if Family::of(address) == Family::V4 => return Err(error),
                // IPv6 is disabled on this machine, or on new interfaces. It is then rejected instead of leaked.
                Err(error) => {
                    tracing::warn!(%error, "cannot set the IPv6 address; IPv6 is blocked while the tunnel is up");
                    self.without_ipv6.insert(slot);
                }
            }
        }
        Ok(changed)
    }

    /// Returns whether this machine has a route to an endpoint of the server.
    async fn has_network(&self) -> bool {
        let Some(routing) = &self.required else { return true };
        let mut ends = routing.outside.clone();
        ends.retain(|outside| outside.transport == Transport::Udp);
        for end in &ends {
            if self.netlink.has_route(end.to.ip(), MARK).await {
                return true;
            }
        }
        ends.is_empty()
    }

    /// Resets TCP connections from addresses that were removed, so that programs notice at once: no packet can reach
    /// such an address any more.
    fn end_connections(&mut self, slot: Slot) {
        let Some(gone) = self.addresses.remove(&slot) else { return };
        let gone = gone.0;
        let kept = |address: &IpAddr| self.addresses.values().any(|(others, _)| others.contains(address));
        let ended = tornado_sockets::end_tcp(|local| gone.contains(&local.ip()) && !kept(&local.ip()));
        if let Err(error) = ended {
            tracing::warn!(%error, "cannot reset connections of the previous tunnel; they time out");
        }
    }
}

/// Blocks all traffic of this machine, before the network is configured and before the helper runs. Only nft(8) is
/// needed. The helper later replaces this firewall in one transaction, or removes it.
///
/// # Errors
/// If nft(8) cannot be run, or reports an error.
pub async fn block_early(interface_prefix: &str) -> Result<(), OsError> {
    let links = Slot::ALL.map(|slot| name(interface_prefix, slot));
    AppliedFirewall::apply_once(&Routing::lockdown(Vec::new()).firewall(links, &[])).await
}

/// Removes all our rules, routes and interfaces, then our firewall, whatever fails before.
///
/// # Errors
/// The first failure.
pub async fn release(settings: Settings) -> Result<(), OsError> {
    let removed = match Linux::open(settings).await {
        Ok(mut os) => os.tear_down().await,
        Err(error) => Err(error),
    };
    AppliedFirewall::default().remove().await?;
    removed
}

fn name(prefix: &str, slot: Slot) -> String {
    let number = match slot {
        Slot::A => 0,
        Slot::B => 1,
    };
    format!("{prefix}{number}")
}

/// Tries to create a WireGuard interface, which is more reliable than a list of kernel modules.
async fn probe(netlink: &Netlink, prefix: &str) -> Result<Backend, OsError> {
    let name = name(prefix, Slot::A);
    netlink.remove_link(&name).await?;
    if netlink.add_wireguard(&name).await? {
        netlink.remove_link(&name).await?;
        return Ok(Backend::Kernel);
    }
    Ok(Backend::Userspace)
}

#[async_trait]
impl Os for Linux {
    async fn up(&mut self, link: &Link) -> Result<Backend, OsError> {
        // The addresses of a recreated link stay the same, and so do the connections through it.
        self.drop_link(link.slot).await?;
        let name = self.name(link.slot);
        let tun = match self.backend {
            Backend::Kernel => {
                if !self.netlink.add_wireguard(&name).await? {
                    return Err(OsError::new("create the interface", "the kernel no longer supports WireGuard"));
                }
                None
            }
            Backend::Userspace => {
                let Settings { offload, tun_node, .. } = &self.settings;
                let opened = PacketLink::open(&name, link.lane.mtu, *offload, tun_node).await;
                Some(opened.map_err(|e| OsError::new("create the TUN device", e))?)
            }
        };
        let index = self.netlink.index(&name).await?.ok_or_else(|| OsError::new("find the interface", &name))?;
        if tun.is_none() {
            self.links.insert(link.slot, WireGuard::in_kernel(index, link).await?);
        }
        self.addresses.insert(link.slot, (link.lane.addresses.clone(), link.lane.mtu));
        self.sync_link(link.slot, index).await?;
        if let Some(tun) = tun {
            self.links.insert(link.slot, WireGuard::in_userspace(tun, link).await?);
        }
        Ok(self.backend)
    }

    async fn route(&mut self, routing: &Routing) -> Result<(), OsError> {
        self.foreign = self.netlink.foreign_rules().await?;
        // A new routing changes routes and links. Differences in rules and firewall come from another program.
        let found = self.sync(routing, true).await?;
        self.unreported.extend(found.into_iter().filter(|what| [FIREWALL, RULES].contains(what)));
        Ok(())
    }

    async fn changed(&mut self) {
        self.check_firewall |= self.watch.changed().await;
    }

    async fn restore(&mut self) -> Result<Disturbance, OsError> {
        let Some(routing) = self.required.clone() else { return Ok(Disturbance::default()) };
        let mut restored = self.sync(&routing, false).await?;
        for what in std::mem::take(&mut self.unreported) {
            if !restored.contains(&what) {
                restored.push(what);
            }
        }
        let foreign = self.netlink.foreign_rules().await?;
        let new = foreign.iter().filter(|rule| !self.foreign.contains(rule));
        let mut ahead: Vec<u32> = new.map(|rule| rule::preference(rule).unwrap_or_default()).collect();
        ahead.sort_unstable();
        ahead.dedup();
        self.foreign = foreign;
        Ok(Disturbance { restored, ahead })
    }

    async fn remove(&mut self, slot: Slot) -> Result<(), OsError> {
        self.drop_link(slot).await?;
        self.end_connections(slot);
        Ok(())
    }

    async fn observe(&mut self, slot: Slot) -> Result<Observation, OsError> {
        let (Some(_), Some(link)) = (self.netlink.index(&self.name(slot)).await?, self.links.get(&slot)) else {
            return Err(OsError::new("observe the interface", "it does not exist"));
        };
        self.names.check();
        let observed = link.observe().await?;
        Ok(Observation { no_network: !self.has_network().await, ..observed })
    }

    async fn tear_down(&mut self) -> Result<(), OsError> {
        self.required = None;
        self.sink.close();
        // Rules are removed first: after that, no lookup reaches our table.
        self.rules.clear();
        self.unreported.clear();
        self.netlink.sync_rules(&[], &[]).await?;
        self.netlink.flush_table().await?;
        for slot in Slot::ALL {
            self.remove(slot).await?;
        }
        self.names.restore().await?;
        self.firewall.remove().await
    }
}
