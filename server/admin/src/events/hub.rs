//! The latest events. All readers share one buffer, so a slow reader costs no memory: it misses events and
//! receives `resync`.

use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use tokio::sync::{Notify, watch};
use tornado_shared::model::Secret;

/// Number of events that a reader may be behind.
const KEPT: usize = 1024;
/// Maximum number of readers.
const READERS: usize = 1500;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its position.
    pub position: Position,
    /// Name of its kind, for example `tor`.
    pub kind: &'static str,
    /// The right that a reader needs.
    pub right: &'static str,
    /// JSON.
    pub data: Arc<str>,
}

/// Position of an event: the start of this process, and a number that counts up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    boot: u32,
    number: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}-{}", self.boot, self.number)
    }
}

impl FromStr for Position {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (boot, number) = text.split_once('-').unwrap_or((text, ""));
        Ok(Self { boot: u32::from_str_radix(boot, 16)?, number: number.parse()? })
    }
}

/// What follows a position.
#[derive(Debug, PartialEq, Eq)]
pub enum Read {
    /// These events; there may be none yet.
    Events(Vec<Event>),
    /// Events are missing: the reader must read everything again, and continues at this position.
    Resync(Position),
}

/// The buffer.
pub struct Hub {
    boot: u32,
    kept: Mutex<VecDeque<Event>>,
    newest: watch::Sender<u64>,
    readers: Mutex<Readers>,
    arrived: Notify,
}

/// Readers by number, with the token of each reader that may read events of sessions.
#[derive(Default)]
struct Readers {
    next: u64,
    tokens: BTreeMap<u64, Option<Secret>>,
}

/// A reader; it counts as long as it exists.
pub struct Reader {
    hub: Arc<Hub>,
    number: u64,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.readers.lock().tokens.remove(&self.number);
    }
}

impl Hub {
    /// An empty buffer. `boot` differs for each start of the process.
    #[must_use]
    pub fn new(boot: u32) -> Self {
        Self {
            boot,
            kept: Mutex::default(),
            newest: watch::Sender::new(0),
            readers: Mutex::default(),
            arrived: Notify::new(),
        }
    }

    /// Adds an event, and removes the oldest if there are too many.
    pub fn publish(&self, kind: &'static str, right: &'static str, data: impl Into<Arc<str>>) {
        let mut kept = self.kept.lock();
        let number = *self.newest.borrow() + 1;
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(Event { position: self.at(number), kind, right, data: data.into() });
        self.newest.send_replace(number);
    }

    /// Records that events were lost before they arrived here: all readers receive `resync`.
    pub fn lose(&self) {
        let mut kept = self.kept.lock();
        kept.clear();
        let number = *self.newest.borrow() + 1;
        self.newest.send_replace(number);
    }

    /// Registers a reader. `token` is that of a reader with the right `sessions.read`: this process has no rights of
    /// its own, so events of sessions are read with the token of one of their readers. `None`: there are too many.
    pub fn enter(self: &Arc<Self>, token: Option<Secret>) -> Option<Reader> {
        let mut readers = self.readers.lock();
        if readers.tokens.len() >= READERS {
            return None;
        }
        let number = readers.next;
        readers.next += 1;
        readers.tokens.insert(number, token);
        self.arrived.notify_one();
        Some(Reader { hub: self.clone(), number })
    }

    /// True while there is a reader.
    #[must_use]
    pub fn is_read(&self) -> bool {
        !self.readers.lock().tokens.is_empty()
    }

    /// A reader's number and token.
    #[must_use]
    pub fn token(&self) -> Option<(u64, Secret)> {
        self.readers.lock().tokens.iter().find_map(|(number, token)| Some((*number, token.clone()?)))
    }

    /// Waits until a reader has registered. For one task. Cancellation is safe.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Forgets a reader's token, which was refused.
    pub fn forget(&self, number: u64) {
        if let Some(token) = self.readers.lock().tokens.get_mut(&number) {
            *token = None;
        }
    }

    /// The position after all events.
    #[must_use]
    pub fn end(&self) -> Position {
        self.at(*self.newest.borrow())
    }

    const fn at(&self, number: u64) -> Position {
        Position { boot: self.boot, number }
    }

    /// Events after a position.
    #[must_use]
    pub fn read(&self, after: Position) -> Read {
        let kept = self.kept.lock();
        let newest = *self.newest.borrow();
        let oldest = kept.front().map_or(newest + 1, |event| event.position.number);
        if after.boot != self.boot || after.number > newest || after.number + 1 < oldest {
            return Read::Resync(self.at(newest));
        }
        Read::Events(kept.iter().filter(|event| event.position.number > after.number).cloned().collect())
    }

    /// Waits for an event after a position. Cancellation is safe.
    pub async fn wait(&self, after: Position) {
        let mut newest = self.newest.subscribe();
        // The sender lives as long as `self`.
        drop(newest.wait_for(|newest| *newest > after.number).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(read: Read) -> Option<Vec<u64>> {
        match read {
            Read::Events(events) => Some(events.iter().map(|event| event.position.number).collect()),
            Read::Resync(_) => None,
        }
    }

    #[test]
    fn a_reader_continues_where_it_was() {
        let hub = Hub::new(7);
        let start = hub.end();
        assert_eq!(hub.read(start), Read::Events(Vec::new()));
        for _ in 0..3 {
            hub.publish("tor", "tor.read", "{}");
        }
        assert_eq!(numbers(hub.read(start)).unwrap(), [1, 2, 3]);
        let second: Position = "00000007-2".parse().unwrap();
        assert_eq!(numbers(hub.read(second)).unwrap(), [3]);
    }

    #[test]
    fn a_reader_that_missed_events_reads_everything_again() {
        let hub = Hub::new(7);
        let start = hub.end();
        for _ in 0..KEPT {
            hub.publish("tor", "tor.read", "{}");
        }
        assert_eq!(numbers(hub.read(start)).unwrap().len(), KEPT);
        hub.publish("tor", "tor.read", "{}");
        assert_eq!(hub.read(start), Read::Resync(hub.end()));
        for other in ["00000008-1", "00000007-5000"] {
            assert_eq!(hub.read(other.parse().unwrap()), Read::Resync(hub.end()), "{other}");
        }
        assert!("x".parse::<Position>().is_err() && "1-".parse::<Position>().is_err());
    }

    #[test]
    fn readers_learn_that_a_source_lost_events() {
        let hub = Hub::new(7);
        hub.publish("session", "sessions.read", "{}");
        let (before, current) = ("00000007-0".parse().unwrap(), hub.end());
        hub.lose();
        assert_eq!([hub.read(before), hub.read(current)], [Read::Resync(hub.end()), Read::Resync(hub.end())]);
        let after = hub.end();
        hub.publish("session", "sessions.read", "{}");
        assert_eq!(numbers(hub.read(after)).unwrap(), [3]);
    }

    #[test]
    fn readers_are_limited_and_leave() {
        let hub = Arc::new(Hub::new(1));
        let readers: Vec<_> = (0..READERS).map(|_| hub.enter(None).unwrap()).collect();
        assert!(hub.enter(None).is_none());
        drop(readers);
        assert!(!hub.is_read() && hub.enter(None).is_some());
    }

    #[test]
    fn a_token_is_used_while_its_reader_exists() {
        let hub = Arc::new(Hub::new(1));
        let _without = hub.enter(None);
        assert!(hub.token().is_none());
        let (first, second) = (hub.enter(Some(Secret::new("ONE"))), hub.enter(Some(Secret::new("TWO"))));
        let (number, token) = hub.token().unwrap();
        assert_eq!(token.expose(), "ONE");
        hub.forget(number);
        assert_eq!(hub.token().unwrap().1.expose(), "TWO");
        drop((first, second));
        assert!(hub.token().is_none() && hub.is_read());
    }

    #[tokio::test]
    async fn a_waiting_reader_wakes() {
        let hub = Arc::new(Hub::new(1));
        let (start, waiting) = (hub.end(), hub.clone());
        let waiter = tokio::spawn(async move { waiting.wait(start).await });
        hub.publish("tor", "tor.read", "{}");
        waiter.await.unwrap();
    }
}
