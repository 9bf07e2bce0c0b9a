//! Queue of alarms for the audit trail. An alarm stays in a file until `auth` has stored it, so that it survives an
//! unavailable `auth` and a restart of this process. The queue delays nothing else.

use crate::files::{Durability, replace};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tornado_contracts::auth::audit::{AppendAudit, Audit as _, AuditClient, Outcome};
use tornado_contracts::wg::AlarmCause;
use tornado_shared::model::UnixSeconds;

/// Length of the queue. Further alarms, and alarms equal to the last one, only increase the count of the last one.
const MOST: usize = 64;
/// Pauses between retries, in seconds.
const PAUSES: [u64; 6] = [1, 2, 5, 10, 30, 60];

/// Consecutive alarms of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Waiting {
    at: UnixSeconds,
    cause: AlarmCause,
    what: String,
    times: u64,
}

pub(crate) struct Alarms {
    path: PathBuf,
    waiting: Mutex<VecDeque<Waiting>>,
    more: Notify,
}

impl Alarms {
    /// Loads the alarms that an earlier process did not deliver.
    pub(crate) fn load(directory: &Path) -> Self {
        let path = directory.join("alarms.json");
        let waiting = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::error!(%error, "discarded the corrupt file of alarms; its alarms are lost");
                VecDeque::new()
            }),
            Err(_) => VecDeque::new(),
        };
        Self { path, waiting: Mutex::new(waiting), more: Notify::new() }
    }

    /// Adds an alarm. Does not wait for its delivery.
    pub(crate) fn raise(&self, at: UnixSeconds, cause: AlarmCause, what: &str) {
        let mut waiting = self.waiting();
        let is_full = waiting.len() >= MOST;
        match waiting.back_mut() {
            Some(last) if last.cause == cause && last.what == what => last.times += 1,
            Some(last) if is_full => last.times += 1,
            Some(_) | None => waiting.push_back(Waiting { at, cause, what: what.to_owned(), times: 1 }),
        }
        self.save(&waiting);
        self.more.notify_one();
    }

    /// Delivers alarms, the oldest first, until `shutdown`.
    pub(crate) async fn hand_over(&self, auth: AuditClient, shutdown: &CancellationToken) {
        let work = async {
            loop {
                let Some(first) = self.first() else {
                    self.more.notified().await;
                    continue;
                };
                self.deliver(&auth, &first).await;
                let mut waiting = self.waiting();
                // Alarms counted during the delivery stay in the queue.
                match waiting.front_mut() {
                    Some(front) if front.times > first.times => front.times -= first.times,
                    Some(_) => drop(waiting.pop_front()),
                    None => {}
                }
                self.save(&waiting);
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = work => {}
        }
    }

    /// Retries until `auth` has stored the alarm.
    async fn deliver(&self, auth: &AuditClient, alarm: &Waiting) {
        let mut pauses = PAUSES.into_iter();
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

    fn first(&self) -> Option<Waiting> {
        self.waiting().front().cloned()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn save(&self, waiting: &VecDeque<Waiting>) {
        let saved = if waiting.is_empty() {
            std::fs::remove_file(&self.path)
        } else {
            serde_json::to_vec(waiting)
                .map_err(Into::into)
                .and_then(|bytes| replace(&self.path, &bytes, Durability::Synced))
        };
        if let Err(error) = saved
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "could not save pending alarms");
        }
    }
}

fn row(alarm: &Waiting) -> AppendAudit {
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
    async fn alarms_outlive_an_auth_that_is_away_and_this_process() {
        let directory = tempfile::tempdir().unwrap();
        let alarms = Alarms::load(directory.path());
        for n in 0..100 {
            alarms.raise(n, AlarmCause::Leak, if n % 2 == 0 { "2 packets" } else { "3 packets" });
        }
        let stop = CancellationToken::new();
        let absent = AuditClient::new(Channel::new(directory.path().join("auth.sock")));
        drop(tokio::time::timeout(Duration::from_millis(50), alarms.hand_over(absent, &stop)).await);
        let again = Alarms::load(directory.path());
        assert_eq!(again.waiting().len(), MOST);
        assert_eq!(again.waiting().back().unwrap().times, 100 - MOST as u64 + 1);
        let row = row(&again.first().unwrap());
        assert_eq!((row.details["cause"].as_str(), row.details["at"].as_str()), ("leak", "0"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_auth_that_is_away_is_asked_once_a_minute_for_sixty_days() {
        let directory = tempfile::tempdir().unwrap();
        let alarms = Alarms::load(directory.path());
        alarms.raise(1, AlarmCause::Leak, "2 packets");
        let stop = CancellationToken::new();
        let nobody = AuditClient::new(Channel::new(directory.path().join("auth.sock")));
        // Each attempt polls the connection of the channel a few times.
        tornado_endurance::sixty_days(4 * 64, alarms.hand_over(nobody, &stop)).await;
    }
}
