//! Live state: changes with every heartbeat or handshake and may be lost at any time.
//!
//! The durable state and the peers of the interfaces are authoritative; live state is rebuilt from them. Nothing here
//! decides that a session ends: deadlines are computed from timestamps, never from the expiry of a key.

#![forbid(unsafe_code)]

mod events;
mod keys;
mod link;
mod login;
mod memory;
mod redis_store;
mod stream;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod redis_tests;

pub use events::{EVENT_BUFFER, EventLine, Events};
pub use login::{RedisLogin, RedisLoginError, RedisUrl, RedisUrlError};
pub use memory::MemoryStore;
pub use redis_store::{RedisStore, probe_redis};

use async_trait::async_trait;
use std::net::IpAddr;
use tornado_shared::model::{SessionId, Transfer, UnixSeconds};

/// Current live state of a session.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LiveFacts {
    /// Time of the latest heartbeat.
    pub last_heartbeat: UnixSeconds,
    /// Time of the latest handshake on either lane.
    pub latest_handshake: Option<UnixSeconds>,
    /// Counters of the direct lane that usage already includes.
    pub direct_base: Transfer,
    /// Counters of the tor lane that usage already includes.
    pub tor_base: Transfer,
    /// Address from which the device connected. Personal data: kept here only, never on disk.
    pub client_ip: Option<IpAddr>,
}

/// Live state could not be read or written. Callers continue without it.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The store did not respond, or it rejected the request.
    #[error("cannot reach live state: {0}")]
    Unavailable(String),
}

/// Live state of sessions, and fan-out of their events to every node.
///
/// # Errors
/// Every method returns [`LiveError`] when the store does not respond in time or rejects the request.
#[async_trait]
pub trait LiveStore: Send + Sync + 'static {
    /// Stores the facts of a new session and replaces existing ones.
    async fn open(&self, session: SessionId, facts: LiveFacts) -> Result<(), LiveError>;

    /// Updates the facts of a session. Timestamps never go back, so a late update does not overwrite a newer one. A
    /// `client_ip` of `None` keeps the stored address. Returns false if the session does not exist; it is not created.
    async fn update(&self, session: SessionId, facts: LiveFacts) -> Result<bool, LiveError>;

    /// The facts of a session, or `None` if the store has none.
    async fn get(&self, session: SessionId) -> Result<Option<LiveFacts>, LiveError>;

    /// Removes the facts of a session. Idempotent.
    async fn forget(&self, session: SessionId) -> Result<(), LiveError>;

    /// Sends a line to every subscriber on every node. Never waits for a slow subscriber.
    async fn publish(&self, line: EventLine) -> Result<(), LiveError>;

    /// Probes the store and returns the version of its engine.
    async fn pulse(&self) -> Result<String, LiveError>;

    /// Subscribes to every line that is published from now on. Each line arrives once. Lines of other nodes that were
    /// in transit may arrive, too.
    async fn subscribe(&self) -> Result<Events, LiveError>;
}
