//! What operators read of sessions, in pages.

use super::support::world::World;
use crate::operators::page;
use tornado_contracts::operator::sessions::LivePageQuery;
use tornado_shared::model::*;

#[tokio::test]
async fn live_sessions_are_read_in_pages() {
    let world = World::new().await;
    let (user, other) = (UserId::random(), UserId::random());
    for number in 0..7 {
        let device = world.auth.device(if number < 5 { user } else { other });
        world.connect(&device).await.unwrap();
    }
    let read = |query: &LivePageQuery, limit| page(world.service.core.registry.all(), query, limit, world.now());
    let mut query = LivePageQuery { user_id: Some(user), ..LivePageQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = read(&query, 2);
        seen.extend(page.sessions.iter().map(|session| session.session_id));
        assert!(page.sessions.len() <= 2 && page.sessions.iter().all(|session| session.user_id == user));
        query.after = page.next;
        if page.next.is_none() {
            break;
        }
    }
    assert!(seen.len() == 5 && seen.is_sorted_by(|one, other| one < other), "{seen:?}");
    assert_eq!(read(&LivePageQuery { user_id: Some(user), ..LivePageQuery::default() }, 5).next, None);
    assert_eq!(read(&LivePageQuery::default(), 100).sessions.len(), 7);
}

#[tokio::test]
async fn live_sessions_are_filtered() {
    let world = World::new().await;
    for _ in 0..3 {
        world.connect(&world.auth.device(UserId::random())).await.unwrap();
    }
    let read = |query: LivePageQuery| page(world.service.core.registry.all(), &query, 100, world.now()).sessions;
    let all = read(LivePageQuery::default());
    let found = |text: String| read(LivePageQuery { search: Some(text), ..LivePageQuery::default() });
    for text in [all[1].device_id.to_string(), all[1].public_key.to_string(), all[1].tor.v6.to_string().to_uppercase()]
    {
        assert_eq!(found(text.clone()), all[1..2], "{text}");
    }
    assert_eq!(found(String::new()).len(), 3);
    assert!(found("no such session".into()).is_empty());
    let of_state = |state| read(LivePageQuery { state: Some(state), ..LivePageQuery::default() }).len();
    assert_eq!((of_state(SessionState::Online), of_state(SessionState::Offline)), (3, 0));
    assert!(read(LivePageQuery { lane: Some(Lane::Tor), ..LivePageQuery::default() }).is_empty());
}
