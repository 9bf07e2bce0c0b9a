//! Ends the tracked flows of given addresses (`include/uapi/linux/netfilter/nfnetlink_conntrack.h`).

use super::super::message::{
    self, ACKNOWLEDGE, DONE, DUMP, ERROR, FAMILY_HEADER, Head, NESTED, append, attribute, datagram, errno, messages,
    put,
};
use rtnetlink::sys::{AsyncSocketExt as _, TokioSocket};
use std::collections::HashSet;
use std::io;
use std::net::IpAddr;

const GET: u16 = 0x101;
const DELETE: u16 = 0x102;
const TUPLE_ORIGINAL: u16 = 1;
const STATUS: u16 = 3;
const ID: u16 = 12;
const ZONE: u16 = 18;
const FILTER: u16 = 25;
/// Within `CTA_FILTER`: which parts of the original tuple are compared.
const FILTER_ORIGINAL: u16 = 1;
/// Within a tuple.
const TUPLE_IP: u16 = 1;
const INET: u8 = 2;
const INET6: u8 = 10;
/// `AF_UNSPEC`: both families in one listing.
const ANY: u8 = 0;
const ASSURED: u32 = 1 << 2;
/// Receive buffer in bytes. The kernel sends a listing in parts that fit.
const BUFFER: usize = 1 << 16;
/// Flows deleted per datagram. The kernel reports only failures and the last message, so the reports fit into a socket
/// buffer of the usual size.
const PER_DATAGRAM: usize = 100;
/// Listings until none finds a flow. The table moves while it is listed, so one listing can miss a flow.
const ROUNDS: usize = 8;

/// An end of a flow's first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Source = 1,
    Destination = 2,
}

impl End {
    /// Attribute of the address within `CTA_TUPLE_IP`.
    const fn attribute(self, family: u8) -> u16 {
        self as u16 + if family == INET { 0 } else { 2 }
    }
}

/// Selects flows by their source or destination address.
pub(crate) enum FlowFilter {
    /// A few addresses: the kernel filters.
    Few(Vec<IpAddr>),
    /// Many addresses: the whole table is listed.
    Many(HashSet<IpAddr>),
    /// Addresses that match the predicate: the whole table is listed.
    Where(Box<dyn Fn(IpAddr) -> bool + Send + Sync>),
}

impl FlowFilter {
    fn matches(&self, address: IpAddr) -> bool {
        match self {
            Self::Few(few) => few.contains(&address),
            Self::Many(many) => many.contains(&address),
            Self::Where(predicate) => predicate(address),
        }
    }
}

/// Ends all matching flows. Returns their number.
///
/// # Errors
///
/// Fails if netlink fails, or if the last of [`ROUNDS`] listings still found flows.
pub(super) async fn end(filter: &FlowFilter) -> io::Result<usize> {
    let socket = Socket::open()?;
    let mut ended = 0;
    for _ in 0..ROUNDS {
        let found = socket.find(filter).await?;
        if found.is_empty() {
            return Ok(ended);
        }
        ended += socket.delete(&found).await?;
    }
    Err(io::Error::other("matching flows remain"))
}

/// Address family, and the attributes that identify a flow for deletion.
pub(crate) type FlowId = (u8, Vec<u8>);

pub(super) struct Socket(TokioSocket);

impl Socket {
    pub(super) fn open() -> io::Result<Self> {
        message::open().map(|(socket, _)| Self(socket))
    }

    async fn find(&self, filter: &FlowFilter) -> io::Result<Vec<FlowId>> {
        let mut found = Vec::new();
        if let FlowFilter::Few(few) = filter {
            for address in few {
                for one in [End::Source, End::Destination] {
                    let attributes = kernel_filter(*address, one);
                    self.list(family(*address), &attributes, |flow| found.extend(flow_id(flow, filter))).await?;
                }
            }
        } else {
            self.list(ANY, &[], |flow| found.extend(flow_id(flow, filter))).await?;
        }
        Ok(found)
    }

    /// Calls `each` with every flow of both families.
    pub(super) async fn each(&self, each: impl FnMut(&[u8])) -> io::Result<()> {
        self.list(ANY, &[], each).await
    }

    /// Calls `each` with the payload of each flow that the kernel lists.
    async fn list(&self, family: u8, attributes: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.0
            .send(&message::message(Head { kind: GET, flags: DUMP, family, resource: 0, sequence: 0 }, attributes))
            .await?;
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
                each(payload);
            }
        }
    }

    /// Deletes flows. Returns how many of them still existed.
    pub(super) async fn delete(&self, flows: &[FlowId]) -> io::Result<usize> {
        let (mut ended, mut sequence) = (0, 0_u32);
        let mut buffer = Vec::with_capacity(BUFFER);
        for some in flows.chunks(PER_DATAGRAM) {
            let mut out = Vec::new();
            for (number, (family, name)) in some.iter().enumerate() {
                let flags = if number + 1 == some.len() { ACKNOWLEDGE } else { 0 };
                sequence = sequence.wrapping_add(1);
                append(&mut out, Head { kind: DELETE, flags, family: *family, resource: 0, sequence }, name);
            }
            self.0.send(&out).await?;
            ended += some.len();
            let mut is_last = false;
            while !is_last {
                buffer.clear();
                self.0.recv(&mut buffer).await?;
                for response in datagram(&buffer).filter(|response| response.message_type() == ERROR) {
                    is_last |= response.sequence_number() == sequence;
                    match errno(response.payload()) {
                        None => {}
                        // The flow has ended since it was listed.
                        Some(nix::libc::ENOENT) => ended -= 1,
                        Some(code) => return Err(io::Error::from_raw_os_error(code)),
                    }
                }
            }
        }
        Ok(ended)
    }
}

/// Source of a flow's first packet, and whether the flow is assured (`IPS_ASSURED`: the kernel has seen traffic both
/// ways).
pub(super) fn source(payload: &[u8]) -> Option<(IpAddr, bool)> {
    let all = payload.get(FAMILY_HEADER..)?;
    let status = attribute(all, STATUS).and_then(|status| status.try_into().ok()).map_or(0, u32::from_be_bytes);
    Some((address(payload, End::Source)?, status & ASSURED != 0))
}

/// The address at one end of a flow's first packet.
fn address(payload: &[u8], end: End) -> Option<IpAddr> {
    let family = *payload.first()?;
    let tuple = attribute(payload.get(FAMILY_HEADER..)?, TUPLE_ORIGINAL)?;
    let value = attribute(attribute(tuple, TUPLE_IP)?, end.attribute(family))?;
    message::address(value).filter(|address| self::family(*address) == family)
}

/// Address family and the attributes that identify the flow for deletion; `None` if the flow does not match.
pub(crate) fn flow_id(payload: &[u8], filter: &FlowFilter) -> Option<FlowId> {
    let family = *payload.first()?;
    let all = payload.get(FAMILY_HEADER..)?;
    let tuple = attribute(all, TUPLE_ORIGINAL)?;
    let matches = |end| address(payload, end).is_some_and(|address| filter.matches(address));
    if !matches(End::Source) && !matches(End::Destination) {
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

/// Filter by which the kernel (5.8 or later) sends only flows with this address at this end. Older kernels ignore it
/// and send all flows.
fn kernel_filter(address: IpAddr, end: End) -> Vec<u8> {
    let (mut ip, mut tuple, mut flags, mut out) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    put(&mut ip, end.attribute(family(address)), &message::octets(address));
    put(&mut tuple, TUPLE_IP | NESTED, &ip);
    // The bits of the ends are their numbers (`CTA_FILTER_F_CTA_IP_…`).
    put(&mut flags, FILTER_ORIGINAL, &(end as u32).to_ne_bytes());
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
    fn a_flow_matches_by_either_end_only() {
        let (device, other) = (IpAddr::from([10, 8, 0, 2]), IpAddr::from([198, 51, 100, 2]));
        let filter = FlowFilter::Few(vec![device]);
        let (family, named) = flow_id(&flow(device, other), &filter).unwrap();
        assert_eq!(family, INET);
        assert_eq!(attribute(&named, ID), Some([1, 2, 3, 4].as_slice()));
        assert!(flow_id(&flow(other, device), &filter).is_some());
        assert!(flow_id(&flow(other, other), &filter).is_none());
        let six: [IpAddr; 2] = ["fd00::2".parse().unwrap(), "fd00::3".parse().unwrap()];
        assert!(flow_id(&flow(six[0], six[1]), &FlowFilter::Many(six[..1].iter().copied().collect())).is_some());
        assert!(flow_id(&flow(six[0], six[1]), &FlowFilter::Where(Box::new(|a| a.is_ipv4()))).is_none());
        for length in 0..28 {
            assert!(flow_id(&flow(device, other)[..length], &filter).is_none(), "truncated at {length}");
        }
    }
}
