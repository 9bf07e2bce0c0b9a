//! Limits of a server.

use std::time::Duration;

/// Limits of one listening socket.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of connections served concurrently. Further ones wait for at most `header_read`.
    pub connections: usize,
    /// Maximum number of rejected connections that get a response concurrently. Further ones are closed without one.
    pub strangers: usize,
    /// Timeout for a request's headers, and for an idle connection between requests.
    pub header_read: Duration,
    /// Maximum size of the headers, bytes.
    pub max_headers: usize,
    /// Maximum time without progress while a response is written.
    pub write_stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            strangers: 32,
            header_read: Duration::from_secs(30),
            max_headers: 16 * 1024,
            write_stall: Duration::from_secs(30),
        }
    }
}
