//! Fan-out with a bound: a subscriber that cannot follow is cut, nobody waits for it.

use std::sync::Arc;
use tokio::sync::broadcast::{self, error::RecvError};

/// Lines kept for a subscriber that is behind.
pub const EVENT_BUFFER: usize = 1024;

/// One event as a line of JSON without its end. Shared, so that fan-out copies nothing.
pub type EventLine = Arc<str>;

/// A subscription. Ends when the publisher ends or when the subscriber fell behind.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<EventLine>,
    cut: bool,
}

impl Events {
    /// A subscription to a channel.
    #[must_use]
    pub const fn new(receiver: broadcast::Receiver<EventLine>) -> Self {
        Self { receiver, cut: false }
    }

    /// The next line. `None`: the end, see [`Events::was_cut`].
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

    /// True when lines were lost because they were not read in time.
    #[must_use]
    pub const fn was_cut(&self) -> bool {
        self.cut
    }
}
