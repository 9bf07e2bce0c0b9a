//! DNS queries outside the tunnel, from sockets with the tunnel's mark.

use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RData, RecordType};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::time::Instant;
use tornado_client::set_mark;
use tornado_tunnel::policy::MARK;

/// Timeout of a query outside the tunnel.
pub(super) const TIMEOUT: Duration = Duration::from_secs(2);
/// How long to wait for the second address family after the first one responded. RFC 8305 §3 recommends 50 ms; a
/// resolver that has to query other servers needs longer.
const OTHER_FAMILY: Duration = Duration::from_millis(300);
/// Maximum number of addresses of one host.
pub(super) const MAX_ADDRESSES: usize = 8;

/// Queries the resolver of this system.
pub(super) async fn query_system(host: &str, within: Duration) -> io::Result<Vec<IpAddr>> {
    let found = tokio::time::timeout(within, tokio::net::lookup_host((host, 0))).await;
    let found: Vec<IpAddr> =
        found.map_err(|_| io::ErrorKind::TimedOut)??.map(|at| at.ip()).take(MAX_ADDRESSES).collect();
    if found.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(found) }
}

/// Queries one resolver for both address families.
pub(super) async fn query_families(server: SocketAddr, host: String) -> io::Result<Vec<IpAddr>> {
    let six = query(server, &host, RecordType::AAAA);
    let four = query(server, &host, RecordType::A);
    tokio::pin!(six, four);
    let mut answers: [Option<io::Result<Vec<IpAddr>>>; 2] = [None, None];
    let far = Instant::now() + TIMEOUT;
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
    found.truncate(MAX_ADDRESSES);
    match (found.is_empty(), failure) {
        (false, _) => Ok(found),
        (true, Some(error)) => Err(error),
        (true, None) => Err(io::Error::other("the name has no address")),
    }
}

/// Sends one query over UDP (RFC 1035) from a socket that bypasses the tunnel.
async fn query(server: SocketAddr, host: &str, kind: RecordType) -> io::Result<Vec<IpAddr>> {
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
    answer.answers.iter().filter_map(|record| address(&record.data)).take(MAX_ADDRESSES).collect()
}

/// A connected UDP socket with the tunnel's mark: the main routing table applies, not the tunnel's.
pub(crate) async fn marked_udp(to: SocketAddr) -> io::Result<UdpSocket> {
    let any = if to.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    set_mark(&socket2::SockRef::from(&socket), MARK, to.ip());
    socket.connect(to).await?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, AAAA};

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

    #[tokio::test]
    async fn both_families_are_queried_and_one_suffices() {
        let found = query_families(resolver(false).await, "vpn.example.org".into()).await.unwrap();
        assert_eq!(found, ["2001:db8::7".parse::<IpAddr>().unwrap(), "192.0.2.7".parse().unwrap()]);
        let found = query_families(resolver(true).await, "vpn.example.org".into()).await.unwrap();
        assert_eq!(found, ["192.0.2.7".parse::<IpAddr>().unwrap()]);
    }
}
