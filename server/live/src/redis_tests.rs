//! Redis against the conformance suite, and a server that hangs, dies and forgets.

use crate::{Events, LiveFacts, LiveStore, RedisLogin, RedisStore, conformance};
use std::time::{Duration, Instant};
use tornado_e2e_engines::{Redis, RedisOptions};
use tornado_shared::model::SessionId;

fn store(server: &Redis) -> RedisStore {
    RedisStore::new(RedisLogin::new(server.url().parse().unwrap(), "tornado_session", None, None).unwrap())
}

macro_rules! conform {
    ($($check:ident),+ $(,)?) => {
        /// One server for all checks, emptied before each.
        #[tokio::test]
        async fn redis_conforms() {
            let server = Redis::start(&RedisOptions::default()).unwrap();
            $(
                server.flush().unwrap();
                conformance::$check(&store(&server)).await;
            )+
        }
    };
}

conform!(
    facts_round_trip,
    late_news_changes_nothing_newer,
    defect_066_late_news_makes_no_ghost,
    forgetting_twice_is_no_error,
    every_subscriber_hears_every_event_in_order,
    a_slow_subscriber_is_cut_and_told,
);

#[track_caller]
fn hears<'a>(events: &'a mut Events, line: &'a str) -> impl Future<Output = ()> + 'a {
    let at = std::panic::Location::caller();
    async move {
        let heard = tokio::time::timeout(Duration::from_secs(5), events.next()).await;
        assert_eq!(heard.unwrap_or_else(|_| panic!("nothing heard at {at}")).as_deref(), Some(line));
    }
}

#[tokio::test]
async fn defect_073_the_servers_settings_are_left_alone() {
    let server = Redis::start(&RedisOptions::default()).unwrap();
    // Somebody else's wish about keyspace events, and everything besides.
    server.command("CONFIG SET notify-keyspace-events Kx").unwrap();
    // Redis tells them in no order.
    let settings = || {
        let text = server.command("CONFIG GET *").unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let before = settings();
    let store = store(&server);
    let mut events = store.subscribe().await.unwrap();
    let session = SessionId::random();
    store.open(session, LiveFacts::default()).await.unwrap();
    assert!(store.update(session, LiveFacts::default()).await.unwrap());
    store.publish("1".into()).await.unwrap();
    hears(&mut events, "1").await;
    store.forget(session).await.unwrap();
    assert_eq!(settings(), before);
    assert!(before.iter().any(|line| line == "notify-keyspace-events"));
}

#[tokio::test]
async fn every_node_hears_every_event_once() {
    let server = Redis::start(&RedisOptions::default()).unwrap();
    let nodes = [store(&server), store(&server)];
    let mut here = nodes[0].subscribe().await.unwrap();
    let mut there = nodes[1].subscribe().await.unwrap();
    nodes[0].publish("1".into()).await.unwrap();
    hears(&mut here, "1").await;
    hears(&mut there, "1").await;
    nodes[1].publish("2".into()).await.unwrap();
    hears(&mut here, "2").await;
    hears(&mut there, "2").await;
    // Everything lost, also the stream that is being read: what comes after is heard, also when it gets the number of
    // what was lost, which it does within a millisecond.
    for line in ["3", "4", "5", "6"] {
        server.flush().unwrap();
        nodes[0].publish(line.into()).await.unwrap();
        hears(&mut here, line).await;
        hears(&mut there, line).await;
    }
}

#[tokio::test]
async fn a_server_that_hangs_dies_or_forgets_holds_nobody() {
    let server = Redis::start(&RedisOptions::default()).unwrap();
    let nodes = [store(&server), store(&server)];
    let session = SessionId::random();
    let facts = LiveFacts { last_heartbeat: 100, ..LiveFacts::default() };
    nodes[0].open(session, facts).await.unwrap();
    let mut here = nodes[0].subscribe().await.unwrap();
    let mut there = nodes[1].subscribe().await.unwrap();

    server.freeze().unwrap();
    let begun = Instant::now();
    for _ in 0..100 {
        assert!(nodes[0].update(session, facts).await.is_err());
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "each call waited: {:?}", begun.elapsed());
    assert!(nodes[0].publish("frozen".into()).await.is_err());
    hears(&mut here, "frozen").await;
    server.thaw().unwrap();
    back(&nodes[0], session).await;
    assert_eq!(nodes[0].get(session).await.unwrap(), Some(facts));

    server.kill();
    assert!(nodes[0].update(session, facts).await.is_err());
    assert!(nodes[1].subscribe().await.is_ok(), "without Redis one hears at least this node");
    server.restart().unwrap();
    assert!(!back(&nodes[0], session).await, "lost: the caller opens it again");
    nodes[0].open(session, facts).await.unwrap();
    assert_eq!(nodes[1].get(session).await.unwrap(), Some(facts));
    nodes[0].publish("after".into()).await.unwrap();
    hears(&mut here, "after").await;
    // What was sent into the frozen server may have been done when it thawed.
    loop {
        let heard = tokio::time::timeout(Duration::from_secs(5), there.next()).await.unwrap().unwrap();
        if heard.as_ref() == "after" {
            break;
        }
        assert_eq!(heard.as_ref(), "frozen");
    }
}

async fn back(node: &RedisStore, session: SessionId) -> bool {
    let until = Instant::now() + Duration::from_secs(10);
    loop {
        if let Ok(known) = node.update(session, LiveFacts::default()).await {
            return known;
        }
        assert!(Instant::now() < until, "it must come back by itself");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
