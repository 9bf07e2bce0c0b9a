//! [`LiveStore`] in Redis, for profile `cluster`.
//!
//! Redis may lose all data or be down at any time. The facts are then unknown until the next heartbeat writes them.
//! Subscribers receive events of their own node directly and events of other nodes through a stream. Each node
//! continues to read the stream where it stopped, so a short interruption loses no events.

use crate::link::{Link, PATIENCE, connect};
use crate::{EVENT_BUFFER, EventLine, Events, LiveError, LiveFacts, LiveStore, RedisLogin, keys, stream};
use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script};
use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tornado_shared::model::{SessionId, Transfer, UnixSeconds};

/// Longest time for which a new subscriber waits until the stream reader is attached. After that it receives only
/// events of this node, until the reader attaches.
const ATTACH: Duration = Duration::from_secs(3);

/// Updates an existing session in one step. Timestamps never go back. KEYS\[1\] is the session's key. ARGV: time to
/// live, heartbeat, handshake or empty, the four counters, address or empty.
const UPDATE: &str = "
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local known = redis.call('HMGET', KEYS[1], 'heartbeat', 'handshake')
local function later(a, b)
    a, b = tonumber(a), tonumber(b)
    if a == nil then return b end
    if b == nil or a > b then return a end
    return b
end
local function set(field, value) redis.call('HSET', KEYS[1], field, value) end
set('heartbeat', string.format('%.0f', later(known[1], ARGV[2])))
local handshake = later(known[2], ARGV[3])
if handshake ~= nil then set('handshake', string.format('%.0f', handshake)) end
for i, field in ipairs({'direct_rx', 'direct_tx', 'tor_rx', 'tor_tx'}) do set(field, ARGV[3 + i]) end
if ARGV[8] ~= '' then set('address', ARGV[8]) end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return 1
";

/// Live state shared by all nodes.
pub struct RedisStore {
    link: Link,
    update: Script,
    node: String,
    events: broadcast::Sender<EventLine>,
    attached: watch::Receiver<bool>,
    reader: JoinHandle<()>,
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl RedisStore {
    /// Does not wait for the server, which may be down and start later. Must be called in a Tokio runtime.
    #[must_use]
    pub fn new(login: RedisLogin) -> Self {
        // A random id per process: a restarted process must not mistake its predecessor's events for its own.
        let node = SessionId::random().to_string();
        let events = broadcast::Sender::new(EVENT_BUFFER);
        let (told, attached) = watch::channel(false);
        let reader = tokio::spawn(stream::read(login.clone(), node.clone(), events.clone(), told));
        Self { link: Link::new(login), update: Script::new(UPDATE), node, events, attached, reader }
    }
}

#[async_trait]
impl LiveStore for RedisStore {
    async fn open(&self, session: SessionId, facts: LiveFacts) -> Result<(), LiveError> {
        let key = keys::session(session);
        let mut commands = redis::pipe();
        commands.atomic().del(&key).ignore();
        // `hset_multiple` would send HMSET, which the ACL of the service's user does not allow.
        commands.cmd("HSET").arg(&key).arg(fields(&facts)).ignore();
        commands.expire(&key, ttl()).ignore();
        self.link.send(&commands).await
    }

    async fn update(&self, session: SessionId, facts: LiveFacts) -> Result<bool, LiveError> {
        let mut call = self.update.key(keys::session(session));
        call.arg(ttl()).arg(facts.last_heartbeat);
        call.arg(facts.latest_handshake.map_or_else(String::new, |at| at.to_string()));
        for transfer in [facts.direct_base, facts.tor_base] {
            call.arg(transfer.rx_bytes).arg(transfer.tx_bytes);
        }
        call.arg(facts.client_ip.map_or_else(String::new, |address| address.to_string()));
        self.link.run(async |mut connection| call.invoke_async(&mut connection).await).await
    }

    async fn get(&self, session: SessionId) -> Result<Option<LiveFacts>, LiveError> {
        let mut commands = redis::pipe();
        commands.hgetall(keys::session(session));
        let (fields,): (HashMap<String, String>,) = self.link.send(&commands).await?;
        Ok(facts(&fields))
    }

    async fn forget(&self, session: SessionId) -> Result<(), LiveError> {
        let mut commands = redis::pipe();
        commands.del(keys::session(session)).ignore();
        self.link.send(&commands).await
    }

    async fn pulse(&self) -> Result<String, LiveError> {
        self.link.run(async |mut connection| version(&mut connection).await).await
    }

    async fn publish(&self, line: EventLine) -> Result<(), LiveError> {
        // An error only means that this node has no subscribers.
        drop(self.events.send(line.clone()));
        let mut commands = redis::pipe();
        commands.cmd("XADD").arg(keys::EVENTS).arg("MAXLEN").arg("~").arg(keys::EVENTS_LENGTH).arg("*");
        commands.arg("node").arg(&self.node).arg("line").arg(line.as_ref()).ignore();
        self.link.send(&commands).await
    }

    async fn subscribe(&self) -> Result<Events, LiveError> {
        let mut attached = self.attached.clone();
        // Without Redis, events of this node still arrive; events of other nodes follow when Redis is back.
        drop(tokio::time::timeout(ATTACH, attached.wait_for(|attached| *attached)).await);
        Ok(Events::new(self.events.subscribe()))
    }
}

/// Connects once to check the login, without the retry pause of a store in use. Returns the server's version.
///
/// # Errors
/// When the server does not respond or rejects the login.
pub async fn probe_redis(login: &RedisLogin) -> Result<String, LiveError> {
    let mut connection = connect(login, PATIENCE, PATIENCE).await?;
    version(&mut connection).await.map_err(|error| LiveError::Unavailable(error.to_string()))
}

/// `HELLO` without arguments changes nothing (redis.io/commands/hello), and the ACL of the service's user allows it.
async fn version(connection: &mut MultiplexedConnection) -> Result<String, RedisError> {
    let about: HashMap<String, redis::Value> = redis::cmd("HELLO").query_async(connection).await?;
    let version = about.get("version").map(redis::from_redis_value_ref::<String>).transpose()?;
    Ok(version.unwrap_or_else(|| "unknown".to_owned()))
}

fn ttl() -> i64 {
    i64::try_from(keys::SESSION_TTL.as_secs()).unwrap_or(i64::MAX)
}

fn fields(facts: &LiveFacts) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("heartbeat", facts.last_heartbeat.to_string()),
        ("direct_rx", facts.direct_base.rx_bytes.to_string()),
        ("direct_tx", facts.direct_base.tx_bytes.to_string()),
        ("tor_rx", facts.tor_base.rx_bytes.to_string()),
        ("tor_tx", facts.tor_base.tx_bytes.to_string()),
    ];
    fields.extend(facts.latest_handshake.map(|at| ("handshake", at.to_string())));
    fields.extend(facts.client_ip.map(|address| ("address", address.to_string())));
    fields
}

/// A hash with missing or invalid fields counts as lost.
fn facts(fields: &HashMap<String, String>) -> Option<LiveFacts> {
    fn read<T: FromStr>(fields: &HashMap<String, String>, name: &str) -> Option<T> {
        fields.get(name)?.parse().ok()
    }
    let transfer = |rx, tx| Some(Transfer { rx_bytes: read(fields, rx)?, tx_bytes: read(fields, tx)? });
    Some(LiveFacts {
        last_heartbeat: read::<UnixSeconds>(fields, "heartbeat")?,
        latest_handshake: read(fields, "handshake"),
        direct_base: transfer("direct_rx", "direct_tx")?,
        tor_base: transfer("tor_rx", "tor_tx")?,
        client_ip: read(fields, "address"),
    })
}
