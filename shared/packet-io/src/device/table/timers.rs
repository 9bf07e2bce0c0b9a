//! Timers of the peers: keepalives, new handshakes, expiry of sessions.

use super::{Output, Slot, Table, forget};

/// Expired indices of a peer are removed in one of this many rounds. An expired index does no harm, because its session
/// accepts nothing.
pub(super) const SWEEP: usize = 16;

impl Table {
    /// Advances the timers of peers in `count` slots starting at `from`. Returns the start of the next call, or `None`
    /// at the end of a round. The timers of a peer without an endpoint advance too, but nothing is sent to it.
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
        // A sleeping peer has no timers: they start with the first packet.
        let Some(noise) = &mut entry.noise else { return };
        // The only error means that the peer did not respond for a long time, or that no packet was sent to it. Its
        // timers are stopped until it becomes active again.
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
