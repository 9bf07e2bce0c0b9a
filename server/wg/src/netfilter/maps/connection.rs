//! Changes and reads the elements of a table's maps over netlink. Each connecting device needs a change, and a run of
//! nft(8) costs 20 ms of processor time.

use super::super::message::{DONE, DUMP_INTERRUPTED, ERROR, Message, datagram, errno, open};
use super::super::notices::OwnChanges;
use super::wire::{Element, ElementValue, Key, NEW, change, elements, generation, list, request_generation};
use rtnetlink::sys::{AsyncSocketExt as _, TokioSocket};
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
        let (socket, port) = open()?;
        own.note_socket(port);
        Ok(Self { table: table.to_owned(), link: Mutex::new(Link { socket, sequence: 0 }) })
    }

    /// Deletes the elements `gone`, then adds the elements `put`, in one transaction: all or none. Suits a few thousand
    /// elements per call.
    pub(crate) async fn change(&self, gone: &[Element], put: &[Element]) -> io::Result<()> {
        let mut link = self.link.lock().await;
        let sequence = link.next();
        let (bytes, mut missing) = change(&self.table, gone, put, sequence);
        if missing == 0 {
            return Ok(());
        }
        let count = |response: &Message<'_>| match errno(response.payload()) {
            _ if response.message_type() != ERROR => Ok(None),
            None => {
                missing -= 1;
                Ok((missing == 0).then_some(()))
            }
            Some(code) => Err(io::Error::from_raw_os_error(code)),
        };
        link.exchange(sequence, &bytes, count).await
    }

    /// The kernel's generation number of the ruleset. It changes with every transaction of any program.
    pub(crate) async fn generation(&self) -> io::Result<u32> {
        let mut link = self.link.lock().await;
        let sequence = link.next();
        let number = |response: &Message<'_>| {
            let (kind, payload) = (response.message_type(), response.payload());
            match (generation(kind, payload), errno(payload)) {
                (Some(number), _) => Ok(Some(number)),
                (None, Some(code)) if kind == ERROR => Err(io::Error::from_raw_os_error(code)),
                (None, _) => Ok(None),
            }
        };
        link.exchange(sequence, &request_generation(sequence), number).await
    }

    /// All elements of a map or a set.
    ///
    /// # Errors
    ///
    /// Fails with EINTR if concurrent changes interrupted every attempt.
    pub(crate) async fn read(&self, map: &str) -> io::Result<BTreeMap<Key, ElementValue>> {
        let mut link = self.link.lock().await;
        for _ in 0..MAX_ATTEMPTS {
            if let Some(found) = link.list(&self.table, map).await? {
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

    /// Sends a request and passes its responses to `each`, until `each` returns a result or an error.
    async fn exchange<T>(
        &mut self,
        sequence: u32,
        request: &[u8],
        mut each: impl FnMut(&Message<'_>) -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        let exchange = async {
            self.socket.send(request).await?;
            let mut buffer = Vec::with_capacity(BUFFER);
            loop {
                buffer.clear();
                self.socket.recv(&mut buffer).await?;
                // Late responses to an earlier, failed request carry another sequence number.
                for response in datagram(&buffer).filter(|response| response.sequence_number() == sequence) {
                    if let Some(result) = each(&response)? {
                        return Ok(result);
                    }
                }
            }
        };
        tokio::time::timeout(DEADLINE, exchange).await?
    }

    /// Returns `None` if a concurrent change interrupted the listing, so that elements may be missing or duplicated.
    async fn list(&mut self, table: &str, map: &str) -> io::Result<Option<BTreeMap<Key, ElementValue>>> {
        let sequence = self.next();
        let (mut found, mut whole) = (BTreeMap::new(), true);
        let add = |response: &Message<'_>| {
            whole &= response.flags() & DUMP_INTERRUPTED == 0;
            match response.message_type() {
                NEW => found.extend(elements(response.payload())),
                DONE | ERROR => {
                    return match errno(response.payload()) {
                        None => Ok(Some(whole)),
                        Some(nix::libc::EINTR) => Ok(Some(false)),
                        Some(code) => Err(io::Error::from_raw_os_error(code)),
                    };
                }
                _ => {}
            }
            Ok(None)
        };
        let is_whole = self.exchange(sequence, &list(table, map, sequence), add).await?;
        Ok(is_whole.then_some(found))
    }
}
