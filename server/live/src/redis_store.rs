//! [`LiveStore`] in Redis: the profile `cluster`.
//!
//! Redis may lose everything at any moment, or be away. Facts are then simply not known until the next heartbeat
//! writes them. Events reach this node's subscribers directly and those of other nodes through a stream, which
//! each node reads from where it was: a short interruption loses none.

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

/// Longest wait of a new subscriber for the reader to be attached; without it only this node's events come.
const ATTACH: Duration = Duration::from_secs(3);

/// Instants never go back and nothing is made that is not there, decided in one step. KEYS\[1\]: the session's key;
/// ARGV: time to live, heartbeat, handshake or empty, the four counters, address or empty.
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

/// Live state that all nodes share.
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
    /// Does not wait for the server: it may be away now and come later. To be called in a Tokio runtime.
    #[must_use]
    pub fn new(login: RedisLogin) -> Self {
        // Another number for each process, so that none takes its predecessor's events for its own.
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
        // `hset_multiple` would send HMSET, which the service's user has no right to.
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
        // An error only says that nobody listens here.
        drop(self.events.send(line.clone()));
        let mut commands = redis::pipe();
        commands.cmd("XADD").arg(keys::EVENTS).arg("MAXLEN").arg("~").arg(keys::EVENTS_LENGTH).arg("*");
        commands.arg("node").arg(&self.node).arg("line").arg(line.as_ref()).ignore();
        self.link.send(&commands).await
    }

    async fn subscribe(&self) -> Result<Events, LiveError> {
        let mut attached = self.attached.clone();
        // Without Redis this node's own events still come, and the others' as soon as it is back.
        drop(tokio::time::timeout(ATTACH, attached.wait_for(|attached| *attached)).await);
        Ok(Events::new(self.events.subscribe()))
    }
}

/// Looks once whether a login is let in, without the pauses of a store that is in use: the server's version.
pub async fn probe_redis(login: &RedisLogin) -> Result<String, LiveError> {
    let mut connection = connect(login, PATIENCE, PATIENCE).await?;
    version(&mut connection).await.map_err(|error| LiveError::Unavailable(error.to_string()))
}

/// `HELLO` without words changes nothing (redis.io/commands/hello), and a service's user may say it.
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

/// A hash that is not what this program wrote is as good as lost.
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
