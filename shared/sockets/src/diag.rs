//! Messages of sock_diag(7), and the netlink socket for them.

use netlink_packet_core::{
    NLM_F_ACK as ACKNOWLEDGE, NLM_F_DUMP as DUMP, NLM_F_REQUEST as REQUEST, NLMSG_DONE as DONE, NLMSG_ERROR as ERROR,
    NetlinkBuffer,
};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, connect, recv, send, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd as _, OwnedFd};

const BY_FAMILY: u16 = 20;
const DESTROY: u16 = 21;
const INET: u8 = 2;
const INET6: u8 = 10;
const TCP: u8 = 6;
/// All states (tcp_states.h) except `TIME_WAIT`, `CLOSE` and `LISTEN`.
const ALIVE: u32 = 0x1ffe & !(1 << 6) & !(1 << 7) & !(1 << 10);
/// Lengths of `nlmsghdr` and of `inet_diag_sockid`, bytes.
const HEADER: usize = 16;
const ID: usize = 48;
/// Receive timeout, seconds. The kernel responds within microseconds; a lost response must not block the caller
/// permanently.
const PATIENCE: i64 = 2;

/// Resets every TCP connection for whose local address `ends` returns true: programs on this host get `ECONNABORTED`,
/// the remote side gets a reset. Listening sockets stay. Returns the number of connections.
///
/// # Errors
/// If the kernel rejects the request; `EOPNOTSUPP` if it does not support it. Some connections may already be reset.
pub fn end_tcp(ends: impl Fn(SocketAddr) -> bool) -> io::Result<usize> {
    end_tcp_between(|local, _| ends(local))
}

/// Like [`end_tcp`], for every connection for whose local and remote address `ends` returns true.
///
/// # Errors
/// As for [`end_tcp`].
pub fn end_tcp_between(ends: impl Fn(SocketAddr, SocketAddr) -> bool) -> io::Result<usize> {
    let netlink = open()?;
    let mut ended = 0;
    for family in [INET, INET6] {
        for id in list(&netlink, family)?
            .into_iter()
            .filter(|id| both(family, id).is_some_and(|(own, other)| ends(own, other)))
        {
            ended += usize::from(destroy(&netlink, family, id)?);
        }
    }
    Ok(ended)
}

type Id = [u8; ID];

fn open() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC;
    let netlink = socket(AddressFamily::Netlink, SockType::Datagram, flags, SockProtocol::NetlinkSockDiag)?;
    setsockopt(&netlink, sockopt::ReceiveTimeout, &TimeVal::new(PATIENCE, 0))?;
    // Connect to the kernel, so that messages from other senders are not received.
    connect(netlink.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(netlink)
}

fn list(netlink: &OwnedFd, family: u8) -> io::Result<Vec<Id>> {
    send(netlink.as_raw_fd(), &request(BY_FAMILY, REQUEST | DUMP, family, &[0; ID]), MsgFlags::empty())?;
    let mut found = Vec::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = recv(netlink.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        for (kind, payload) in messages(buffer.get(..length).unwrap_or_default()) {
            match kind {
                DONE => return Ok(found),
                ERROR => check(payload)?,
                BY_FAMILY => found.extend(payload.get(4..4 + ID).and_then(|id| Id::try_from(id).ok())),
                _ => {}
            }
        }
    }
}

/// Returns false if the connection ended in the meantime.
fn destroy(netlink: &OwnedFd, family: u8, id: Id) -> io::Result<bool> {
    send(netlink.as_raw_fd(), &request(DESTROY, REQUEST | ACKNOWLEDGE, family, &id), MsgFlags::empty())?;
    let mut buffer = vec![0; 1 << 12];
    let length = recv(netlink.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
    let answers = messages(buffer.get(..length).unwrap_or_default());
    match answers.into_iter().find(|(kind, _)| *kind == ERROR).map_or(Ok(()), |(_, payload)| check(payload)) {
        Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => Ok(false),
        other => other.map(|()| true),
    }
}

/// `nlmsghdr` and `inet_diag_req_v2`. Numbers are in host byte order, except for ports and addresses within the ID.
fn request(kind: u16, flags: u16, family: u8, id: &Id) -> Vec<u8> {
    let mut message = Vec::with_capacity(HEADER + 8 + ID);
    message.extend(72_u32.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([family, TCP, 0, 0]);
    message.extend(ALIVE.to_ne_bytes());
    message.extend(id);
    message
}

/// Type and payload of each message in a datagram.
fn messages(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let Ok(message) = NetlinkBuffer::new_checked(bytes) {
        found.push((message.message_type(), message.payload()));
        let length = usize::try_from(message.length()).unwrap_or(bytes.len());
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

/// `nlmsgerr`: a negative errno, or zero for success.
fn check(payload: &[u8]) -> io::Result<()> {
    let code =
        payload.get(..4).and_then(|four| four.try_into().ok()).map_or(-(Errno::EBADMSG as i32), i32::from_ne_bytes);
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code.saturating_neg())) }
}

/// Local and remote address of a connection (`inet_diag_sockid`).
fn both(family: u8, id: &Id) -> Option<(SocketAddr, SocketAddr)> {
    Some((end(family, id.get(..2)?, id.get(4..20)?)?, end(family, id.get(2..4)?, id.get(20..36)?)?))
}

/// One address. For an IPv4 connection of an IPv6 socket it is IPv4.
fn end(family: u8, port: &[u8], address: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(port.try_into().ok()?);
    let address: IpAddr = match family {
        INET => Ipv4Addr::from(<[u8; 4]>::try_from(address.get(..4)?).ok()?).into(),
        _ => Ipv6Addr::from(<[u8; 16]>::try_from(address).ok()?).into(),
    };
    Some(SocketAddr::new(address.to_canonical(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_cut_datagram_has_the_whole_messages_only() {
        let mut bytes = request(BY_FAMILY, REQUEST, INET, &[7; ID]);
        assert_eq!(bytes.len(), 72);
        bytes.extend(request(DONE, 0, INET, &[0; ID]));
        for length in 0..=bytes.len() {
            let whole = messages(&bytes[..length]);
            assert_eq!(whole.len(), length / 72, "{length}");
        }
        assert!(messages(&[0; 64]).is_empty(), "a length of zero ends the loop");
    }

    #[test]
    fn a_connection_is_reset_and_its_listener_stays() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        let own = listener.local_addr().unwrap();
        match end_tcp(|local| local == own) {
            // Only root may reset connections, and only some kernels support it.
            Err(error) if [Errno::EPERM as i32, Errno::EOPNOTSUPP as i32].contains(&error.raw_os_error().unwrap()) => {
                return;
            }
            other => assert_eq!(other.unwrap(), 1),
        }
        let mut buffer = [0; 1];
        assert_eq!(server.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
        assert_eq!(client.read(&mut buffer).unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        TcpStream::connect(own).unwrap();
    }

    #[test]
    fn addresses_of_both_kinds_of_sockets() {
        let mut id = [0; ID];
        id[..2].copy_from_slice(&9040_u16.to_be_bytes());
        id[4..8].copy_from_slice(&[10, 9, 0, 1]);
        id[2..4].copy_from_slice(&7_u16.to_be_bytes());
        id[20..24].copy_from_slice(&[100, 64, 0, 2]);
        let ends = |own: &str, other: &str| Some((own.parse().unwrap(), other.parse().unwrap()));
        assert_eq!(both(INET, &id), ends("10.9.0.1:9040", "100.64.0.2:7"));
        let mapped = Ipv4Addr::new(10, 9, 0, 1).to_ipv6_mapped();
        id[4..20].copy_from_slice(&mapped.octets());
        id[20..36].copy_from_slice(&Ipv4Addr::new(100, 64, 0, 2).to_ipv6_mapped().octets());
        assert_eq!(both(INET6, &id), ends("10.9.0.1:9040", "100.64.0.2:7"));
    }
}
