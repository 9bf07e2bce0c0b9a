//! Bounded fan-out: a subscriber that falls behind is cut off, and the publisher never waits for it.

use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};

/// Number of lines kept for a slow subscriber.
pub const EVENT_BUFFER: usize = 1024;

/// One event: a line of JSON without the line ending. Shared, so that fan-out copies no text.
pub type EventLine = Arc<str>;

/// A subscription. Ends when the publisher ends or when the subscriber falls behind.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<EventLine>,
    cut: bool,
}

impl Events {
    /// Wraps the receiver of a broadcast channel.
    #[must_use]
    pub const fn new(receiver: broadcast::Receiver<EventLine>) -> Self {
        Self { receiver, cut: false }
    }

    /// Returns the next line, or `None` at the end of the subscription; see [`Events::was_cut`].
    pub async fn next(&mut self) -> Option<EventLine> {
        if self.cut {
            return None;
        }
        match self.receiver.recv().await {
            Ok(line) => Some(line),
            Err(RecvError::Lagged(_)) => {
                self.cut = true;
                None
            }
            Err(RecvError::Closed) => None,
        }
    }

    /// True if the subscription ended because lines were lost: the subscriber read too slowly.
    #[must_use]
    pub const fn was_cut(&self) -> bool {
        self.cut
    }
}
