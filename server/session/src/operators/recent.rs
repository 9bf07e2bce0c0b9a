//! The latest events of sessions, for operators that read them in pages.

use crate::service::Service;
use futures::StreamExt as _;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tornado_contracts::operator::sessions::EventPage;
use tornado_contracts::session::SessionEvent;
use tornado_runtime::rest;
use tornado_shared::model::UnixSeconds;

/// Number of events that a reader may be behind.
const KEPT: usize = 4096;
/// Time for which a page waits for events.
const WAIT: Duration = Duration::from_secs(20);
/// Pause before a broken subscription is opened again.
const RETRY: Duration = Duration::from_secs(1);

/// A bounded buffer. Positions count up, also across restarts of the service.
pub struct Recent {
    kept: Mutex<VecDeque<SessionEvent>>,
    newest: watch::Sender<u64>,
}

impl Recent {
    /// An empty buffer. Positions begin with the start time, above all positions of earlier starts.
    pub fn new(started_at: UnixSeconds) -> Self {
        let base = u64::try_from(started_at).unwrap_or_default() << 20;
        Self { kept: Mutex::default(), newest: watch::Sender::new(base) }
    }

    /// Keeps the events of the service until `stop`.
    pub async fn follow(self: Arc<Self>, service: Arc<Service>, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Ok(events) = service.core.live.subscribe(stop.clone()).await {
                let mut events = std::pin::pin!(events);
                // The line after lost events is not an event.
                while let Some(Ok(event)) = events.next().await.map(|line| serde_json::from_str(&line)) {
                    self.push(event);
                }
            }
            self.lose();
            stop.run_until_cancelled(rest(RETRY)).await;
        }
    }

    fn push(&self, event: SessionEvent) {
        let mut kept = self.kept.lock();
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back(event);
        self.newest.send_modify(|newest| *newest += 1);
    }

    /// Readers learn that events were lost.
    fn lose(&self) {
        let mut kept = self.kept.lock();
        kept.clear();
        self.newest.send_modify(|newest| *newest += 1);
    }

    /// Events after a position, as soon as there are any. Cancellation is safe.
    pub async fn next(&self, after: Option<u64>) -> EventPage {
        if let Some(after) = after {
            let mut newest = self.newest.subscribe();
            // The sender lives as long as `self`.
            drop(tokio::time::timeout(WAIT, newest.wait_for(|newest| *newest != after)).await);
        }
        self.read(after)
    }

    fn read(&self, after: Option<u64>) -> EventPage {
        let kept = self.kept.lock();
        let newest = *self.newest.borrow();
        let Some(after) = after else { return EventPage { events: Vec::new(), next: newest, is_whole: true } };
        let behind = newest.checked_sub(after).and_then(|behind| usize::try_from(behind).ok());
        match behind.and_then(|behind| kept.len().checked_sub(behind)) {
            Some(skipped) => {
                EventPage { events: kept.iter().skip(skipped).cloned().collect(), next: newest, is_whole: true }
            }
            None => EventPage { events: Vec::new(), next: newest, is_whole: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_contracts::session::EventKind;
    use tornado_shared::model::{DeviceId, SessionId, UserId};

    fn event(at: UnixSeconds) -> SessionEvent {
        let (session_id, user_id, device_id) = (SessionId::random(), UserId::random(), DeviceId::random());
        SessionEvent { at, kind: EventKind::Created, session_id, user_id, device_id }
    }

    fn times(page: &EventPage) -> Vec<UnixSeconds> {
        page.events.iter().map(|event| event.at).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_gets_each_event_once() {
        let recent = Arc::new(Recent::new(100));
        recent.push(event(0));
        let start = recent.next(None).await;
        assert!(start.events.is_empty() && start.is_whole);
        let (reader, after) = (recent.clone(), Some(start.next));
        let waiting = tokio::spawn(async move { reader.next(after).await });
        tokio::task::yield_now().await;
        recent.push(event(1));
        let page = waiting.await.unwrap();
        assert_eq!((times(&page), page.is_whole), (vec![1], true));
        (2..5).for_each(|at| recent.push(event(at)));
        let page = recent.next(Some(page.next)).await;
        assert_eq!(times(&page), [2, 3, 4]);
        let quiet = recent.next(Some(page.next)).await;
        assert_eq!((times(&quiet), quiet.next, quiet.is_whole), (vec![], page.next, true));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_learns_that_events_were_lost() {
        let recent = Recent::new(100);
        let start = recent.next(None).await.next;
        recent.lose();
        assert!(!recent.next(Some(start)).await.is_whole);
        let start = recent.next(None).await.next;
        for at in 0..=i64::try_from(KEPT).unwrap() {
            recent.push(event(at));
        }
        assert!(!recent.next(Some(start)).await.is_whole, "it was too slow");
        assert_eq!(recent.next(Some(start + 1)).await.events.len(), KEPT);
        let restarted = Recent::new(101);
        (0..10).for_each(|at| restarted.push(event(at)));
        assert!(!restarted.next(Some(start)).await.is_whole, "a position of an earlier start");
        assert!(!recent.next(Some(u64::MAX)).await.is_whole, "a position of the future");
    }
}
