//! Times of use, of which at most one each minute is stored.

use parking_lot::Mutex;
use std::collections::HashMap;
use tornado_shared::model::UnixSeconds;
use uuid::Uuid;

/// Seconds between two stored times of use.
const USE_NOTED_EVERY: i64 = 60;

/// Sign-ins and API tokens that were used within the last minute.
#[derive(Default)]
pub struct Used(Mutex<HashMap<Uuid, UnixSeconds>>);

impl Used {
    /// True if the time of use is to be stored; false if one was stored within the last minute.
    pub fn is_due(&self, id: Uuid, now: UnixSeconds) -> bool {
        let mut used = self.0.lock();
        if used.get(&id).is_some_and(|at| now.saturating_sub(*at) < USE_NOTED_EVERY) {
            return false;
        }
        used.retain(|_, at| now.saturating_sub(*at) < USE_NOTED_EVERY);
        used.insert(id, now);
        true
    }
}
