//! Reads the events of other nodes from the stream in Redis.

use crate::link::{PATIENCE, connect};
use crate::{EventLine, RedisLogin, keys};
use redis::aio::MultiplexedConnection;
use redis::streams::{StreamId, StreamRangeReply, StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands as _, RedisError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// Longest time for which the server holds a read without new events, in milliseconds.
const BLOCK_MS: usize = 1_000;
/// Timeout of a response.
const ANSWER: Duration = Duration::from_secs(3);
/// Pause between two connection attempts.
const RETRY: Duration = Duration::from_millis(500);
/// Largest number of events per read.
const BATCH: usize = 256;

/// Position of a reader in the stream.
#[derive(Debug, Clone)]
struct Place {
    /// Id of the last event that was read.
    id: String,
    /// The event itself: after data loss another event may get the same id.
    event: Option<Event>,
}

/// Publisher and line.
type Event = (String, String);

impl Place {
    /// The position before the first event.
    fn start() -> Self {
        Self { id: START.to_owned(), event: None }
    }

    fn after(entry: &StreamId) -> Self {
        Self { id: entry.id.clone(), event: event(entry) }
    }

    /// True if the stream that ends with `newest` is not the one that was read so far: Redis lost its data, or its
    /// clock went back. Ids start with the clock in milliseconds, so a stream that is lost and recreated within one
    /// millisecond assigns the same id again.
    fn is_lost(&self, newest: &Self) -> bool {
        order(&newest.id) < order(&self.id) || (newest.id == self.id && newest.event != self.event)
    }
}

/// Forwards the events of other nodes. Never returns.
pub(crate) async fn read(
    login: RedisLogin,
    node: String,
    events: broadcast::Sender<EventLine>,
    attached: watch::Sender<bool>,
) {
    let mut after: Option<Place> = None;
    loop {
        if let Ok(mut connection) = connect(&login, PATIENCE, ANSWER).await {
            // Returns only with an error; reading then resumes at the stored position.
            if let Err(error) = follow(&mut connection, &mut after, &node, &events, &attached).await {
                tracing::debug!(%error, "event stream of other nodes was interrupted");
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
        let options = StreamReadOptions::default().count(BATCH).block(BLOCK_MS);
        let reply: Option<StreamReadReply> = connection.xread_options(&[keys::EVENTS], &[&from.id], &options).await?;
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

/// The id before the first event.
const START: &str = "0-0";

/// Sort key of an id in the form `milliseconds-count`.
fn order(id: &str) -> (u64, u64) {
    let (millis, count) = id.split_once('-').unwrap_or((id, "0"));
    (millis.parse().unwrap_or(0), count.parse().unwrap_or(0))
}

async fn newest(connection: &mut MultiplexedConnection) -> Result<Place, RedisError> {
    let last: StreamRangeReply = connection.xrevrange_count(keys::EVENTS, "+", "-", 1).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_was_made_again_is_known_by_its_newest_event() {
        let place = |id: &str, line: &str| Place { id: id.into(), event: Some(("node".into(), line.into())) };
        let here = place("1000-1", "a");
        assert!(!here.is_lost(&place("1000-1", "a")), "no change");
        assert!(!here.is_lost(&place("1000-2", "b")), "a new event was added");
        assert!(here.is_lost(&place("1000-0", "b")));
        assert!(here.is_lost(&place("999-7", "b")));
        assert!(here.is_lost(&place("1000-1", "b")), "same id, different event");
        assert!(here.is_lost(&Place::start()));
        assert!(!Place::start().is_lost(&Place::start()));
    }
}
