//! Stores the states of sessions.

use crate::error;
use crate::registry::Entry;
use tornado_contracts::session::SessionError;
use tornado_shared::model::{CloseReason, SessionState};
use tornado_store::sessions::SqlSessions;

/// Stores the state of the machine if the stored state differs. A close stores its state itself.
pub(super) async fn persist_state(store: &SqlSessions, entry: &Entry) -> Result<(), SessionError> {
    let Some(change) = entry.unstored_state().filter(|change| change.to != SessionState::Closed) else {
        return Ok(());
    };
    match store.transition(entry.session_id, change.from, change.to, change.since).await {
        Ok(true) => {
            entry.set_stored(change.to);
            Ok(())
        }
        // Closed elsewhere, for example by another gateway to which the device connected.
        Ok(false) => {
            entry.close(CloseReason::Replaced);
            Err(SessionError::SessionExpired)
        }
        Err(error) => Err(error::store(error)),
    }
}
