//! [`LiveStore`] in the memory of one process, for profile `embedded`.

use crate::{EVENT_BUFFER, EventLine, Events, LiveError, LiveFacts, LiveStore};
use async_trait::async_trait;
use parking_lot::Mutex;
use std::collections::HashMap;
use tokio::sync::broadcast;
use tornado_shared::model::SessionId;

/// Live state of one process. Every session holds a lease, so the size of the pool limits the map.
#[derive(Debug)]
pub struct MemoryStore {
    sessions: Mutex<HashMap<SessionId, LiveFacts>>,
    events: broadcast::Sender<EventLine>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self { sessions: Mutex::default(), events: broadcast::Sender::new(EVENT_BUFFER) }
    }
}

#[async_trait]
impl LiveStore for MemoryStore {
    async fn open(&self, session: SessionId, facts: LiveFacts) -> Result<(), LiveError> {
        self.sessions.lock().insert(session, facts);
        Ok(())
    }

    async fn update(&self, session: SessionId, facts: LiveFacts) -> Result<bool, LiveError> {
        let mut sessions = self.sessions.lock();
        let Some(known) = sessions.get_mut(&session) else { return Ok(false) };
        *known = LiveFacts {
            last_heartbeat: known.last_heartbeat.max(facts.last_heartbeat),
            latest_handshake: known.latest_handshake.max(facts.latest_handshake),
            client_ip: facts.client_ip.or(known.client_ip),
            direct_base: facts.direct_base,
            tor_base: facts.tor_base,
        };
        Ok(true)
    }

    async fn get(&self, session: SessionId) -> Result<Option<LiveFacts>, LiveError> {
        Ok(self.sessions.lock().get(&session).copied())
    }

    async fn forget(&self, session: SessionId) -> Result<(), LiveError> {
        self.sessions.lock().remove(&session);
        Ok(())
    }

    async fn pulse(&self) -> Result<String, LiveError> {
        Ok(env!("CARGO_PKG_VERSION").to_owned())
    }

    async fn publish(&self, line: EventLine) -> Result<(), LiveError> {
        // An error only means that there are no subscribers.
        drop(self.events.send(line));
        Ok(())
    }

    async fn subscribe(&self) -> Result<Events, LiveError> {
        Ok(Events::new(self.events.subscribe()))
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryStore;
    use crate::conformance;

    macro_rules! conform {
        ($($check:ident),+ $(,)?) => {
            $(
                #[tokio::test]
                async fn $check() {
                    conformance::$check(&MemoryStore::default()).await;
                }
            )+
        };
    }

    conform!(
        facts_round_trip,
        late_news_changes_nothing_newer,
        a_late_update_does_not_restore_a_session,
        forgetting_twice_is_no_error,
        a_sign_of_life,
        every_subscriber_hears_every_event_in_order,
        a_slow_subscriber_is_cut_and_told,
    );
}
