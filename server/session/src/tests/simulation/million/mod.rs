//! A million sessions in thirty days: state machine, model of the store and accounting together, with every kind of
//! failure. Independent books check the result. One tick is ten seconds, the time between two sweeps, and costs only as
//! much as the devices that are due in it.

mod books;

use super::model::{Model, key, open};
use crate::machine::{Change, Machine, Timers};
use std::collections::HashMap;
use tornado_shared::model::*;
use tornado_store::sessions::*;

const DEVICES: usize = 20_000;
const USERS: usize = 5_000;
const SLOTS: u32 = 2_150;
const DAYS: i64 = 30;
const TICK: i64 = 10;
const START: i64 = 1_700_000_000;
/// Heartbeats are rarer than in production; all other times are realistic.
const TIMERS: Timers =
    Timers { connecting: 30, heartbeat_ttl: 3600, handshake_ttl: 180, offline_grace: 600, hard_ttl: 6 * 3600 };

/// Marsaglia's xorshift: fast without optimisation, and deterministic.
pub(super) struct Dice(pub u64);

impl Dice {
    pub fn under(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn seconds(&mut self, most: u64) -> i64 {
        i64::try_from(self.under(most)).unwrap()
    }
}

struct Device {
    open: OpenSession,
    user: usize,
    live: Option<Live>,
    /// Time of its next own action.
    acts_at: i64,
    /// Tick at which it is processed next.
    wakes: usize,
}

struct Live {
    machine: Machine,
    stored: SessionState,
    slot: Slot,
    direct: LaneCount,
    /// Counters of the interface, and bytes that were really transferred.
    interface: Transfer,
    moved: Transfer,
    heartbeats: u64,
}

/// The books: state of a slot, with its owner and the start of its quarantine.
#[derive(Clone, Copy)]
enum Book {
    Unused,
    Held(usize),
    Rests(usize, i64),
}

struct World {
    model: Model,
    devices: Vec<Device>,
    books: Vec<Book>,
    peers: HashMap<u32, usize>,
    calendar: Vec<Vec<u32>>,
    per_user: Vec<u32>,
    moved: Vec<Transfer>,
    opened: u64,
    closed: u64,
    replaced: u64,
    exhausted: u64,
    refused: u64,
    recovered: u64,
    expired: u64,
    forgotten: u64,
    keys: u64,
    now: i64,
    dice: Dice,
}

#[test]
fn a_million_sessions_over_thirty_days_keep_every_invariant() {
    let mut world = World::new();
    let ticks = usize::try_from(DAYS * 86_400 / TICK).unwrap();
    for tick in 0..ticks {
        world.now = START + i64::try_from(tick).unwrap() * TICK;
        for device in std::mem::take(&mut world.calendar[tick]) {
            let device = device as usize;
            // Skips an entry that was rescheduled.
            if world.devices[device].wakes == tick {
                world.look(device);
                world.note(device, ticks);
            }
        }
        if tick % 360 == 359 {
            world.hourly(tick);
        }
    }
    world.agree();
    let live = world.devices.iter().filter(|device| device.live.is_some()).count() as u64;
    assert_eq!(world.opened, world.closed + live, "every session must end exactly once");
    assert!(world.opened >= 1_000_000, "{}", world.opened);
    for rare in [world.replaced, world.exhausted, world.refused, world.recovered, world.expired, world.forgotten] {
        assert!(rare > 100, "every case must occur often");
    }
    // For information only, in processor time: the first field of schedstat, in nanoseconds.
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let spent: u64 = spent.split_whitespace().next().unwrap().parse().unwrap();
    println!("{} sessions, {} expired, {} ms on a processor", world.opened, world.expired, spent / 1_000_000);
}

impl World {
    fn new() -> Self {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let ticks = usize::try_from(DAYS * 86_400 / TICK).unwrap();
        let users: Vec<_> = (0..USERS).map(|_| UserId::random()).collect();
        let mut calendar = vec![Vec::new(); ticks];
        let devices = (0..DEVICES).map(|number| {
            let first = dice.under(8 * 360) as usize;
            calendar[first].push(number as u32);
            let user = number % USERS;
            let mut open = open(users[user], SLOTS, 3);
            open.public_key = key(number as u64);
            Device { open, user, live: None, acts_at: START, wakes: first }
        });
        Self {
            model: Model::default(),
            devices: devices.collect(),
            books: vec![Book::Unused; SLOTS as usize],
            peers: HashMap::new(),
            calendar,
            per_user: vec![0; USERS],
            moved: vec![Transfer::default(); USERS],
            opened: 0,
            closed: 0,
            replaced: 0,
            exhausted: 0,
            refused: 0,
            recovered: 0,
            expired: 0,
            forgotten: 0,
            keys: DEVICES as u64,
            now: START,
            dice,
        }
    }

    /// Processes a device: first its timers, then its own action.
    fn look(&mut self, device: usize) {
        self.timeouts(device);
        if self.devices[device].acts_at <= self.now {
            self.act(device);
        }
    }

    fn note(&mut self, device: usize, ticks: usize) {
        let one = &mut self.devices[device];
        let timeout = one.live.as_ref().and_then(|live| live.machine.poll_timeout(&TIMERS)).unwrap_or(i64::MAX);
        let at = one.acts_at.min(timeout).max(self.now + 1);
        let tick = usize::try_from((at - START + TICK - 1) / TICK).unwrap_or(usize::MAX);
        one.wakes = tick;
        if tick < ticks {
            self.calendar[tick].push(u32::try_from(device).unwrap());
        }
    }

    fn timeouts(&mut self, device: usize) {
        loop {
            let Some(live) = &mut self.devices[device].live else { return };
            let before = live.machine;
            let (machine, change) = before.handle_timeout(self.now, &TIMERS);
            live.machine = machine;
            match change {
                Some(Change::WentOffline) => {
                    let since = machine.offline_since().unwrap();
                    assert!(since <= self.now && self.now - since <= 2 * TICK, "detected too late");
                    assert_eq!(self.peers.remove(&live.slot.0), Some(device), "its peer must be removed");
                    self.store(device);
                }
                Some(Change::Closed(reason)) => {
                    let activity = *before.activity();
                    #[expect(clippy::wildcard_enum_match_arm, reason = "any other reason is the same failure")]
                    let late = match reason {
                        CloseReason::Expired => self.now - before.offline_since().unwrap() - TIMERS.offline_grace,
                        CloseReason::HardLimit => self.now - activity.started_at - TIMERS.hard_ttl,
                        other => panic!("{other}: no timer has this reason"),
                    };
                    assert!((0..=TIMERS.heartbeat_ttl + TICK).contains(&late), "{reason} after {late} s");
                    self.expired += u64::from(reason == CloseReason::Expired);
                    self.close(device, reason, AfterClose::Quarantine);
                }
                Some(Change::Created | Change::Recovered) => panic!("no timer causes this change"),
                None => return,
            }
        }
    }

    fn act(&mut self, device: usize) {
        let fate = self.dice.under(100);
        let Some(live) = &mut self.devices[device].live else { return self.connect(device) };
        if live.heartbeats > 0 {
            live.heartbeats -= 1;
            return self.heartbeat(device);
        }
        let gone = self.dice.seconds(20 * 3600) + 60;
        let next = match fate {
            // Silent permanently; the timers end the session.
            0..20 => gone + TIMERS.heartbeat_ttl + TIMERS.offline_grace,
            // Silent for a while, then back.
            20..40 => {
                live.heartbeats = 1;
                TIMERS.heartbeat_ttl + self.dice.seconds(500)
            }
            // Connects with another key, without a disconnect.
            40..48 => {
                self.keys += 1;
                self.devices[device].open.public_key = key(self.keys);
                return self.connect(device);
            }
            _ => {
                let reason = if fate < 52 { CloseReason::Revoked } else { CloseReason::Disconnect };
                self.close(device, reason, AfterClose::Quarantine);
                gone
            }
        };
        self.devices[device].acts_at = self.now + next;
    }

    fn connect(&mut self, device: usize) {
        let later = self.now + 60 + self.dice.seconds(18 * 3600);
        let one = &mut self.devices[device];
        (one.open.session_id, one.open.now, one.acts_at) = (SessionId::random(), self.now, later);
        match self.model.open(&one.open) {
            Opened::New { row, held_before, replaced } => {
                if let Some(old) = replaced {
                    let former = one.live.take().unwrap();
                    assert_eq!(old.session_id, self.model.history[&old.session_id].session_id);
                    self.settle(device, &former, CloseReason::Replaced);
                    self.replaced += 1;
                }
                self.begin(device, &row, held_before);
            }
            Opened::Existing(_) => panic!("the old session is still open"),
            Opened::KeyInUse => panic!("the simulation never shares keys"),
            Opened::MaxDevices => {
                self.refused += 1;
                assert_eq!(self.per_user[self.devices[device].user], 3);
            }
            Opened::PoolExhausted => {
                self.exhausted += 1;
                if self.exhausted % 64 == 1 {
                    let free = |book: &Book| match book {
                        Book::Unused => true,
                        Book::Held(_) => false,
                        Book::Rests(owner, since) => *owner == device || self.now - since >= 300,
                    };
                    assert!(
                        !self.books.iter().any(free),
                        "the pool was reported as exhausted although a slot was free"
                    );
                }
            }
        }
    }

    fn begin(&mut self, device: usize, row: &SessionRow, held_before: bool) {
        self.opened += 1;
        let index = (row.slot.0 - Slot::FIRST.0) as usize;
        match std::mem::replace(&mut self.books[index], Book::Held(device)) {
            Book::Unused => assert!(!held_before),
            Book::Held(owner) => panic!("slot {} has two owners: {owner} and {device}", row.slot),
            Book::Rests(owner, since) => {
                assert!(owner == device || self.now - since >= 300, "slot {} is in quarantine", row.slot)
            }
        }
        self.per_user[self.devices[device].user] += 1;
        assert!(self.per_user[self.devices[device].user] <= 3, "more devices than the limit of the account");
        let connecting = Machine::connect(self.now);
        let heartbeats = self.dice.under(4);
        let live = Live {
            machine: connecting,
            stored: SessionState::Connecting,
            slot: row.slot,
            direct: LaneCount::default(),
            interface: Transfer::default(),
            moved: Transfer::default(),
            heartbeats,
        };
        self.devices[device].live = Some(live);
        if self.dice.under(50) == 0 {
            // The lanes fail: the caller receives no response.
            return self.close(device, CloseReason::Failed, AfterClose::FreeNow);
        }
        let (machine, change) = connecting.programmed();
        assert_eq!(change, Some(Change::Created));
        self.devices[device].live.as_mut().unwrap().machine = machine;
        assert!(self.peers.insert(row.slot.0, device).is_none(), "two peers with one address");
        self.store(device);
        self.devices[device].acts_at = self.now + 60 + self.dice.seconds(3000);
    }

    fn heartbeat(&mut self, device: usize) {
        let bytes = self.dice.under(1 << 40);
        let pause = 60 + self.dice.seconds(3000);
        let one = &mut self.devices[device];
        one.acts_at = self.now + pause;
        let live = one.live.as_mut().unwrap();
        let (machine, change) = live.machine.heartbeat(self.now, &TIMERS);
        live.machine = machine;
        match change {
            None => {}
            Some(Change::Recovered) => {
                self.recovered += 1;
                live.direct.base = Transfer::default();
                live.interface = Transfer::default();
                assert!(self.peers.insert(live.slot.0, device).is_none());
            }
            Some(Change::Closed(reason)) => return self.close(device, reason, AfterClose::Quarantine),
            Some(other @ (Change::Created | Change::WentOffline)) => panic!("a heartbeat caused {other:?}"),
        }
        let part = Transfer { rx_bytes: bytes, tx_bytes: bytes / 3 };
        (live.interface, live.moved) = (live.interface.plus(part), live.moved.plus(part));
        live.direct = live.direct.read(live.interface);
        // A repeated reading is counted once.
        live.direct = live.direct.read(live.interface);
        self.store(device);
    }

    /// Stores the state of the machine.
    fn store(&mut self, device: usize) {
        let one = &mut self.devices[device];
        let live = one.live.as_mut().unwrap();
        let (from, to) = (live.stored, live.machine.state());
        if from != to {
            assert!(self.model.transition(one.open.session_id, from, to, live.machine.offline_since()));
            live.stored = to;
        }
    }
}
