//! The latest events. All readers share one buffer, so a slow reader costs no memory: it misses events and
//! receives `resync`.

use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{Notify, watch};
use tornado_shared::model::{OperatorId, Secret};

/// Kind of the events of sessions.
pub const SESSION: &str = "session";
/// Number of events that a reader may be behind.
const KEPT: usize = 1024;
/// Maximum number of readers.
const READERS: usize = 1500;
/// Maximum number of readers of one operator.
const READERS_EACH: usize = 20;

/// Why a reader was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// There are too many readers.
    #[error("all event streams are in use; try again later")]
    Server,
    /// There are too many readers of this operator.
    #[error("the operator has {} event streams; close one of them", READERS_EACH)]
    Operator,
}

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
    /// Number of the latest event after which a list of sessions is out of date.
    sessions: AtomicU64,
    readers: Mutex<Readers>,
    arrived: Notify,
}

/// Readers by number.
#[derive(Default)]
struct Readers {
    next: u64,
    all: BTreeMap<u64, Registered>,
}

struct Registered {
    operator: Option<OperatorId>,
    /// If the reader may read events of sessions.
    token: Option<Secret>,
}

/// A reader; it counts as long as it exists.
pub struct Reader {
    hub: Arc<Hub>,
    number: u64,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.hub.readers.lock().all.remove(&self.number);
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
            sessions: AtomicU64::new(0),
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
        if kind == SESSION {
            self.sessions.store(number, Ordering::Release);
        }
        self.newest.send_replace(number);
    }

    /// Records that events were lost before they arrived here: all readers receive `resync`.
    pub fn lose(&self) {
        let mut kept = self.kept.lock();
        kept.clear();
        let number = *self.newest.borrow() + 1;
        self.sessions.store(number, Ordering::Release);
        self.newest.send_replace(number);
    }

    /// A number that counts up with each event of a session. It has changed before readers receive the event.
    #[must_use]
    pub fn session_changes(&self) -> u64 {
        self.sessions.load(Ordering::Acquire)
    }

    /// Data of the events of one kind that the buffer still has, oldest first.
    #[must_use]
    pub fn latest(&self, kind: &str) -> Vec<Arc<str>> {
        self.kept.lock().iter().filter(|event| event.kind == kind).map(|event| event.data.clone()).collect()
    }

    /// Registers a reader of an operator. `token` is that of a reader with the right `sessions.read`: this process has
    /// no rights, so events of sessions are read with the token of one of their readers.
    ///
    /// # Errors
    /// There are too many.
    pub fn enter(self: &Arc<Self>, operator: Option<OperatorId>, token: Option<Secret>) -> Result<Reader, Full> {
        let mut readers = self.readers.lock();
        if readers.all.len() >= READERS {
            return Err(Full::Server);
        }
        if readers.all.values().filter(|reader| reader.operator == operator).count() >= READERS_EACH {
            return Err(Full::Operator);
        }
        let number = readers.next;
        readers.next += 1;
        readers.all.insert(number, Registered { operator, token });
        self.arrived.notify_one();
        Ok(Reader { hub: self.clone(), number })
    }

    /// True while there is a reader.
    #[must_use]
    pub fn is_read(&self) -> bool {
        !self.readers.lock().all.is_empty()
    }

    /// A reader's number and token.
    #[must_use]
    pub fn token(&self) -> Option<(u64, Secret)> {
        self.readers.lock().all.iter().find_map(|(number, reader)| Some((*number, reader.token.clone()?)))
    }

    /// Waits until a reader has registered. For one task. Cancellation is safe.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Forgets a reader's token, which was refused.
    pub fn forget(&self, number: u64) {
        if let Some(reader) = self.readers.lock().all.get_mut(&number) {
            reader.token = None;
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
    fn events_of_sessions_are_counted_and_others_are_not() {
        let hub = Hub::new(7);
        let start = hub.session_changes();
        hub.publish("tor", "tor.read", "{}");
        assert_eq!(hub.session_changes(), start);
        hub.publish(SESSION, "sessions.read", "{}");
        let after = hub.session_changes();
        assert!(after > start);
        hub.lose();
        assert!(hub.session_changes() > after);
    }

    #[test]
    fn readers_are_limited_and_leave() {
        let hub = Arc::new(Hub::new(1));
        let enter = |operator: OperatorId| hub.enter(Some(operator), None);
        let mut readers = Vec::new();
        for _ in 0..READERS / READERS_EACH {
            let operator = OperatorId::random();
            readers.extend((0..READERS_EACH).map(|_| enter(operator).unwrap()));
            assert_eq!(
                enter(operator).err(),
                Some(if readers.len() < READERS { Full::Operator } else { Full::Server })
            );
        }
        assert_eq!(enter(OperatorId::random()).err(), Some(Full::Server));
        drop(readers);
        assert!(!hub.is_read() && enter(OperatorId::random()).is_ok());
    }

    #[test]
    fn an_operators_streams_leave_room_for_others() {
        let hub = Arc::new(Hub::new(1));
        let (one, other) = (Some(OperatorId::random()), Some(OperatorId::random()));
        let mut readers: Vec<_> = (0..READERS_EACH).map(|_| hub.enter(one, None).unwrap()).collect();
        assert_eq!(hub.enter(one, None).err(), Some(Full::Operator));
        assert!(hub.enter(other, None).is_ok());
        readers.pop();
        assert!(hub.enter(one, None).is_ok());
    }

    #[test]
    fn a_token_is_used_while_its_reader_exists() {
        let hub = Arc::new(Hub::new(1));
        let enter = |token: Option<&str>| hub.enter(None, token.map(Secret::new)).unwrap();
        let _without = enter(None);
        assert!(hub.token().is_none());
        let (first, second) = (enter(Some("ONE")), enter(Some("TWO")));
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
