//! Keeps the session alive while a tunnel is up, and the status up to date.

use super::engine::Engine;
use super::queries::QUERY_TIMEOUT;
use crate::connection::{Schedule, SilenceDetector};
use crate::network::Change;
use std::sync::Weak;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tornado_helper_api::Choice;
use tornado_rpc::ServiceError as _;
use tornado_tunnel::state::Phase;

/// Delay before the next check if there is no session.
const WITHOUT_SESSION: Duration = Duration::from_secs(3600);
/// The same if another call holds the lock of the connection.
const BUSY: Duration = Duration::from_millis(500);

/// Runs until shutdown, or until the engine was dropped.
pub(crate) async fn run(engine: Weak<Engine>, shutdown: CancellationToken) {
    let found = engine.upgrade().map(|e| (e.control.watch(), e.wake.clone(), e.changes.subscribe()));
    let Some((mut view, wake, mut changes)) = found else { return };
    let (mut retry, mut silence) = (Schedule::of_attempts(Instant::now()), SilenceDetector::new(Instant::now()));
    loop {
        let Some(due) = next_heartbeat(&engine) else { return };
        let needs_retry = engine.upgrade().is_some_and(|engine| engine.needs_retry());
        if !needs_retry {
            retry = Schedule::of_attempts(Instant::now());
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            // A login may resolve what the retry waits for.
            () = wake.notified() => retry = Schedule::of_attempts(Instant::now()),
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                retry = Schedule::of_attempts(Instant::now());
                let change = *changes.borrow_and_update();
                choose_path(&engine, change.map(Choice::from), &mut changes, &shutdown).await;
            }
            () = tokio::time::sleep_until(due) => {
                if let Some(engine) = engine.upgrade() {
                    engine.heartbeat().await;
                }
            }
            () = tokio::time::sleep_until(retry.due()), if needs_retry => {
                let Some(engine) = engine.upgrade() else { return };
                let retry_after = tokio::select! {
                    () = shutdown.cancelled() => return,
                    retry_after = engine.restore() => retry_after,
                };
                retry.failed(Instant::now(), retry_after, rand::random());
            }
            changed = view.changed() => {
                let (Ok(()), Some(strong)) = (changed, engine.upgrade()) else { return };
                let seen = view.borrow_and_update().clone();
                strong.publish.tunnel(&seen);
                if matches!(seen.phase, Phase::Disconnected | Phase::Blocked) && seen.failure.is_some() {
                    strong.close_lost_session().await;
                }
                drop(strong);
                if seen.phase == Phase::Connected && silence.is_silent(&seen.observed, Instant::now()) {
                    tracing::info!("the server does not respond over the lane; choosing another path");
                    choose_path(&engine, Some(Choice::Silent), &mut changes, &shutdown).await;
                }
            }
        }
    }
}

/// Chooses the path to the server again, and starts over at each further change.
async fn choose_path(
    engine: &Weak<Engine>,
    mut why: Option<Choice>,
    changes: &mut watch::Receiver<Option<Change>>,
    shutdown: &CancellationToken,
) {
    while let (Some(engine), Some(choice)) = (engine.upgrade(), why) {
        let choose = async {
            let disconnects = engine.control.disconnects();
            engine.connection.lock().await.choose_path(choice, disconnects).await;
        };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = choose => return,
            changed = changes.changed() => {
                if changed.is_err() {
                    return;
                }
                why = changes.borrow_and_update().map(Choice::from);
            }
        }
    }
}

/// When the next heartbeat is due.
fn next_heartbeat(engine: &Weak<Engine>) -> Option<Instant> {
    let engine = engine.upgrade()?;
    let now = Instant::now();
    let due = |due: Option<Instant>| due.unwrap_or(now + WITHOUT_SESSION);
    Some(engine.connection.try_lock().map_or(now + BUSY, |connection| due(connection.next_heartbeat())))
}

impl Engine {
    /// Returns true if a tunnel is desired but not up, and no action of the user is needed first.
    fn needs_retry(&self) -> bool {
        self.control.needs_retry() && self.publish.now().logged_in
    }

    /// Tries to restore the desired tunnel. The status shows why it failed. Returns the delay that the server
    /// requested.
    async fn restore(&self) -> Option<Duration> {
        let disconnects = self.control.disconnects();
        let mut connection = self.connection.lock().await;
        // Another call may have connected, or decided that no tunnel is desired, while this one waited.
        let desired = self.control.desired().filter(|_| self.control.needs_retry())?;
        match connection.connect(desired.lane, disconnects).await {
            Ok(_) => {
                tracing::info!("the tunnel was restored");
                None
            }
            Err(error) => {
                tracing::info!(code = error.code(), "cannot restore the tunnel");
                connection.restore_failed(&error).await;
                error.retry_after().map(Duration::from_secs)
            }
        }
    }

    /// Closes the session of a tunnel that went down without a request.
    async fn close_lost_session(&self) {
        // A connect in progress holds the lock and cleans up itself.
        if let Ok(mut connection) = self.connection.try_lock() {
            connection.close_session().await;
        }
    }

    /// Sends one heartbeat if it is due, and handles the response.
    async fn heartbeat(&self) {
        let disconnects = self.control.disconnects();
        self.connection.lock().await.heartbeat(disconnects).await;
        self.heartbeats.send_modify(|number| *number += 1);
    }

    /// Waits for a heartbeat that confirms that the session in the status still exists. If the confirmation is late,
    /// the known state is shown.
    pub(super) async fn confirm_session(&self) {
        let mut heartbeats = self.heartbeats.subscribe();
        if self.queries.request_confirmation(&self.connection, &self.publish) {
            self.wake.notify_one();
            let _ = tokio::time::timeout(QUERY_TIMEOUT, heartbeats.changed()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::Store;
    use crate::network::Changes;
    use crate::service::Found;
    use std::sync::Arc;
    use tornado_tunnel::Tunnel;
    use tornado_tunnel::os::fake::Fake;
    use tornado_tunnel::state::{BlockedReason, Lockdown};

    /// A helper that was never enrolled, and one in lockdown because a tunnel is desired.
    #[tokio::test(start_paused = true)]
    async fn maintenance_without_a_session_is_idle_for_sixty_days() {
        for desired in [false, true] {
            let directory = tempfile::tempdir().unwrap();
            let store = Store::new(directory.path().join("state"));
            let found = Found::read(store);
            let lockdown = desired.then(|| Lockdown { reason: BlockedReason::Interrupted, outside: Vec::new() });
            let (tunnel, _task) = Tunnel::start(Box::new(Fake::default()), lockdown);
            let engine = Engine::start(found, tunnel, Changes::new(), Box::new(Vec::new));
            let heartbeats = engine.heartbeats.subscribe();
            let maintenance = run(Arc::downgrade(&engine), CancellationToken::new());
            tornado_endurance::sixty_days(2, maintenance).await;
            assert!(*heartbeats.borrow() <= 2 + 2 * 60, "{}", *heartbeats.borrow());
        }
    }
}
