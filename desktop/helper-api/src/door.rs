//! Which connections are served: decided from the peer's uid before anything is spent on them.

use crate::access::Access;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at once of those who may call, and of all others together.
const SLOTS: usize = 64;
const STRANGERS: usize = 8;
/// The user database may be slow; then the answer is no.
const LOOK_UP: Duration = Duration::from_secs(3);
/// How long the answer of the user database is good.
const KNOWN_FOR: Duration = Duration::from_secs(5);
/// Uids whose answer is remembered.
const REMEMBERED: usize = 64;
/// One line of the log for all refusals of this time.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// What a connection gets.
pub(crate) enum Admission {
    /// A place among those who may call.
    Known(OwnedSemaphorePermit),
    /// A place among the others, until the user database has been asked about this uid.
    Unknown(u32, OwnedSemaphorePermit),
}

/// Admits connections.
pub(crate) struct Door {
    access: Arc<Access>,
    slots: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
    /// For uids of which nothing is known. One that was refused just now cannot fill these.
    lookups: Arc<Semaphore>,
    answers: Mutex<Vec<(u32, bool, Instant)>>,
    refusals: Mutex<Refusals>,
}

/// Refusals since the latest line of the log.
#[derive(Debug, Default)]
struct Refusals {
    since_line: u64,
    line_at: Option<Instant>,
}

impl Refusals {
    /// Counts one. `Some` with the number of those since the former line when a line is due.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.since_line += 1;
        if self.line_at.is_some_and(|at| now.saturating_duration_since(at) < LINE_EVERY) {
            return None;
        }
        self.line_at = Some(now);
        Some(std::mem::take(&mut self.since_line))
    }
}

impl Door {
    pub(crate) fn new(access: Access) -> Self {
        Self {
            access: Arc::new(access),
            slots: Arc::new(Semaphore::new(SLOTS)),
            strangers: Arc::new(Semaphore::new(STRANGERS)),
            lookups: Arc::new(Semaphore::new(STRANGERS)),
            answers: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    /// Costs two system calls. `None`: all places of this kind of caller are taken, and the connection is closed. Those
    /// who may call are never kept out by others.
    pub(crate) fn admission(&self, stream: &UnixStream) -> Option<Admission> {
        self.admission_of(stream.peer_cred().ok()?.uid())
    }

    fn admission_of(&self, uid: u32) -> Option<Admission> {
        if self.access.names(uid) || self.answer(uid) == Some(true) {
            return self.slots.clone().try_acquire_owned().ok().map(Admission::Known);
        }
        let places = if self.answer(uid).is_none() { &self.lookups } else { &self.strangers };
        match places.clone().try_acquire_owned() {
            Ok(permit) => Some(Admission::Unknown(uid, permit)),
            Err(_) => {
                self.refused(uid);
                None
            }
        }
    }

    /// Asks the user database, unless it has just answered. The place becomes one of those who may call if it says so;
    /// `None` when these are all taken.
    pub(crate) async fn look_up(&self, uid: u32, permit: OwnedSemaphorePermit) -> Option<(bool, OwnedSemaphorePermit)> {
        let allowed = match self.answer(uid) {
            Some(allowed) => allowed,
            None => {
                let access = self.access.clone();
                let look = tokio::task::spawn_blocking(move || access.allows(uid));
                let allowed = matches!(tokio::time::timeout(LOOK_UP, look).await, Ok(Ok(true)));
                self.remember(uid, allowed);
                allowed
            }
        };
        if allowed {
            return self.slots.clone().try_acquire_owned().ok().map(|permit| (true, permit));
        }
        self.refused(uid);
        drop(permit);
        self.strangers.clone().try_acquire_owned().ok().map(|permit| (false, permit))
    }

    fn answer(&self, uid: u32) -> Option<bool> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let known = answers.iter().find(|(known, _, at)| *known == uid && at.elapsed() < KNOWN_FOR);
        known.map(|(_, allowed, _)| *allowed)
    }

    fn remember(&self, uid: u32, allowed: bool) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|(known, _, at)| *known != uid && at.elapsed() < KNOWN_FOR);
        if answers.len() < REMEMBERED {
            answers.push((uid, allowed, Instant::now()));
        }
    }

    fn refused(&self, uid: u32) {
        let due = self.refusals.lock().unwrap_or_else(PoisonError::into_inner).count(Instant::now());
        if let Some(connections) = due {
            tracing::warn!(uid, connections, "refused: this uid may not use the helper");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_refusals_are_one_line_a_minute() {
        let (begun, mut refusals) = (Instant::now(), Refusals::default());
        let lines: Vec<u64> =
            (0..1000).filter_map(|n| refusals.count(begun + Duration::from_millis(100 * n))).collect();
        assert_eq!(lines, [1, 600]);
    }

    #[test]
    fn strangers_are_closed_before_a_job_is_spent_on_them() {
        let door = Door::new(Access::of([1000]));
        let held: Vec<_> = (0..STRANGERS).map(|_| door.admission_of(65_534)).collect();
        assert!(held.iter().all(|admission| matches!(admission, Some(Admission::Unknown(65_534, _)))));
        assert!(door.admission_of(65_534).is_none() && door.admission_of(65_533).is_none());
        // A uid that was refused waits among its like, and leaves the look-ups to others.
        drop(held);
        door.remember(65_534, false);
        let held: Vec<_> = (0..2 * STRANGERS).filter_map(|_| door.admission_of(65_534)).collect();
        assert_eq!(held.len(), STRANGERS);
        assert!(matches!(door.admission_of(1002), Some(Admission::Unknown(1002, _))));
        assert!(matches!(door.admission_of(1000), Some(Admission::Known(_))));
        assert!(matches!(door.admission_of(0), Some(Admission::Known(_))));
        // A member of the group becomes known with the first answer of the user database.
        door.remember(1001, true);
        assert!(matches!(door.admission_of(1001), Some(Admission::Known(_))));
    }
}
