//! Encoding of netlink messages and attributes. Pure. Messages of the kernel are parsed as carefully as any other
//! input.

pub(super) use netlink_packet_core::{
    NLA_F_NESTED as NESTED, NLM_F_ACK as ACKNOWLEDGE, NLM_F_CREATE as CREATE, NLM_F_DUMP as DUMP,
    NLM_F_DUMP_INTR as DUMP_INTERRUPTED, NLMSG_DONE as DONE, NLMSG_ERROR as ERROR,
};
use netlink_packet_core::{NLM_F_REQUEST, NetlinkBuffer, NlasIterator};
use rtnetlink::sys::{AsyncSocket as _, SocketAddr, TokioSocket, protocols::NETLINK_NETFILTER};
use std::io;
use std::net::IpAddr;

/// Length of `nlmsghdr` in bytes.
const HEADER: usize = 16;
/// Length of `nfgenmsg` in bytes.
pub(super) const FAMILY_HEADER: usize = 4;

pub(super) type Message<'a> = NetlinkBuffer<&'a [u8]>;

/// Iterates over the messages of a datagram. Ends at a truncated message.
pub(super) fn datagram(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let message = Message::new_checked(rest).ok()?;
        let length = usize::try_from(message.length()).ok()?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// Kind and payload of each message of a datagram.
pub(super) fn messages(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    datagram(bytes).map(|message| (message.message_type(), message.payload()))
}

/// Kind (without flags) and value of each attribute.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(bytes).map_while(Result::ok).filter_map(|attribute| {
        let (kind, length) = (attribute.kind(), usize::from(attribute.length()));
        Some((kind, attribute.into_inner().get(4..length)?))
    })
}

/// The value of the first attribute of this kind.
pub(super) fn attribute(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

/// Appends an attribute.
pub(super) fn put(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(value.len() + 4).unwrap_or(u16::MAX);
    out.extend(length.to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// A complete message to a netfilter subsystem.
pub(super) fn message(head: Head, attributes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, head, attributes);
    out
}

/// Fields of a message's headers.
pub(super) struct Head {
    pub(super) kind: u16,
    /// Flags besides `NLM_F_REQUEST`.
    pub(super) flags: u16,
    pub(super) family: u8,
    /// `res_id`: the subsystem in the messages that begin and end a batch, otherwise 0.
    pub(super) resource: u16,
    /// Sequence number; answers repeat it.
    pub(super) sequence: u32,
}

/// Appends a message.
pub(super) fn append(out: &mut Vec<u8>, head: Head, attributes: &[u8]) {
    let length = u32::try_from(HEADER + FAMILY_HEADER + attributes.len()).unwrap_or(u32::MAX);
    out.extend(length.to_ne_bytes());
    out.extend(head.kind.to_ne_bytes());
    out.extend((NLM_F_REQUEST | head.flags).to_ne_bytes());
    out.extend(head.sequence.to_ne_bytes());
    out.extend([0; 4]);
    out.extend([head.family, 0]);
    out.extend(head.resource.to_be_bytes());
    out.extend(attributes);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The bytes of an address, as attributes have them.
pub(super) fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    }
}

/// The address with these bytes.
pub(super) fn address(bytes: &[u8]) -> Option<IpAddr> {
    match <[u8; 4]>::try_from(bytes) {
        Ok(v4) => Some(v4.into()),
        Err(_) => Some(<[u8; 16]>::try_from(bytes).ok()?.into()),
    }
}

/// The error number of an error message; `None` for success.
pub(super) fn errno(payload: &[u8]) -> Option<i32> {
    let code = payload.get(..4).and_then(|four| four.try_into().ok()).map_or(-nix::libc::EBADMSG, i32::from_ne_bytes);
    (code != 0).then_some(code.saturating_neg())
}

/// A socket connected to netfilter in the kernel, so that messages from other senders are not received, and its port.
pub(super) fn open() -> io::Result<(TokioSocket, u32)> {
    let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
    let port = socket.socket_mut().bind_auto()?.port_number();
    socket.socket_mut().connect(&SocketAddr::new(0, 0))?;
    Ok((socket, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_messages_are_parsed_and_truncated_ones_end() {
        let mut inner = Vec::new();
        put(&mut inner, 1, b"abc");
        put(&mut inner, 2 | NESTED, &[9; 8]);
        let head = |kind, flags| Head { kind, flags, family: 2, resource: 0, sequence: 0 };
        let bytes = [message(head(0x101, DUMP), &inner), message(head(DONE, 0), &[])].concat();
        let all: Vec<_> = messages(&bytes).collect();
        assert_eq!(all.len(), 2);
        let (kind, payload) = all[0];
        assert_eq!(kind, 0x101);
        assert_eq!(attribute(&payload[FAMILY_HEADER..], 1), Some(b"abc".as_slice()));
        assert_eq!(attribute(&payload[FAMILY_HEADER..], 2), Some([9; 8].as_slice()));
        for length in 0..bytes.len() {
            assert!(messages(&bytes[..length]).count() < 2);
            assert!(attributes(&bytes[..length]).count() < 50, "ends");
        }
        assert_eq!(messages(&[0; 64]).count(), 0, "a zero length does not end the iteration");
        assert_eq!(attributes(&[0; 64]).count(), 0);
    }
}
