//! Conformance checks for every [`LiveStore`]. Each check receives an empty store. Every implementation runs all
//! checks.

use crate::{EVENT_BUFFER, LiveFacts, LiveStore};
use std::net::{IpAddr, Ipv4Addr};
use tornado_shared::model::{SessionId, Transfer};

fn facts(at: i64) -> LiveFacts {
    let base = |n| Transfer { rx_bytes: n, tx_bytes: n + 1 };
    LiveFacts {
        last_heartbeat: at,
        latest_handshake: Some(at - 5),
        direct_base: base(10),
        tor_base: base(20),
        client_ip: Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7))),
    }
}

pub(crate) async fn facts_round_trip(store: &dyn LiveStore) {
    let session = SessionId::random();
    assert_eq!(store.get(session).await.unwrap(), None);
    store.open(session, facts(100)).await.unwrap();
    assert_eq!(store.get(session).await.unwrap(), Some(facts(100)));
    assert!(store.update(session, LiveFacts { client_ip: None, ..facts(145) }).await.unwrap());
    assert_eq!(store.get(session).await.unwrap(), Some(facts(145)));
    store.open(session, facts(50)).await.unwrap();
    assert_eq!(store.get(session).await.unwrap(), Some(facts(50)), "opening again must replace the facts");
}

pub(crate) async fn late_news_changes_nothing_newer(store: &dyn LiveStore) {
    let session = SessionId::random();
    store.open(session, facts(100)).await.unwrap();
    let late = LiveFacts { latest_handshake: None, ..facts(55) };
    assert!(store.update(session, late).await.unwrap());
    assert_eq!(store.get(session).await.unwrap(), Some(facts(100)));
}

pub(crate) async fn a_late_update_does_not_restore_a_session(store: &dyn LiveStore) {
    let session = SessionId::random();
    store.open(session, facts(100)).await.unwrap();
    store.forget(session).await.unwrap();
    assert!(!store.update(session, facts(145)).await.unwrap());
    assert_eq!(store.get(session).await.unwrap(), None);
}

pub(crate) async fn a_sign_of_life(store: &dyn LiveStore) {
    assert!(store.pulse().await.unwrap().starts_with(|c: char| c.is_ascii_digit()));
}

pub(crate) async fn forgetting_twice_is_no_error(store: &dyn LiveStore) {
    let session = SessionId::random();
    store.forget(session).await.unwrap();
    store.forget(session).await.unwrap();
}

pub(crate) async fn every_subscriber_hears_every_event_in_order(store: &dyn LiveStore) {
    store.publish("no subscriber yet".into()).await.unwrap();
    let mut subscribers = [store.subscribe().await.unwrap(), store.subscribe().await.unwrap()];
    for line in ["1", "2", "3"] {
        store.publish(line.into()).await.unwrap();
    }
    for subscriber in &mut subscribers {
        for line in ["1", "2", "3"] {
            assert_eq!(subscriber.next().await.as_deref(), Some(line));
        }
        assert!(!subscriber.was_cut());
    }
}

pub(crate) async fn a_slow_subscriber_is_cut_and_told(store: &dyn LiveStore) {
    let mut slow = store.subscribe().await.unwrap();
    for number in 0..=EVENT_BUFFER {
        store.publish(number.to_string().into()).await.unwrap();
    }
    while slow.next().await.is_some() {}
    assert!(slow.was_cut());
    assert!(slow.next().await.is_none(), "no line may follow a gap");
    let mut quick = store.subscribe().await.unwrap();
    store.publish("after".into()).await.unwrap();
    assert_eq!(quick.next().await.as_deref(), Some("after"));
}
