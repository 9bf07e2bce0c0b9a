//! Admission: decides from the peer's user which connections are served, before any work is spent on them.

use crate::connection::{Limits, serve_connection, turn_away};
use crate::slots::Slots;
use crate::transport::Stream;
use crate::{Access, Caller, Known, Peer, Role, UserId};
use axum::Router;
use futures::future::BoxFuture;
use http::Extensions;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tornado_shared::problem::Problem;

/// Maximum number of connections of known users that wait for a slot. After a restart, many arrive at once.
const WAITING: usize = 1024;
/// Timeout of a lookup. If the user database is slower, the user is treated as unknown.
const LOOK_UP: Duration = Duration::from_secs(3);
/// How long the result of a lookup is valid.
const KNOWN_FOR: Duration = Duration::from_secs(5);
/// Maximum number of users whose result is kept.
const REMEMBERED: usize = 64;
/// At most one log line about rejections per this time.
const LINE_EVERY: Duration = Duration::from_secs(60);

/// A request extension: cancelled when the shutdown begins, so that a response that is deliberately held back is sent
/// at once.
#[derive(Debug, Clone)]
pub struct Stopping(pub CancellationToken);

/// What happens with a connection. The permit limits how many connections are in that state.
enum Admission<R> {
    /// It gets a slot, once one is free.
    Admitted(Caller<R>, OwnedSemaphorePermit),
    /// It is rejected.
    Refused(Caller<R>, OwnedSemaphorePermit),
    /// A lookup decides.
    Unknown(Peer, OwnedSemaphorePermit),
}

/// Admits or rejects connections.
pub(crate) struct Door<A: Access> {
    access: Arc<A>,
    slots: Slots,
    waiting: Arc<Semaphore>,
    refused: Arc<Semaphore>,
    /// Permits for lookups. Recently rejected users do not use them.
    look_ups: Arc<Semaphore>,
    looked_up: Mutex<Vec<LookedUp<A::Role>>>,
    refusals: Mutex<Refusals>,
    limits: Limits,
    shutdown: CancellationToken,
}

/// The result of a look-up.
struct LookedUp<R> {
    user: UserId,
    roles: Vec<R>,
    at: Instant,
}

impl<R> LookedUp<R> {
    fn holds(&self) -> bool {
        self.at.elapsed() < KNOWN_FOR
    }
}

/// Rejections since the latest log line.
#[derive(Debug, Default)]
struct Refusals {
    since_line: u64,
    line_at: Option<Instant>,
}

impl Refusals {
    /// Counts one rejection. Returns the number since the previous line if a line is due.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.since_line += 1;
        if self.line_at.is_some_and(|at| now.saturating_duration_since(at) < LINE_EVERY) {
            return None;
        }
        self.line_at = Some(now);
        Some(std::mem::take(&mut self.since_line))
    }
}

/// A door without the type of its access control, so that the server is compiled once.
pub(crate) trait AnyDoor: Send + Sync {
    /// Admits or rejects a connection, and returns the work of serving it; `None` if it is closed.
    fn receive(self: Arc<Self>, stream: Stream, peer: Peer, router: Router) -> Option<BoxFuture<'static, ()>>;
}

impl<A: Access> AnyDoor for Door<A> {
    fn receive(self: Arc<Self>, stream: Stream, peer: Peer, router: Router) -> Option<BoxFuture<'static, ()>> {
        let admission = self.admit(peer)?;
        Some(Box::pin(self.serve(stream, admission, router)))
    }
}

impl<A: Access> Door<A> {
    pub(crate) fn new(access: A, slots: Slots, limits: Limits, shutdown: CancellationToken) -> Self {
        Self {
            access: Arc::new(access),
            slots,
            waiting: Arc::new(Semaphore::new(WAITING)),
            refused: Arc::new(Semaphore::new(limits.strangers)),
            look_ups: Arc::new(Semaphore::new(limits.strangers)),
            looked_up: Mutex::default(),
            refusals: Mutex::default(),
            limits,
            shutdown,
        }
    }

    /// Decides about a connection without waiting. `None` means that it is closed, because there are too many of its
    /// kind. Unknown users never block known ones.
    fn admit(&self, peer: Peer) -> Option<Admission<A::Role>> {
        let user = peer.user();
        if peer.is_superuser() {
            return self.decide(Caller::new(peer, Vec::new()));
        }
        let roles = match self.access.known(user) {
            Known::Roles(roles) => Some(roles),
            Known::Ask => self.remembered(user),
        };
        let Some(roles) = roles else {
            let place = self.look_ups.clone().try_acquire_owned();
            return place.map(|place| Admission::Unknown(peer, place)).inspect_err(|_| self.note(peer)).ok();
        };
        self.decide(Caller::new(peer, roles))
    }

    fn decide(&self, caller: Caller<A::Role>) -> Option<Admission<A::Role>> {
        if caller.is_known()
            && let Ok(place) = self.waiting.clone().try_acquire_owned()
        {
            return Some(Admission::Admitted(caller, place));
        }
        self.note(caller.peer());
        let place = self.refused.clone().try_acquire_owned().ok()?;
        Some(Admission::Refused(caller, place))
    }

    /// Serves an admitted connection until it ends.
    async fn serve(self: Arc<Self>, stream: Stream, admission: Admission<A::Role>, router: Router) {
        match admission {
            Admission::Admitted(caller, place) => self.let_in(stream, caller, router, place).await,
            Admission::Refused(caller, _place) => turn_away(stream, &self.refusal(&caller)).await,
            Admission::Unknown(peer, place) => match self.look_up(peer, place).await {
                Some(Admission::Admitted(caller, place)) => self.let_in(stream, caller, router, place).await,
                Some(Admission::Refused(caller, _place)) => turn_away(stream, &self.refusal(&caller)).await,
                Some(Admission::Unknown(..)) | None => {}
            },
        }
    }

    /// Serves the connection once a slot is free. One user cannot take all slots. The superuser, who may be diagnosing
    /// a problem, has no limit.
    async fn let_in(&self, stream: Stream, caller: Caller<A::Role>, router: Router, place: OwnedSemaphorePermit) {
        let user = (!caller.is_superuser()).then_some(caller.peer().user());
        let slot = tokio::time::timeout(self.limits.header_read, self.slots.take(user));
        let Some(slot) = self.shutdown.run_until_cancelled(slot).await else { return };
        drop(place);
        match slot {
            Ok(_slot) => {
                let stopping = Stopping(self.shutdown.clone());
                let mark = move |extensions: &mut Extensions| {
                    extensions.insert(caller.clone());
                    extensions.insert(stopping.clone());
                };
                serve_connection(stream, router, mark, self.limits, self.shutdown.clone()).await;
            }
            Err(_) => turn_away(stream, &self.refusal(&caller)).await,
        }
    }

    /// Looks up the user, unless another lookup has just finished.
    async fn look_up(&self, peer: Peer, place: OwnedSemaphorePermit) -> Option<Admission<A::Role>> {
        let user = peer.user();
        let roles = match self.remembered(user) {
            Some(roles) => roles,
            None => {
                let access = self.access.clone();
                let look = tokio::task::spawn_blocking(move || access.look_up(user));
                let roles = match tokio::time::timeout(LOOK_UP, look).await {
                    Ok(Ok(roles)) => roles,
                    Ok(Err(_)) | Err(_) => Vec::new(),
                };
                self.remember(user, roles.clone());
                roles
            }
        };
        drop(place);
        self.decide(Caller::new(peer, roles))
    }

    fn remembered(&self, user: UserId) -> Option<Vec<A::Role>> {
        let looked_up = self.looked_up.lock();
        let known = looked_up.iter().find(|known| known.user == user && known.holds());
        known.map(|known| known.roles.clone())
    }

    fn remember(&self, user: UserId, roles: Vec<A::Role>) {
        let mut looked_up = self.looked_up.lock();
        looked_up.retain(|known| known.user != user && known.holds());
        if looked_up.len() < REMEMBERED {
            looked_up.push(LookedUp { user, roles, at: Instant::now() });
        }
    }

    fn refusal(&self, caller: &Caller<impl Role>) -> Problem {
        if caller.is_known() {
            return Problem::new(503, "busy", "too many connections to this service are open; try again in a moment");
        }
        self.access.refusal()
    }

    /// Not every rejection is logged, because an unknown user could fill the log.
    fn note(&self, peer: Peer) {
        let due = self.refusals.lock().count(Instant::now());
        if let Some(connections) = due {
            tracing::warn!(%peer, connections, "rejected connections: user without access, or too many connections");
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

    /// Knows user 1000 and requires a lookup for all others.
    struct One;

    impl Access for One {
        type Role = char;
        fn known(&self, user: UserId) -> Known<char> {
            if user == 1000 { Known::Roles(vec!['u']) } else { Known::Ask }
        }
        fn refusal(&self) -> Problem {
            Problem::new(403, "forbidden", "no")
        }
    }

    #[test]
    fn strangers_are_closed_before_a_job_is_spent_on_them() {
        const STRANGERS: usize = 8;
        let limits = Limits { strangers: STRANGERS, ..Limits::default() };
        let door = Door::new(One, Slots::new(64), limits, CancellationToken::new());
        let admit = |user| door.admit(Peer::new(user, None));
        let held: Vec<_> = (0..STRANGERS).map(|_| admit(65_534)).collect();
        assert!(held.iter().all(|admission| matches!(admission, Some(Admission::Unknown(..)))));
        assert!(admit(65_534).is_none() && admit(65_533).is_none());
        // A rejected user only competes with other rejected users, and leaves the lookups to others.
        drop(held);
        door.remember(65_534, Vec::new());
        let held: Vec<_> = (0..2 * STRANGERS).filter_map(|_| admit(65_534)).collect();
        assert_eq!(held.len(), STRANGERS);
        assert!(held.iter().all(|admission| matches!(admission, Admission::Refused(..))));
        assert!(matches!(admit(1002), Some(Admission::Unknown(..))));
        assert!(matches!(admit(1000), Some(Admission::Admitted(..))));
        assert!(matches!(admit(0), Some(Admission::Admitted(..))));
        // A member of the group becomes known with the first result from the user database.
        door.remember(1001, vec!['u']);
        assert!(matches!(admit(1001), Some(Admission::Admitted(..))));
    }
}
