//! Encoding of netlink messages and attributes. Pure. Messages of the kernel are parsed as carefully as any other
//! input.

/// `NLM_F_REQUEST`
pub(super) const REQUEST: u16 = 0x01;
/// `NLM_F_ACK`: requests an answer for success, too.
pub(super) const ACKNOWLEDGE: u16 = 0x04;
/// `NLM_F_DUMP`: requests a listing.
pub(super) const DUMP: u16 = 0x300;
/// `NLMSG_DONE`: ends a listing.
pub(super) const DONE: u16 = 3;
/// `NLMSG_ERROR`: carries an error number; 0 is an acknowledgement.
pub(super) const ERROR: u16 = 2;
/// `NLM_F_DUMP_INTR`: a concurrent change interrupted the listing.
pub(super) const DUMP_INTERRUPTED: u16 = 0x10;
/// `NLM_F_CREATE`
pub(super) const CREATE: u16 = 0x400;
/// `NLA_F_NESTED`: the attribute contains attributes.
pub(super) const NESTED: u16 = 0x8000;
/// Mask that removes the flags (nested, byte order) from an attribute's kind.
const KIND: u16 = 0x3fff;
/// Length of `nlmsghdr` in bytes.
const HEADER: usize = 16;
/// Length of `nfgenmsg` in bytes.
pub(super) const FAMILY_HEADER: usize = 4;

pub(super) struct Message<'a> {
    /// `nlmsg_type`; for netfilter the upper byte is the subsystem.
    pub(super) kind: u16,
    /// `nlmsg_flags`, such as [`DUMP_INTERRUPTED`].
    pub(super) flags: u16,
    /// Sequence number of the request that this message answers.
    pub(super) sequence: u32,
    /// Port of the socket whose request caused this message; 0 for the kernel.
    pub(super) port: u32,
    pub(super) payload: &'a [u8],
}

/// Iterates over the messages of a datagram. Ends at a truncated message.
pub(super) fn datagram(bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let long = |at: usize| Some(u32::from_ne_bytes(rest.get(at..at + 4)?.try_into().ok()?));
        let short = |at: usize| Some(u16::from_ne_bytes(rest.get(at..at + 2)?.try_into().ok()?));
        let length = usize::try_from(long(0)?).ok()?;
        let (kind, flags, sequence, port) = (short(4)?, short(6)?, long(8)?, long(12)?);
        let payload = rest.get(HEADER..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(Message { kind, flags, sequence, port, payload })
    })
}

/// Kind and payload of each message of a datagram.
pub(super) fn messages(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    datagram(bytes).map(|Message { kind, payload, .. }| (kind, payload))
}

/// Kind (without flags) and value of each attribute.
pub(super) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let length = usize::from(u16::from_ne_bytes(rest.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(rest.get(2..4)?.try_into().ok()?) & KIND;
        let value = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, value))
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

/// A complete message to a netfilter subsystem, with sequence number 0.
pub(super) fn message(kind: u16, flags: u16, family: u8, attributes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    append(&mut out, Head { kind, flags, family, resource: 0, sequence: 0 }, attributes);
    out
}

/// Fields of a message's headers.
pub(super) struct Head {
    pub(super) kind: u16,
    /// Flags besides [`REQUEST`].
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
    out.extend((REQUEST | head.flags).to_ne_bytes());
    out.extend(head.sequence.to_ne_bytes());
    out.extend([0; 4]);
    out.extend([head.family, 0]);
    out.extend(head.resource.to_be_bytes());
    out.extend(attributes);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// The error number of an error message; `None` for success.
pub(super) fn errno(payload: &[u8]) -> Option<i32> {
    let code = payload.get(..4).and_then(|four| four.try_into().ok()).map_or(-nix::libc::EBADMSG, i32::from_ne_bytes);
    (code != 0).then_some(code.saturating_neg())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_messages_are_parsed_and_truncated_ones_end() {
        let mut inner = Vec::new();
        put(&mut inner, 1, b"abc");
        put(&mut inner, 2 | NESTED, &[9; 8]);
        let bytes = [message(0x101, DUMP, 2, &inner), message(DONE, 0, 2, &[])].concat();
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
