//! The sweep: deadlines, quotas, comparison of lanes and sessions, checkpoints.

use super::close;
use super::state::persist_state;
use crate::accounting::Batches;
use crate::clock::JumpDetector;
use crate::core::Core;
use crate::machine::{Change, Machine};
use crate::registry::Entry;
use futures::StreamExt as _;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tornado_contracts::session::EventKind;
use tornado_shared::model::{CloseReason, SessionState, Transfer, UnixSeconds, UserId};
use tornado_store::sessions::{AfterClose, CloseSession};

/// Number of sessions processed concurrently.
const AT_ONCE: usize = 16;

/// Old rows deleted per sweep, of each kind.
const FORGOTTEN_AT_ONCE: u32 = 500;

/// Runs until `shutdown`.
pub(crate) async fn run(core: &Core, shutdown: CancellationToken) {
    let mut ticks = tornado_runtime::every(Duration::from_secs(core.config.sweep_interval.into()));
    let checkpoint_interval = Duration::from_secs(core.config.checkpoint_interval.into());
    let mut next_checkpoint = Instant::now() + checkpoint_interval;
    let mut clock = JumpDetector::new(core.now(), std::time::Instant::now());
    // Fetches the keys early, so that the first heartbeat does not wait. If `auth` is down, they are fetched on
    // demand.
    drop(core.access.keys.fetch().await);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = tokio::time::sleep_until(next_checkpoint) => {
                checkpoint(core).await;
                next_checkpoint = Instant::now() + checkpoint_interval;
                continue;
            }
            () = shutdown.cancelled() => return,
        }
        // Both steps use the same clock reading. A later jump belongs to the next sweep.
        let now = core.now();
        if let Some(by) = clock.jump(now, std::time::Instant::now()) {
            restart_timers(core, by, now);
        }
        tokio::select! {
            () = sweep(core, now) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Restarts all timers after a jump of the clock: silence and timestamps across it mean nothing.
pub(crate) fn restart_timers(core: &Core, by: i64, now: UnixSeconds) {
    tracing::warn!(seconds = by, "clock jumped; restarted all session timers");
    for entry in core.registry.all() {
        entry.clock_jumped(now);
    }
}

/// Advances all sessions with a deadline up to `now`, then compares the lanes with the sessions.
pub(crate) async fn sweep(core: &Core, now: UnixSeconds) {
    let due = core.registry.all().into_iter().filter(|entry| entry.is_due(now));
    futures::stream::iter(due)
        .for_each_concurrent(AT_ONCE, |entry| async move { advance(core, &entry, now).await })
        .await;
    enforce_quotas(core).await;
    core.policies.refresh().await;
    close_failed_connects(core, now).await;
    core.reconciler.reconcile().await;
    core.accounting.marks.set_missing(core.registry.users(), core.now()).await;
    forget_old(core).await;
}

/// Performs all transitions that are due for one session.
async fn advance(core: &Core, entry: &Entry, now: UnixSeconds) {
    let _guard = core.registry.locks.lock(entry.device_id).await;
    if !core.registry.is_current(entry) {
        return;
    }
    let unstored = entry.unstored_state();
    // An earlier handshake brought the exported device back online. The event is published here.
    let recovered =
        entry.exported && unstored.is_some_and(|it| (it.from, it.to) == (SessionState::Offline, SessionState::Online));
    if recovered {
        core.live.publish(entry, EventKind::Recovered, now).await;
    }
    let write_failed = !recovered && unstored.is_some_and(|it| it.to != SessionState::Closed);
    loop {
        match entry.handle_timeout(now) {
            Some(Change::WentOffline) => go_offline(core, entry, now).await,
            Some(Change::Closed(_)) | None => break,
            Some(Change::Created | Change::Recovered) => {}
        }
    }
    match persist_state(&core.store, entry).await {
        Ok(()) if write_failed => core.counters.repairs.lock().written += 1,
        Ok(()) => {}
        Err(_) => {
            tracing::warn!(session = %entry.session_id, "cannot store a state; the next sweep retries");
        }
    }
    if let Machine::Closed(closed) = entry.machine() {
        drop(close::close(core, entry, closed.reason, AfterClose::Quarantine).await);
    }
}

async fn go_offline(core: &Core, entry: &Entry, now: UnixSeconds) {
    // The peers of an exported device must stay: a handshake is its only way to come back.
    if !entry.exported
        && let Err(error) = core.lanes.remove(entry).await
    {
        tracing::warn!(%error, "cannot remove the peer of an offline session; retrying");
    }
    core.live.publish(entry, EventKind::Offline, now).await;
}

/// Warns the devices of accounts with little quota left, closes the sessions of accounts that have used up theirs,
/// and stores the bases of new months.
pub(crate) async fn enforce_quotas(core: &Core) {
    let quotas = &core.accounting.quotas;
    let sessions = core.registry.by_user();
    let users: Vec<UserId> = sessions.keys().copied().collect();
    let mut batches = Batches::of(&users);
    while let Some(batch) = batches.next() {
        let views = match quotas.views(batch, core.now()).await {
            Ok(views) => views,
            Err(error) => {
                tracing::warn!(%error, accounts = batch.len(), "cannot check quotas");
                if batches.retry_or_stop(batch, &error) {
                    continue;
                }
                return;
            }
        };
        for (user, quota) in views {
            let entries = sessions.get(&user).map_or(&[][..], Vec::as_slice);
            if quotas.warnings.record(user, quota) {
                for entry in entries {
                    core.live.publish(entry, EventKind::Quota(quota), core.now()).await;
                }
            }
            if quota.left == 0 {
                for entry in entries {
                    close_exceeded(core, entry).await;
                }
            }
        }
    }
    quotas.warnings.retain(|user| sessions.contains_key(user));
}

async fn close_exceeded(core: &Core, entry: &Entry) {
    let _guard = core.registry.locks.lock(entry.device_id).await;
    if core.registry.is_current(entry) {
        // Fails only if the store fails. The entry is then closed in memory, and the sweep retries.
        drop(close::close(core, entry, CloseReason::QuotaExceeded, AfterClose::Quarantine).await);
    }
}

/// Closes sessions that are stored as connecting but have no entry in memory. The database was late: the connect
/// failed for the caller, but its rows were written. The device may never return.
async fn close_failed_connects(core: &Core, now: UnixSeconds) {
    // Other calls report a database that is down.
    let Ok(rows) = core.store.connecting(&core.config.node_id).await else { return };
    for (session_id, device) in rows {
        // A connect in progress holds the lock. It leaves either an entry or rows that are not used.
        let Some(_guard) = core.registry.locks.try_lock(device) else { continue };
        if core.registry.of_device(device).is_some_and(|entry| entry.session_id == session_id) {
            continue;
        }
        let close = CloseSession {
            session_id,
            reason: CloseReason::Failed,
            at: now,
            direct: Transfer::default(),
            tor: Transfer::default(),
            lease: AfterClose::Quarantine,
        };
        match core.store.close(&close).await {
            Ok(true) => {
                tracing::warn!(session = %session_id, "closed a session whose connect had failed");
                core.counters.repairs.lock().ended += 1;
            }
            Ok(false) => {}
            Err(_) => return,
        }
    }
}

/// Deletes a bounded number of rows that are older than the configured age.
async fn forget_old(core: &Core) {
    let age = i64::from(core.config.history_days) * 86_400;
    match core.store.forget(core.now().saturating_sub(age), FORGOTTEN_AT_ONCE).await {
        Ok(0) => {}
        Ok(rows) => {
            core.counters.forgotten.fetch_add(rows, Ordering::Relaxed);
            tracing::debug!(rows, "deleted old rows");
        }
        Err(error) => tracing::warn!(%error, "cannot delete old rows; the next sweep retries"),
    }
}

/// Stores changed activity and counters.
pub(crate) async fn checkpoint(core: &Core) {
    let entries = core.registry.all();
    let points: Vec<_> = entries.iter().filter_map(|entry| entry.take_checkpoint()).collect();
    if points.is_empty() {
        return;
    }
    if let Err(error) = core.store.checkpoint(&points).await {
        tracing::error!(%error, sessions = points.len(), "cannot write a checkpoint; retrying");
        for entry in entries {
            entry.mark_changed();
        }
    }
}
