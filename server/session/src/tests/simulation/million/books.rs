//! The books: invariants that must always hold.

use super::{Book, Device, Live, World};
use crate::machine::{Activity, Machine};
use tornado_shared::model::*;
use tornado_store::sessions::*;

impl World {
    pub(super) fn close(&mut self, device: usize, reason: CloseReason, lease: AfterClose) {
        let one = &mut self.devices[device];
        let live = one.live.take().unwrap();
        let (session_id, direct) = (one.open.session_id, live.direct.total);
        let close = CloseSession { session_id, reason, at: self.now, direct, tor: Transfer::default(), lease };
        assert!(self.model.close(&close) && !self.model.close(&close), "a session must close exactly once");
        self.settle(device, &live, reason);
        if lease == AfterClose::FreeNow {
            self.books[(live.slot.0 - Slot::FIRST.0) as usize] = Book::Rests(device, 0);
        }
    }

    /// Updates the books for a session that ended.
    pub(super) fn settle(&mut self, device: usize, live: &Live, reason: CloseReason) {
        self.closed += 1;
        self.peers.remove(&live.slot.0);
        let book = &mut self.books[(live.slot.0 - Slot::FIRST.0) as usize];
        assert!(matches!(book, Book::Held(owner) if *owner == device), "{reason}: the slot belongs to another device");
        *book = Book::Rests(device, self.now);
        let user = self.devices[device].user;
        self.per_user[user] -= 1;
        // The store lacks the bytes of a replaced session since its last checkpoint.
        if reason != CloseReason::Replaced {
            assert_eq!(live.direct.total, live.moved, "{reason}: wrong number of bytes");
            self.moved[user] = self.moved[user].plus(live.moved);
        }
    }

    pub(super) fn hourly(&mut self, tick: usize) {
        // Service `wg` restarts: its counters are zero, and the peers are added again.
        let hour = tick / 360;
        if hour % 5 == 4 {
            for live in self.devices.iter_mut().filter_map(|device| device.live.as_mut()) {
                (live.interface, live.direct.base) = (Transfer::default(), Transfer::default());
            }
        }
        // This service is killed; silence during the restart does not count.
        let killed = if hour % 7 == 6 { self.devices.as_mut_slice() } else { &mut [] };
        for (device, live) in killed.iter_mut().filter_map(|one| Some((&one.open, one.live.as_mut()?))) {
            let row = &self.model.sessions[&device.session_id];
            let known = live.machine.activity();
            let activity = Activity { silence_from: self.now, ..*known };
            let restored = Machine::restore(row.state, activity, row.offline_since);
            assert_eq!(restored.state(), live.machine.state(), "wrong state in the store");
            assert_eq!(restored.offline_since(), live.machine.offline_since());
            live.machine = restored;
        }
        self.forgotten += self.model.forget(self.now - 7 * 86_400, 2_000);
        if tick % (24 * 360) == 24 * 360 - 1 {
            self.agree();
        }
    }

    /// Peers, sessions, leases, history and totals agree.
    pub(super) fn agree(&self) {
        let online = |device: &Device| device.live.as_ref().is_some_and(|l| l.machine.state() == SessionState::Online);
        assert_eq!(self.peers.len(), self.devices.iter().filter(|device| online(device)).count());
        assert!(self.peers.values().all(|device| online(&self.devices[*device])), "a peer without a session");
        let held = self.books.iter().filter(|book| matches!(book, Book::Held(_))).count();
        assert_eq!(held, self.model.sessions.len(), "leases and sessions differ");
        let open = self.model.history.values().filter(|row| row.ended.is_none()).count();
        assert_eq!(open, self.model.sessions.len(), "history and sessions differ");
        assert!(self.model.history.values().all(|row| row.ended.is_none_or(|(at, _)| at >= row.started_at)));
        let total = |usage: &Usage| usage.direct.rx_bytes;
        let counted: u64 = self.model.usage.values().map(total).sum();
        assert_eq!(
            counted,
            self.moved.iter().map(|moved| moved.rx_bytes).sum::<u64>(),
            "bytes were lost or counted twice"
        );
    }
}
