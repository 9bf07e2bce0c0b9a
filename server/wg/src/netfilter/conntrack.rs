//! Ends tracked flows of some addresses (`include/uapi/linux/netfilter/nfnetlink_conntrack.h`).

use super::message::{ACKNOWLEDGE, DONE, DUMP, ERROR, FAMILY_HEADER, NESTED, attribute, errno, message, messages, put};
use rtnetlink::sys::{AsyncSocket as _, AsyncSocketExt as _, SocketAddr, TokioSocket, protocols::NETLINK_NETFILTER};
use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const GET: u16 = 0x101;
const DELETE: u16 = 0x102;
const TUPLE_ORIGINAL: u16 = 1;
const ID: u16 = 12;
const ZONE: u16 = 18;
const FILTER: u16 = 25;
/// Within a filter: which parts of the original tuple count.
const FILTER_ORIGINAL: u16 = 1;
/// Within a tuple.
const TUPLE_IP: u16 = 1;
const INET: u8 = 2;
const INET6: u8 = 10;
/// Both families in one listing.
const ANY: u8 = 0;
/// The kernel answers at once; more is asked for in one go than fits into this.
const BUFFER: usize = 1 << 16;

/// Which end of a flow's first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Source,
    Destination,
}

impl End {
    /// Bit of the filter (`CTA_FILTER_F_CTA_IP_…`).
    const fn flag(self) -> u32 {
        match self {
            Self::Source => 1,
            Self::Destination => 2,
        }
    }

    /// Attribute of an address within `CTA_TUPLE_IP`.
    const fn attribute(self, family: u8) -> u16 {
        match (self, family) {
            (Self::Source, INET) => 1,
            (Self::Destination, INET) => 2,
            (Self::Source, _) => 3,
            (Self::Destination, _) => 4,
        }
    }
}

/// Which flows shall end: those begun by or to an address.
pub(super) enum Which {
    /// A few addresses: the kernel picks.
    Of(Vec<IpAddr>),
    /// Many: everything is looked at.
    Any(HashSet<IpAddr>),
    /// Addresses for which this is true: everything is looked at.
    Where(Box<dyn Fn(IpAddr) -> bool + Send + Sync>),
}

impl Which {
    fn is(&self, address: IpAddr) -> bool {
        match self {
            Self::Of(few) => few.contains(&address),
            Self::Any(many) => many.contains(&address),
            Self::Where(matches) => matches(address),
        }
    }
}

/// Ends the flows. Returns how many there were.
pub(super) async fn end(which: &Which) -> io::Result<usize> {
    let socket = Socket::open()?;
    let mut found = Vec::new();
    if let Which::Of(few) = which {
        for address in few {
            for one in [End::Source, End::Destination] {
                socket.list(family(*address), &filter(*address, one), which, &mut found).await?;
            }
        }
    } else {
        socket.list(ANY, &[], which, &mut found).await?;
    }
    let mut ended = 0;
    for (family, name) in found {
        ended += usize::from(socket.delete(family, &name).await?);
    }
    Ok(ended)
}

struct Socket(TokioSocket);

impl Socket {
    fn open() -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
        socket.socket_mut().bind_auto()?;
        // To the kernel only: answers of others are not taken.
        socket.socket_mut().connect(&SocketAddr::new(0, 0))?;
        Ok(Self(socket))
    }

    /// Adds family and name of each flow that matches.
    async fn list(&self, family: u8, filter: &[u8], which: &Which, found: &mut Vec<(u8, Vec<u8>)>) -> io::Result<()> {
        self.0.send(&message(GET, DUMP, family, filter)).await?;
        let mut buffer = Vec::with_capacity(BUFFER);
        loop {
            buffer.clear();
            self.0.recv(&mut buffer).await?;
            for (kind, payload) in messages(&buffer) {
                if kind == DONE {
                    return Ok(());
                }
                if kind == ERROR {
                    return errno(payload).map_or(Ok(()), |code| Err(io::Error::from_raw_os_error(code)));
                }
                found.extend(name(payload, which));
            }
        }
    }

    /// False when it ended by itself meanwhile.
    async fn delete(&self, family: u8, name: &[u8]) -> io::Result<bool> {
        self.0.send(&message(DELETE, ACKNOWLEDGE, family, name)).await?;
        let mut buffer = Vec::with_capacity(BUFFER);
        self.0.recv(&mut buffer).await?;
        let answer = messages(&buffer).find(|(kind, _)| *kind == ERROR).and_then(|(_, payload)| errno(payload));
        match answer {
            None => Ok(true),
            Some(nix::libc::ENOENT) => Ok(false),
            Some(code) => Err(io::Error::from_raw_os_error(code)),
        }
    }
}

/// Family and the attributes by which a flow is deleted, if it matches.
pub(super) fn name(payload: &[u8], which: &Which) -> Option<(u8, Vec<u8>)> {
    let family = *payload.first()?;
    let all = payload.get(FAMILY_HEADER..)?;
    let tuple = attribute(all, TUPLE_ORIGINAL)?;
    let ip = attribute(tuple, TUPLE_IP)?;
    let matches = |end: End| {
        let value = attribute(ip, end.attribute(family))?;
        let address: IpAddr = if family == INET {
            Ipv4Addr::from(<[u8; 4]>::try_from(value).ok()?).into()
        } else {
            Ipv6Addr::from(<[u8; 16]>::try_from(value).ok()?).into()
        };
        Some(which.is(address))
    };
    if matches(End::Source) != Some(true) && matches(End::Destination) != Some(true) {
        return None;
    }
    let mut name = Vec::new();
    put(&mut name, TUPLE_ORIGINAL | NESTED, tuple);
    for kind in [ID, ZONE] {
        if let Some(value) = attribute(all, kind) {
            put(&mut name, kind, value);
        }
    }
    Some((family, name))
}

/// Lets the kernel (5.8 or later) send only flows with this address at this end; an older one sends all.
fn filter(address: IpAddr, end: End) -> Vec<u8> {
    let (mut ip, mut tuple, mut flags, mut out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let attribute = end.attribute(family(address));
    match address {
        IpAddr::V4(address) => put(&mut ip, attribute, &address.octets()),
        IpAddr::V6(address) => put(&mut ip, attribute, &address.octets()),
    }
    put(&mut tuple, TUPLE_IP | NESTED, &ip);
    put(&mut flags, FILTER_ORIGINAL, &end.flag().to_ne_bytes());
    put(&mut out, TUPLE_ORIGINAL | NESTED, &tuple);
    put(&mut out, FILTER | NESTED, &flags);
    out
}

const fn family(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => INET,
        IpAddr::V6(_) => INET6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(from: IpAddr, to: IpAddr) -> Vec<u8> {
        let (mut ip, mut tuple, mut all) = (Vec::new(), Vec::new(), vec![family(from), 0, 0, 0]);
        for (address, end) in [(from, End::Source), (to, End::Destination)] {
            match address {
                IpAddr::V4(a) => put(&mut ip, end.attribute(INET), &a.octets()),
                IpAddr::V6(a) => put(&mut ip, end.attribute(INET6), &a.octets()),
            }
        }
        put(&mut tuple, TUPLE_IP | NESTED, &ip);
        put(&mut all, TUPLE_ORIGINAL | NESTED, &tuple);
        put(&mut all, ID, &[1, 2, 3, 4]);
        all
    }

    #[test]
    fn a_flow_is_named_by_either_end_and_by_nothing_else() {
        let (device, other) = (IpAddr::from([10, 8, 0, 2]), IpAddr::from([198, 51, 100, 2]));
        let which = Which::Of(vec![device]);
        let (family, named) = name(&flow(device, other), &which).unwrap();
        assert_eq!(family, INET);
        assert_eq!(attribute(&named, ID), Some([1, 2, 3, 4].as_slice()));
        assert!(name(&flow(other, device), &which).is_some());
        assert!(name(&flow(other, other), &which).is_none());
        let six: [IpAddr; 2] = ["fd00::2".parse().unwrap(), "fd00::3".parse().unwrap()];
        assert!(name(&flow(six[0], six[1]), &Which::Any(six[..1].iter().copied().collect())).is_some());
        assert!(name(&flow(six[0], six[1]), &Which::Where(Box::new(|a| a.is_ipv4()))).is_none());
        for length in 0..28 {
            assert!(name(&flow(device, other)[..length], &which).is_none(), "cut at {length}");
        }
    }
}
