//! Resolves the server's name outside the tunnel: a tunnel that does not work cannot carry the query for its own
//! server.

use crate::wish::Hosts;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::Instant;
use tornado_client::{race, set_mark};
use tornado_helper_api::HelperError;
use tornado_shared::invitation::ServerAddress;
use tornado_tunnel::policy::MARK;
use tornado_tunnel::state::{Phase, View};

/// Timeout of the system resolver.
const SYSTEM: Duration = Duration::from_secs(8);
/// The same while DNS queries go into a tunnel that may not work.
const SYSTEM_INSIDE: Duration = Duration::from_secs(3);
/// Timeout of a query outside the tunnel, then the delay before the next resolver is queried in parallel.
const BESIDE: Duration = Duration::from_secs(2);
const NEXT: Duration = Duration::from_millis(300);
/// How long to wait for the second address family after the first one responded. RFC 8305 §3 recommends 50 ms; a
/// resolver that has to query other servers needs longer.
const OTHER_FAMILY: Duration = Duration::from_millis(300);
/// How long the other hosts of a server are waited for once one is known.
const OTHER_HOSTS: Duration = Duration::from_millis(500);
/// A response is reused for this time, which covers all lookups of one attempt.
const ROUND: Duration = Duration::from_secs(1);
/// Maximum number of addresses of one host.
const MOST: usize = 8;

/// Addresses of a host.
struct Found {
    addresses: Vec<IpAddr>,
    /// True if a lookup was just made.
    is_new: bool,
}

/// Finds the server's addresses, and stores them for times when no resolver is reachable.
pub(crate) struct Resolver {
    hosts: Hosts,
    fresh: HashMap<String, (Instant, Vec<IpAddr>)>,
    tunnel: watch::Receiver<View>,
    resolv_conf: PathBuf,
    state_dir: PathBuf,
    /// Address at which a lane responded last; tried first.
    pub(crate) answered: Option<IpAddr>,
    /// Changes with the network; see [`tornado_client::Options::network`].
    pub(crate) network: watch::Receiver<u64>,
}

impl Resolver {
    pub(crate) fn new(
        hosts: Hosts,
        tunnel: watch::Receiver<View>,
        network: watch::Receiver<u64>,
        resolv_conf: PathBuf,
        state_dir: PathBuf,
    ) -> Self {
        Self { hosts, fresh: HashMap::new(), tunnel, resolv_conf, state_dir, answered: None, network }
    }

    pub(crate) const fn hosts(&self) -> &Hosts {
        &self.hosts
    }

    /// Discards cached responses, so that the next lookup sends a query.
    pub(crate) fn forget_fresh(&mut self) {
        self.fresh.clear();
    }

    /// All addresses of a host, or the stored ones if the lookup fails. Names are not logged.
    pub(crate) async fn resolve(&mut self, address: &ServerAddress) -> Result<Vec<SocketAddr>, HelperError> {
        let found = self.look_up(&address.host).await;
        self.noted(address, found)
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
            let found = found.unwrap_or_else(|| self.remembered(&address.host, &io::ErrorKind::TimedOut.into()));
            all.push(self.noted(address, found).unwrap_or_else(|error| {
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
        if let Some((_, known)) = self.fresh.get(host).filter(|(at, _)| at.elapsed() < ROUND) {
            return Ok(Found { addresses: known.clone(), is_new: false });
        }
        let found = if self.led_into_tunnel() { self.beside(host).await } else { system(host, SYSTEM).await };
        match found {
            Ok(addresses) => Ok(Found { addresses, is_new: true }),
            Err(error) => self.remembered(host, &error),
        }
    }

    /// The stored addresses of a host whose lookup failed.
    fn remembered(&self, host: &str, error: &io::Error) -> Result<Found, HelperError> {
        let known = self.hosts.get(host).map(|known| Found { addresses: known.clone(), is_new: false });
        known.ok_or_else(|| HelperError::unreachable(format!("cannot resolve {host}: {error}")))
    }

    /// Stores the result of a lookup.
    fn noted(
        &mut self,
        address: &ServerAddress,
        found: Result<Found, HelperError>,
    ) -> Result<Vec<SocketAddr>, HelperError> {
        let Found { addresses, is_new } = found?;
        if is_new {
            self.hosts.insert(address.host.clone(), addresses.clone());
            self.fresh.insert(address.host.clone(), (Instant::now(), addresses.clone()));
        }
        Ok(addresses.into_iter().map(|ip| SocketAddr::new(ip, address.port)).collect())
    }

    /// True while the system resolver sends its queries into the tunnel, or lockdown blocks them.
    fn led_into_tunnel(&self) -> bool {
        let view = self.tunnel.borrow();
        view.lockdown || matches!(view.phase, Phase::Connected | Phase::Switching)
    }

    /// Tries the hosts file, then this machine's own resolvers with marked sockets, then the system resolver.
    async fn beside(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        let hosts = tokio::fs::read_to_string("/etc/hosts").await.unwrap_or_default();
        let listed = listed(&hosts, host);
        if !listed.is_empty() {
            return Ok(listed);
        }
        let inside = self.tunnel.borrow().names.clone();
        let mut servers = tornado_tunnel::os::linux::own_resolvers(&self.resolv_conf, &self.state_dir);
        servers.retain(|server| !inside.contains(server));
        let servers = servers.into_iter().take(3).map(|server| SocketAddr::new(server, 53)).collect();
        let name = host.to_owned();
        let asked = race(servers, NEXT, move |server| ask_both(server, name.clone()));
        match tokio::time::timeout(BESIDE, asked).await {
            Ok(Ok((_, found))) => Ok(found),
            Ok(Err(_)) | Err(_) => system(host, SYSTEM_INSIDE).await,
        }
    }
}

/// Runs all lookups at the same time and returns their results in the same order. Those that end later than `rest` after
/// the first success are dropped (`None`).
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
        if let Some(place) = results.get_mut(at) {
            *place = Some(result);
        }
    }
}

async fn system(host: &str, within: Duration) -> io::Result<Vec<IpAddr>> {
    let found = tokio::time::timeout(within, tokio::net::lookup_host((host, 0))).await;
    let found: Vec<IpAddr> = found.map_err(|_| io::ErrorKind::TimedOut)??.map(|at| at.ip()).take(MOST).collect();
    if found.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(found) }
}

/// The addresses of a name in the text of a hosts(5) file.
fn listed(text: &str, host: &str) -> Vec<IpAddr> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let of_host = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|word| word.eq_ignore_ascii_case(host)).then_some(address)
    });
    of_host.take(MOST).collect()
}

/// Queries one resolver for both address families.
async fn ask_both(server: SocketAddr, host: String) -> io::Result<Vec<IpAddr>> {
    let six = ask(server, &host, RecordType::AAAA);
    let four = ask(server, &host, RecordType::A);
    tokio::pin!(six, four);
    let mut answers: [Option<io::Result<Vec<IpAddr>>>; 2] = [None, None];
    let far = Instant::now() + BESIDE;
    let mut until = far;
    while answers.iter().any(Option::is_none) {
        tokio::select! {
            answer = &mut six, if answers[0].is_none() => answers[0] = Some(answer),
            answer = &mut four, if answers[1].is_none() => answers[1] = Some(answer),
            () = tokio::time::sleep_until(until) => break,
        }
        if until == far && answers.iter().flatten().any(|answer| answer.as_ref().is_ok_and(|found| !found.is_empty())) {
            until = Instant::now() + OTHER_FAMILY;
        }
    }
    let mut failure = None;
    let mut found = Vec::new();
    for answer in answers.into_iter().flatten() {
        match answer {
            Ok(addresses) => found.extend(addresses),
            Err(error) => failure = Some(error),
        }
    }
    found.truncate(MOST);
    match (found.is_empty(), failure) {
        (false, _) => Ok(found),
        (true, Some(error)) => Err(error),
        (true, None) => Err(io::Error::other("the name has no address")),
    }
}

/// Sends one query over UDP (RFC 1035) from a socket that bypasses the tunnel.
async fn ask(server: SocketAddr, host: &str, kind: RecordType) -> io::Result<Vec<IpAddr>> {
    let name = Name::from_utf8(format!("{}.", host.trim_end_matches('.'))).map_err(io::Error::other)?;
    let mut question = Message::query();
    question.metadata.recursion_desired = true;
    question.add_query(Query::query(name, kind));
    let bytes = question.to_vec().map_err(io::Error::other)?;
    let socket = marked_udp(server).await?;
    socket.send(&bytes).await?;
    let mut buffer = [0; 1500];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let Ok(answer) = Message::from_vec(buffer.get(..length).unwrap_or_default()) else { continue };
        if answer.metadata.id == question.metadata.id && answer.queries == question.queries {
            return Ok(addresses(&answer));
        }
    }
}

/// All addresses in a response, including those behind aliases.
fn addresses(answer: &Message) -> Vec<IpAddr> {
    let address = |data: &RData| {
        if let RData::A(v4) = data {
            return Some(IpAddr::from(v4.0));
        }
        if let RData::AAAA(v6) = data { Some(IpAddr::from(v6.0)) } else { None }
    };
    answer.answers.iter().filter_map(|record| address(&record.data)).take(MOST).collect()
}

/// A connected UDP socket with the tunnel's mark: the main routing table applies, not the tunnel's.
pub(crate) async fn marked_udp(to: SocketAddr) -> io::Result<UdpSocket> {
    let any = if to.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    set_mark(&socket2::SockRef::from(&socket), MARK);
    socket.connect(to).await?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, AAAA};

    #[test]
    fn the_hosts_file_counts_like_for_the_system() {
        let text = "127.0.0.1 localhost\n192.0.2.7\tvpn.example.org vpn # old 192.0.2.8 vpn\n#192.0.2.9 vpn\n";
        assert_eq!(listed(text, "VPN"), ["192.0.2.7".parse::<IpAddr>().unwrap()]);
        assert!(listed(text, "example.org").is_empty());
    }

    /// Answers queries on one socket; if `silent`, it ignores AAAA queries.
    async fn resolver(silent: bool) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let question = Message::from_vec(&buffer[..length]).unwrap();
                let query = question.queries[0].clone();
                if silent && query.query_type() == RecordType::AAAA {
                    continue;
                }
                let mut answer = Message::response(question.metadata.id, question.metadata.op_code);
                let data = if query.query_type() == RecordType::A {
                    RData::A(A("192.0.2.7".parse().unwrap()))
                } else {
                    RData::AAAA(AAAA("2001:db8::7".parse().unwrap()))
                };
                answer.add_answer(Record::from_rdata(query.name().clone(), 60, data));
                answer.add_query(query);
                // A forged response with another ID comes first. It must be ignored.
                let mut forged = answer.clone();
                forged.metadata.id ^= 1;
                socket.send_to(&forged.to_vec().unwrap(), from).await.unwrap();
                socket.send_to(&answer.to_vec().unwrap(), from).await.unwrap();
            }
        });
        at
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_name_delays_the_others_by_half_a_second() {
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

    #[tokio::test]
    async fn both_families_are_asked_and_one_alone_will_do() {
        let found = ask_both(resolver(false).await, "vpn.example.org".into()).await.unwrap();
        assert_eq!(found, ["2001:db8::7".parse::<IpAddr>().unwrap(), "192.0.2.7".parse().unwrap()]);
        let found = ask_both(resolver(true).await, "vpn.example.org".into()).await.unwrap();
        assert_eq!(found, ["192.0.2.7".parse::<IpAddr>().unwrap()]);
    }
}
