//! Live state: what changes with every sign of life and may be lost at any moment.
//!
//! Durable state and the interfaces' peers are the truth; everything here is rebuilt from them. Nothing here
//! decides that a session ends: deadlines are computed from instants, never from the expiry of a key.

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

/// What is known of a session at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LiveFacts {
    /// Latest heartbeat.
    pub last_heartbeat: UnixSeconds,
    /// Latest handshake on either lane.
    pub latest_handshake: Option<UnixSeconds>,
    /// The direct lane's counters that are accounted for already.
    pub direct_base: Transfer,
    /// The tor lane's likewise.
    pub tor_base: Transfer,
    /// Where the device connected from. An address of a person: it is kept here only, never on disk.
    pub client_ip: Option<IpAddr>,
}

/// Why live state could not be reached. The caller goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The store cannot be reached.
    #[error("live state is not reachable: {0}")]
    Unavailable(String),
}

/// Live state of sessions, and the fan-out of their events to every node.
#[async_trait]
pub trait LiveStore: Send + Sync + 'static {
    /// Begins a session, replacing what was known of it.
    async fn open(&self, session: SessionId, facts: LiveFacts) -> Result<(), LiveError>;

    /// Takes note of news. Instants never go back, so late news changes nothing that is newer; a
    /// `client_ip` of `None` leaves the known one. False: there is no such session, and none is made.
    async fn update(&self, session: SessionId, facts: LiveFacts) -> Result<bool, LiveError>;

    /// What is known.
    async fn get(&self, session: SessionId) -> Result<Option<LiveFacts>, LiveError>;

    /// Ends a session. Repeatable.
    async fn forget(&self, session: SessionId) -> Result<(), LiveError>;

    /// Sends a line to every subscriber on every node. Never waits for a slow one.
    async fn publish(&self, line: EventLine) -> Result<(), LiveError>;

    /// A sign of life: the version of what keeps it.
    async fn pulse(&self) -> Result<String, LiveError>;

    /// Every line that is published from now on, once; of other nodes also what was still on its way here.
    async fn subscribe(&self) -> Result<Events, LiveError>;
}
