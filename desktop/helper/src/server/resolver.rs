//! Resolves the server's name outside the tunnel: a tunnel that does not work cannot carry the query for its own
//! server.

use super::dns::{MAX_ADDRESSES, TIMEOUT, query_families, query_system};
use crate::account::Hosts;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tornado_client::race;
use tornado_helper_api::HelperError;
use tornado_shared::invitation::ServerAddress;
use tornado_tunnel::state::{Phase, View};

/// Timeout of the system resolver.
const SYSTEM: Duration = Duration::from_secs(8);
/// The same while DNS queries go into a tunnel that may not work.
const SYSTEM_IN_TUNNEL: Duration = Duration::from_secs(3);
/// Delay before the next resolver is queried in parallel.
const NEXT: Duration = Duration::from_millis(300);
/// How long the other hosts of a server are waited for once one is known.
const OTHER_HOSTS: Duration = Duration::from_millis(500);
/// A response is reused for this time, which covers all lookups of one attempt.
const REUSE: Duration = Duration::from_secs(1);

/// Returns the resolvers that this machine uses outside the tunnel.
pub(crate) type OwnResolvers = Box<dyn Fn() -> Vec<IpAddr> + Send + Sync>;

/// Path of the hosts(5) file.
#[cfg(unix)]
const HOSTS: &str = "/etc/hosts";
#[cfg(windows)]
const HOSTS: &str = r"C:\Windows\System32\drivers\etc\hosts";

/// Addresses of a host.
struct Found {
    addresses: Vec<IpAddr>,
    /// True if a lookup was just made.
    is_new: bool,
}

/// Finds the server's addresses, and stores them for times when no resolver is reachable.
pub(crate) struct Resolver {
    hosts: Hosts,
    cache: HashMap<String, (Instant, Vec<IpAddr>)>,
    tunnel: watch::Receiver<View>,
    own: OwnResolvers,
    /// Address at which a lane responded last; tried first.
    last_responding: Option<IpAddr>,
    network: watch::Receiver<u64>,
}

impl Resolver {
    pub(crate) fn new(
        hosts: Hosts,
        tunnel: watch::Receiver<View>,
        network: watch::Receiver<u64>,
        own: OwnResolvers,
    ) -> Self {
        Self { hosts, cache: HashMap::new(), tunnel, own, last_responding: None, network }
    }

    pub(crate) const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Sets the address at which a lane responded last.
    pub(crate) const fn set_last_responding(&mut self, address: Option<IpAddr>) {
        self.last_responding = address;
    }

    pub(crate) const fn last_responding(&self) -> Option<IpAddr> {
        self.last_responding
    }

    /// Changes with the network; see [`tornado_client::Options::network`].
    pub(crate) fn network(&self) -> watch::Receiver<u64> {
        self.network.clone()
    }

    /// Discards cached responses, so that the next lookup sends a query.
    pub(crate) fn clear_cache(&mut self) {
        self.cache.clear();
    }

    /// All addresses of a host, or the stored ones if the lookup fails. Names are not logged.
    pub(crate) async fn resolve(&mut self, address: &ServerAddress) -> Result<Vec<SocketAddr>, HelperError> {
        let found = self.look_up(&address.host).await;
        self.record(address, found)
    }

    /// The addresses of each host, in the order of `hosts`, looked up at the same time: one silent name does not delay
    /// the others. Empty for a host without addresses.
    ///
    /// # Errors
    /// No host has an address.
    pub(crate) async fn resolve_all(&mut self, hosts: &[ServerAddress]) -> Result<Vec<Vec<SocketAddr>>, HelperError> {
        let found = gather(hosts.iter().map(|address| self.look_up(&address.host)), OTHER_HOSTS).await;
        let (mut all, mut failure) = (Vec::new(), None);
        for (address, found) in hosts.iter().zip(found) {
            let found = found.unwrap_or_else(|| self.stored_addresses(&address.host, &io::ErrorKind::TimedOut.into()));
            all.push(self.record(address, found).unwrap_or_else(|error| {
                failure = Some(error);
                Vec::new()
            }));
        }
        match failure {
            Some(error) if all.iter().all(Vec::is_empty) => Err(error),
            Some(_) | None => Ok(all),
        }
    }

    async fn look_up(&self, host: &str) -> Result<Found, HelperError> {
        if let Ok(literal) = host.parse() {
            return Ok(Found { addresses: vec![literal], is_new: false });
        }
        if let Some((_, known)) = self.cache.get(host).filter(|(at, _)| at.elapsed() < REUSE) {
            return Ok(Found { addresses: known.clone(), is_new: false });
        }
        let found = if self.queries_enter_tunnel() {
            self.look_up_outside_tunnel(host).await
        } else {
            query_system(host, SYSTEM).await
        };
        match found {
            Ok(addresses) => Ok(Found { addresses, is_new: true }),
            Err(error) => self.stored_addresses(host, &error),
        }
    }

    /// The stored addresses of a host whose lookup failed.
    fn stored_addresses(&self, host: &str, error: &io::Error) -> Result<Found, HelperError> {
        let known = self.hosts.get(host).map(|known| Found { addresses: known.clone(), is_new: false });
        known.ok_or_else(|| HelperError::unreachable(format!("cannot resolve {host}: {error}")))
    }

    /// Stores the result of a lookup.
    fn record(
        &mut self,
        address: &ServerAddress,
        found: Result<Found, HelperError>,
    ) -> Result<Vec<SocketAddr>, HelperError> {
        let Found { addresses, is_new } = found?;
        if is_new {
            self.hosts.insert(address.host.clone(), addresses.clone());
            self.cache.insert(address.host.clone(), (Instant::now(), addresses.clone()));
        }
        Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, address.port)).collect())
    }

    /// True while the system resolver sends its queries into the tunnel, or lockdown blocks them.
    fn queries_enter_tunnel(&self) -> bool {
        let view = self.tunnel.borrow();
        view.lockdown || matches!(view.phase, Phase::Connected | Phase::Switching)
    }

    /// Tries the hosts file, then this machine's own resolvers with marked sockets, then the system resolver.
    async fn look_up_outside_tunnel(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let hosts = tokio::fs::read_to_string(HOSTS).await.unwrap_or_default();
        let listed = listed(&hosts, host);
        if !listed.is_empty() {
            return Ok(listed);
        }
        let inside = self.tunnel.borrow().names.clone();
        let mut servers = (self.own)();
        servers.retain(|server| !inside.contains(server));
        let servers = servers.into_iter().take(3).map(|server| SocketAddr::new(server, 53)).collect();
        let name = host.to_owned();
        let responses = race(servers, NEXT, move |server| query_families(server, name.clone()));
        match tokio::time::timeout(TIMEOUT, responses).await {
            Ok(Ok((_, found))) => Ok(found),
            Ok(Err(_)) | Err(_) => query_system(host, SYSTEM_IN_TUNNEL).await,
        }
    }
}

/// Runs all lookups at the same time and returns their results in the same order. Those that end later than `rest`
/// after the first success are dropped (`None`).
async fn gather<T, E>(
    lookups: impl Iterator<Item = impl Future<Output = Result<T, E>>>,
    rest: Duration,
) -> Vec<Option<Result<T, E>>> {
    let mut running: FuturesUnordered<_> =
        lookups.enumerate().map(|(at, lookup)| async move { (at, lookup.await) }).collect();
    let mut results: Vec<_> = std::iter::repeat_with(|| None).take(running.len()).collect();
    let mut until = None;
    loop {
        let next = match until {
            Some(until) => tokio::time::timeout_at(until, running.next()).await.unwrap_or_default(),
            None => running.next().await,
        };
        let Some((at, result)) = next else { return results };
        if result.is_ok() {
            until = until.or_else(|| Some(Instant::now() + rest));
        }
        if let Some(slot) = results.get_mut(at) {
            *slot = Some(result);
        }
    }
}

/// The addresses of a name in the text of a hosts(5) file.
fn listed(text: &str, host: &str) -> Vec<IpAddr> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let of_host = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(host)).then_some(address)
    });
    of_host.take(MAX_ADDRESSES).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_file_is_read_as_by_the_system() {
        let text = "127.0.0.1 localhost\n192.0.2.7\tvpn.example.org vpn # old 192.0.2.8 vpn\n#192.0.2.9 vpn\n";
        assert_eq!(listed(text, "VPN"), ["192.0.2.7".parse::<IpAddr>().unwrap()]);
        assert!(listed(text, "example.org").is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_without_response_delays_others_by_500_ms() {
        let lookup = |after: Option<u64>| async move {
            match after {
                Some(after) => tokio::time::sleep(Duration::from_millis(after)).await,
                None => std::future::pending().await,
            }
            if after == Some(1) { Err(()) } else { Ok(after) }
        };
        let begun = Instant::now();
        let found = gather([None, Some(200), Some(1), Some(600), Some(800)].map(lookup).into_iter(), OTHER_HOSTS).await;
        let expected = [None, Some(Ok(Some(200))), Some(Err(())), Some(Ok(Some(600))), None];
        assert_eq!((found, begun.elapsed()), (expected.into(), Duration::from_millis(700)));
        // A failure alone ends nothing.
        let found = gather([Some(1), Some(3000)].map(lookup).into_iter(), OTHER_HOSTS).await;
        assert_eq!(found, [Some(Err(())), Some(Ok(Some(3000)))]);
    }
}
