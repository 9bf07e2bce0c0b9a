//! Queue of alarms for the audit trail. An alarm stays in a file until `auth` has stored it, so that it survives an
//! unavailable `auth` and a restart of this process. The queue delays nothing else.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tornado_contracts::auth::audit::{AppendAudit, Audit as _, AuditClient, Outcome};
use tornado_contracts::wg::AlarmCause;
use tornado_runtime::files::{Access, Durability, optional, replace};
use tornado_shared::model::UnixSeconds;

/// Length of the queue. Further alarms, and alarms equal to the last one, only increase the count of the last one.
const CAPACITY: usize = 64;
/// Pauses between retries, in seconds.
const RETRY_PAUSES: [u64; 6] = [1, 2, 5, 10, 30, 60];

/// Consecutive alarms of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PendingAlarm {
    at: UnixSeconds,
    cause: AlarmCause,
    what: String,
    times: u64,
}

pub(super) struct AuditQueue {
    path: PathBuf,
    pending: Mutex<VecDeque<PendingAlarm>>,
    added: Notify,
}

impl AuditQueue {
    /// Loads the alarms that an earlier process did not deliver.
    pub(super) fn load(directory: &Path) -> Self {
        let path = directory.join("alarms.json");
        let pending = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::error!(%error, "discarded the corrupt file of alarms; its alarms are lost");
                VecDeque::new()
            }),
            Err(_) => VecDeque::new(),
        };
        Self { path, pending: Mutex::new(pending), added: Notify::new() }
    }

    /// Adds an alarm. Does not wait for its delivery.
    pub(super) fn push(&self, at: UnixSeconds, cause: AlarmCause, what: &str) {
        let mut pending = self.pending.lock();
        let is_full = pending.len() >= CAPACITY;
        match pending.back_mut() {
            Some(last) if last.cause == cause && last.what == what => last.times += 1,
            Some(last) if is_full => last.times += 1,
            Some(_) | None => pending.push_back(PendingAlarm { at, cause, what: what.to_owned(), times: 1 }),
        }
        self.save(&pending);
        self.added.notify_one();
    }

    /// Delivers alarms, the oldest first, until `shutdown`.
    pub(super) async fn deliver_all(&self, auth: AuditClient, shutdown: &CancellationToken) {
        let work = async {
            loop {
                let Some(first) = self.oldest() else {
                    self.added.notified().await;
                    continue;
                };
                self.deliver(&auth, &first).await;
                let mut pending = self.pending.lock();
                // Alarms counted during the delivery stay in the queue.
                match pending.front_mut() {
                    Some(front) if front.times > first.times => front.times -= first.times,
                    Some(_) => drop(pending.pop_front()),
                    None => {}
                }
                self.save(&pending);
            }
        };
        shutdown.run_until_cancelled(work).await;
    }

    /// Retries until `auth` has stored the alarm.
    async fn deliver(&self, auth: &AuditClient, alarm: &PendingAlarm) {
        let mut pauses = RETRY_PAUSES.into_iter();
        loop {
            match auth.append(row(alarm)).await {
                Ok(_) => return,
                Err(error) => {
                    let pause = pauses.next().unwrap_or(60);
                    tracing::warn!(%error, pause, "could not deliver an alarm to the audit trail; retrying");
                    tokio::time::sleep(Duration::from_secs(pause)).await;
                }
            }
        }
    }

    fn oldest(&self) -> Option<PendingAlarm> {
        self.pending.lock().front().cloned()
    }

    fn save(&self, pending: &VecDeque<PendingAlarm>) {
        let saved = if pending.is_empty() {
            optional(std::fs::remove_file(&self.path)).map(drop)
        } else {
            serde_json::to_vec(pending)
                .map_err(Into::into)
                .and_then(|bytes| replace(&self.path, &bytes, Access::PRIVATE, Durability::Synced))
        };
        if let Err(error) = saved {
            tracing::warn!(%error, "could not save pending alarms");
        }
    }
}

fn row(alarm: &PendingAlarm) -> AppendAudit {
    let cause = match alarm.cause {
        AlarmCause::Leak => "leak",
        AlarmCause::Changed => "changed",
        AlarmCause::Blind => "blind",
    };
    let details = [("cause", cause), ("what", &alarm.what)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let numbers = [("at", alarm.at.to_string()), ("times", alarm.times.to_string())];
    let numbers = numbers.map(|(name, value)| (name.to_owned(), value));
    AppendAudit {
        operator: None,
        action: "lane.canary_alarm".into(),
        subject: "lane:tor".into(),
        outcome: Outcome::Failed,
        details: BTreeMap::from_iter(details.into_iter().chain(numbers)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_rpc::Channel;

    #[tokio::test(start_paused = true)]
    async fn alarms_survive_an_unavailable_auth_and_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let alarms = AuditQueue::load(directory.path());
        for n in 0..100 {
            alarms.push(n, AlarmCause::Leak, if n % 2 == 0 { "2 packets" } else { "3 packets" });
        }
        let stop = CancellationToken::new();
        let absent = AuditClient::new(Channel::new(directory.path().join("auth.sock")));
        drop(tokio::time::timeout(Duration::from_millis(50), alarms.deliver_all(absent, &stop)).await);
        let again = AuditQueue::load(directory.path());
        assert_eq!(again.pending.lock().len(), CAPACITY);
        assert_eq!(again.pending.lock().back().unwrap().times, 100 - CAPACITY as u64 + 1);
        let row = row(&again.oldest().unwrap());
        assert_eq!((row.details["cause"].as_str(), row.details["at"].as_str()), ("leak", "0"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unavailable_auth_is_called_once_a_minute_for_sixty_days() {
        let directory = tempfile::tempdir().unwrap();
        let alarms = AuditQueue::load(directory.path());
        alarms.push(1, AlarmCause::Leak, "2 packets");
        let stop = CancellationToken::new();
        let absent = AuditClient::new(Channel::new(directory.path().join("auth.sock")));
        // Each attempt polls the connection of the channel a few times.
        tornado_endurance::sixty_days(4 * 64, alarms.deliver_all(absent, &stop)).await;
    }
}
