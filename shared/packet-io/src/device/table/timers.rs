//! What is due without a packet: keepalives, handshakes anew, the end of sessions.

use super::{Output, Slot, Table, forget};

/// In one of so many rounds the numbers of a peer are gone through for those that are over. One that is over does no
/// harm: its session takes nothing.
pub(super) const SWEEP: usize = 16;

impl Table {
    /// Moves the clocks of peers in `count` places from `from` on; returns where to go on, and nothing at the end of the
    /// round. A peer without an endpoint ages like any other, only is nothing sent to it.
    pub(crate) fn tick(&mut self, from: Slot, count: usize, output: &mut Output) -> Option<Slot> {
        let end = from.saturating_add(count).min(self.entries.len());
        for slot in from..end {
            self.tick_one(slot, output);
        }
        if end < self.entries.len() {
            return Some(end);
        }
        self.round = self.round.wrapping_add(1);
        None
    }

    fn tick_one(&mut self, slot: Slot, output: &mut Output) {
        let Some(entry) = self.entries.get_mut(slot).and_then(Option::as_mut) else { return };
        // Who sleeps has no clock: time begins with the first packet.
        let Some(noise) = &mut entry.noise else { return };
        // The only error is that the peer has not answered for long, or was not spoken to. For such a one time stands
        // still until it comes again.
        let due = if noise.is_expired() { None } else { noise.update_timers().ok().flatten() };
        if slot % SWEEP == self.round % SWEEP {
            entry.indices.retain(|index| {
                let is_in_use = self.own.is_in_use(*index);
                if !is_in_use {
                    forget(&mut self.by_index, *index, slot);
                }
                is_in_use
            });
        }
        if let (Some(message), Some(endpoint)) = (due, entry.endpoint) {
            self.send(slot, message, endpoint, output);
        }
    }
}
