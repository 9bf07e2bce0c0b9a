//! [`LiveStore`] in Redis: the profile `cluster`.
//!
//! Redis may lose everything at any moment, or be away. Facts are then simply not known until the next heartbeat
//! writes them. Events reach this node's subscribers directly and those of other nodes through a stream, which
//! each node reads from where it was: a short interruption loses none.

use crate::link::{Link, connect};
use crate::{EVENT_BUFFER, EventLine, Events, LiveError, LiveFacts, LiveStore, RedisLogin, keys};
use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamRangeReply, StreamReadReply};
use redis::{RedisError, Script};
use std::collections::HashMap;
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tornado_shared::model::{SessionId, Transfer, UnixSeconds};

/// The server answers a reader after so long also when there is nothing.
const BLOCK: Duration = Duration::from_secs(1);
/// Longest wait of a new subscriber for the reader to be attached; without it only this node's events come.
const ATTACH: Duration = Duration::from_secs(3);
/// The reader may wait for a connection: nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(3);
/// Between two attempts of the reader.
const RETRY: Duration = Duration::from_millis(500);
/// Events that are read at once.
const BATCH: usize = 256;

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
        let reader = tokio::spawn(read(login.clone(), node.clone(), events.clone(), told));
        Self { link: Link::new(login), update: Script::new(UPDATE), node, events, attached, reader }
    }
}

#[async_trait]
impl LiveStore for RedisStore {
    async fn open(&self, session: SessionId, facts: LiveFacts) -> Result<(), LiveError> {
        let key = keys::session(session);
        let mut commands = redis::pipe();
        commands.atomic().del(&key).ignore();
        commands.hset_multiple(&key, &fields(&facts)).ignore();
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

/// Where a reader is in the stream.
#[derive(Debug, Clone)]
struct Place {
    /// Of the last event that was read.
    id: String,
    /// Who wrote it and what: after a loss another event may have the same number.
    event: Option<Event>,
}

/// Publisher and line of an event.
type Event = (String, String);

impl Place {
    /// Before every event.
    fn start() -> Self {
        Self { id: START.to_owned(), event: None }
    }

    fn after(entry: &StreamId) -> Self {
        Self { id: entry.id.clone(), event: event(entry) }
    }

    /// True when the stream that ends with `newest` is not the one that was read up to here: Redis forgot it, or its
    /// clock was set back. Numbers begin with the clock's milliseconds, so within one of them a stream that was lost and
    /// made again gives the same number to another event.
    fn is_lost(&self, newest: &Self) -> bool {
        order(&newest.id) < order(&self.id) || (newest.id == self.id && newest.event != self.event)
    }
}

/// Hands on the other nodes' events, for ever.
async fn read(login: RedisLogin, node: String, events: broadcast::Sender<EventLine>, attached: watch::Sender<bool>) {
    let mut after: Option<Place> = None;
    loop {
        if let Ok(mut connection) = connect(&login, PATIENCE, BLOCK * 3).await {
            // Ends with an error only; then everything begins anew from where it was.
            if let Err(error) = follow(&mut connection, &mut after, &node, &events, &attached).await {
                tracing::debug!(%error, "events of other nodes are interrupted");
            }
        }
        attached.send_replace(false);
        tokio::time::sleep(RETRY).await;
    }
}

async fn follow(
    connection: &mut MultiplexedConnection,
    after: &mut Option<Place>,
    node: &str,
    events: &broadcast::Sender<EventLine>,
    attached: &watch::Sender<bool>,
) -> Result<(), RedisError> {
    let mut from = match after.take() {
        Some(known) => known,
        None => newest(connection).await?,
    };
    loop {
        *after = Some(from.clone());
        attached.send_replace(true);
        let reply: Option<StreamReadReply> = redis::cmd("XREAD")
            .arg("COUNT")
            .arg(BATCH)
            .arg("BLOCK")
            .arg(millis(BLOCK))
            .arg("STREAMS")
            .arg(keys::EVENTS)
            .arg(&from.id)
            .query_async(connection)
            .await?;
        let Some(reply) = reply else {
            if from.is_lost(&newest(connection).await?) {
                from = Place::start();
            }
            continue;
        };
        for entry in reply.keys.into_iter().flat_map(|key| key.ids) {
            hand_on(&entry, node, events);
            from = Place::after(&entry);
        }
    }
}

/// Before every event.
const START: &str = "0-0";

/// A number of the stream, `milliseconds-count`, as it is ordered.
fn order(id: &str) -> (u64, u64) {
    let (millis, count) = id.split_once('-').unwrap_or((id, "0"));
    (millis.parse().unwrap_or(0), count.parse().unwrap_or(0))
}

async fn newest(connection: &mut MultiplexedConnection) -> Result<Place, RedisError> {
    let command = redis::cmd("XREVRANGE").arg(keys::EVENTS).arg("+").arg("-").arg("COUNT").arg(1).to_owned();
    let last: StreamRangeReply = command.query_async(connection).await?;
    Ok(last.ids.first().map_or_else(Place::start, Place::after))
}

fn event(entry: &StreamId) -> Option<Event> {
    Some((entry.get("node")?, entry.get("line")?))
}

fn hand_on(entry: &StreamId, node: &str, events: &broadcast::Sender<EventLine>) {
    let Some((from, line)) = event(entry) else { return };
    if from != node {
        drop(events.send(line.into()));
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_was_made_again_is_known_by_its_newest_event() {
        let place = |id: &str, line: &str| Place { id: id.into(), event: Some(("node".into(), line.into())) };
        let here = place("1000-1", "a");
        assert!(!here.is_lost(&place("1000-1", "a")), "nothing happened");
        assert!(!here.is_lost(&place("1000-2", "b")), "the next one is on its way");
        assert!(here.is_lost(&place("1000-0", "b")));
        assert!(here.is_lost(&place("999-7", "b")));
        assert!(here.is_lost(&place("1000-1", "b")), "the same millisecond");
        assert!(here.is_lost(&Place::start()));
        assert!(!Place::start().is_lost(&Place::start()));
    }
}
