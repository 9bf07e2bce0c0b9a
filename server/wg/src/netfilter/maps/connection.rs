//! Changes and reads the elements of a table's maps over netlink. Each connecting device needs a change, and a run of
//! nft(8) costs 20 ms of processor time.

use super::super::message::{DONE, DUMP_INTERRUPTED, ERROR, Message, datagram, errno};
use super::super::notices::OwnChanges;
use super::wire::{Element, ElementValue, Key, NEW, change, elements, generation, list, request_generation};
use rtnetlink::sys::{AsyncSocket as _, AsyncSocketExt as _, SocketAddr, TokioSocket, protocols::NETLINK_NETFILTER};
use std::collections::BTreeMap;
use std::io;
use std::time::Duration;
use tokio::sync::Mutex;

/// The kernel normally responds within milliseconds.
const DEADLINE: Duration = Duration::from_secs(5);
/// Receive buffer in bytes. The kernel sends a listing in datagrams of at most half this size.
const BUFFER: usize = 1 << 16;
/// Attempts at a listing that concurrent changes interrupt.
const MAX_ATTEMPTS: usize = 5;

/// The maps of one table of family `inet`.
pub(crate) struct Maps {
    table: String,
    link: Mutex<Link>,
}

struct Link {
    socket: TokioSocket,
    sequence: u32,
}

impl Maps {
    /// Opens a socket and registers it with `own`. The table need not exist yet.
    pub(crate) fn open(table: &str, own: &OwnChanges) -> io::Result<Self> {
        let mut socket = TokioSocket::new(NETLINK_NETFILTER)?;
        own.note_socket(socket.socket_mut().bind_auto()?.port_number());
        // Connected to the kernel (port 0), so that messages of other senders are dropped.
        socket.socket_mut().connect(&SocketAddr::new(0, 0))?;
        Ok(Self { table: table.to_owned(), link: Mutex::new(Link { socket, sequence: 0 }) })
    }

    /// Deletes the elements `gone`, then adds the elements `put`, in one transaction: all or none. Suits a few thousand
    /// elements per call.
    pub(crate) async fn change(&self, gone: &[Element], put: &[Element]) -> io::Result<()> {
        let mut link = self.link.lock().await;
        let sequence = link.next();
        let (bytes, responses) = change(&self.table, gone, put, sequence);
        let exchange = async {
            link.socket.send(&bytes).await?;
            let mut missing = responses;
            let mut buffer = Vec::with_capacity(BUFFER);
            while missing > 0 {
                buffer.clear();
                link.socket.recv(&mut buffer).await?;
                // Late responses to an earlier, failed change carry another sequence number.
                for Message { kind, payload, .. } in datagram(&buffer).filter(|response| response.sequence == sequence)
                {
                    match errno(payload) {
                        _ if kind != ERROR => {}
                        None => missing -= 1,
                        Some(code) => return Err(io::Error::from_raw_os_error(code)),
                    }
                }
            }
            Ok(())
        };
        tokio::time::timeout(DEADLINE, exchange).await?
    }

    /// The kernel's generation number of the ruleset. It changes with every transaction of any program.
    pub(crate) async fn generation(&self) -> io::Result<u32> {
        let mut link = self.link.lock().await;
        tokio::time::timeout(DEADLINE, link.generation()).await?
    }

    /// All elements of a map or a set.
    ///
    /// # Errors
    ///
    /// Fails with EINTR if concurrent changes interrupted every attempt.
    pub(crate) async fn read(&self, map: &str) -> io::Result<BTreeMap<Key, ElementValue>> {
        let mut link = self.link.lock().await;
        for _ in 0..MAX_ATTEMPTS {
            if let Some(found) = tokio::time::timeout(DEADLINE, link.list(&self.table, map)).await?? {
                return Ok(found);
            }
        }
        Err(io::Error::from_raw_os_error(nix::libc::EINTR))
    }
}

impl Link {
    const fn next(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    async fn generation(&mut self) -> io::Result<u32> {
        let sequence = self.next();
        self.socket.send(&request_generation(sequence)).await?;
        let mut buffer = Vec::with_capacity(BUFFER);
        loop {
            buffer.clear();
            self.socket.recv(&mut buffer).await?;
            for Message { kind, payload, .. } in datagram(&buffer).filter(|response| response.sequence == sequence) {
                if let Some(number) = generation(kind, payload) {
                    return Ok(number);
                }
                if let (ERROR, Some(code)) = (kind, errno(payload)) {
                    return Err(io::Error::from_raw_os_error(code));
                }
            }
        }
    }

    /// Returns `None` if a concurrent change interrupted the listing, so that elements may be missing or duplicated.
    async fn list(&mut self, table: &str, map: &str) -> io::Result<Option<BTreeMap<Key, ElementValue>>> {
        let sequence = self.next();
        self.socket.send(&list(table, map, sequence)).await?;
        let (mut found, mut whole) = (BTreeMap::new(), true);
        let mut buffer = Vec::with_capacity(BUFFER);
        loop {
            buffer.clear();
            self.socket.recv(&mut buffer).await?;
            for Message { kind, flags, payload, .. } in
                datagram(&buffer).filter(|response| response.sequence == sequence)
            {
                whole &= flags & DUMP_INTERRUPTED == 0;
                if kind == NEW {
                    found.extend(elements(payload));
                }
                if kind == DONE || kind == ERROR {
                    return match errno(payload) {
                        None => Ok(whole.then_some(found)),
                        Some(nix::libc::EINTR) => Ok(None),
                        Some(code) => Err(io::Error::from_raw_os_error(code)),
                    };
                }
            }
        }
    }
}
