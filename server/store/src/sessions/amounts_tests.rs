//! Usage and quotas on both engines.

use super::conformance::{close, open};
use super::{Checkpoint, LaneCount, LiveBytes, Mark, MonthQuota, OpenSession, Opened, SessionRow, Span};
use super::{SqlSessions, Usage};
use crate::roles::Roles;
use tornado_shared::model::{CloseReason, DeviceId, Transfer, UserId};

const fn bytes(n: u64) -> Transfer {
    Transfer { rx_bytes: n, tx_bytes: 2 * n }
}

async fn started(store: &SqlSessions, input: &OpenSession) -> SessionRow {
    let Opened::New { row, .. } = store.open(input).await.unwrap() else { panic!("must open") };
    *row
}

/// Every session is either ended or live, regardless of its gateway.
async fn ended_and_live_are_seen_together(store: &SqlSessions) {
    let (user, other, nobody) = (UserId::random(), UserId::random(), UserId::random());
    let here = started(store, &open(user, DeviceId::random(), 1000)).await;
    let there = OpenSession { node_id: "second".into(), ..open(user, DeviceId::random(), 1000) };
    let there = started(store, &there).await;
    started(store, &open(other, DeviceId::random(), 1000)).await;
    let count = |n| LaneCount { total: bytes(n), base: Transfer::default() };
    let point = Checkpoint {
        session_id: there.session_id,
        last_heartbeat: 1000,
        latest_handshake: None,
        direct: count(7),
        tor: count(8),
    };
    store.checkpoint(&[point]).await.unwrap();
    assert!(store.close(&close(here.session_id, CloseReason::Disconnect, 1010)).await.unwrap());
    let moved = store.moved(&[user, other, nobody]).await.unwrap();
    assert_eq!(moved.len(), 3);
    assert_eq!(moved[&user].ended, Usage { sessions: 1, direct: bytes(10), tor: bytes(100) });
    assert_eq!(moved[&user].live, [LiveBytes { session_id: there.session_id, direct: bytes(7), tor: bytes(8) }]);
    assert_eq!((moved[&other].ended, moved[&other].live.len()), (Usage::default(), 1));
    assert_eq!(moved[&nobody], super::Moved::default());
    assert!(store.moved(&[]).await.unwrap().is_empty());
    let many: Vec<_> = (0..256).map(|_| UserId::random()).collect();
    assert_eq!(store.moved(&many).await.unwrap().len(), 256);
}

async fn a_month_begins_once_and_keeps_quotas(store: &SqlSessions) {
    let (one, two, free) = (UserId::random(), UserId::random(), UserId::random());
    let first = MonthQuota { month: 24_310, base: 100, quota: 1000 };
    for user in [one, two] {
        store.put_quota(user, Some(first)).await.unwrap();
    }
    store.begin_month(24_311, &[(one, 500), (free, 1)]).await.unwrap();
    store.begin_month(24_311, &[(one, 700)]).await.unwrap();
    store.begin_month(24_309, &[(one, 900)]).await.unwrap();
    let known = store.quotas(&[one, two, free]).await.unwrap();
    assert_eq!(known.len(), 2, "accounts without a quota must not get one");
    assert_eq!((known[&one], known[&two]), (MonthQuota { month: 24_311, base: 500, ..first }, first));
    assert!(store.quotas(&[]).await.unwrap().is_empty());
}

async fn marks_come_with_a_session(store: &SqlSessions) {
    let user = UserId::random();
    let mark = |number, n| Mark { span: Span::Day, number, direct: bytes(n), tor: bytes(n) };
    let with = |marks| OpenSession { marks, ..open(user, DeviceId::random(), 1000) };
    let input = with(vec![mark(20_000, 5)]);
    started(store, &input).await;
    started(store, &with(vec![mark(20_000, 9)])).await;
    assert_eq!(store.marks(user).await.unwrap(), [mark(20_000, 5)]);
    let again = OpenSession { marks: vec![mark(20_001, 9)], ..input };
    assert!(matches!(store.open(&again).await.unwrap(), Opened::Existing(_)));
    assert_eq!(store.marks(user).await.unwrap(), [mark(20_000, 5)], "without a new session no mark is written");
}

async fn all(store: &SqlSessions) {
    ended_and_live_are_seen_together(store).await;
    a_month_begins_once_and_keeps_quotas(store).await;
    marks_come_with_a_session(store).await;
}

#[tokio::test]
async fn sqlite_counts_and_limits() {
    let dir = tempfile::tempdir().unwrap();
    all(&SqlSessions::open_sqlite(&dir.path().join("session.db")).await.unwrap()).await;
}

#[tokio::test]
async fn postgres_counts_and_limits() {
    let roles = Roles::start().await;
    let store = SqlSessions::open_postgres(&roles.login("tornado_session")).await.unwrap();
    all(&store).await;
    store.shut().await;
}

/// Two gateways at midnight: each writes marks of the same accounts in a different order.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_that_write_the_same_marks_do_not_wait_for_each_other() {
    let roles = Roles::start().await;
    let users: Vec<_> = (0..200).map(|_| UserId::random()).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for gateway in 0..2 {
        let store = SqlSessions::open_postgres(&roles.login("tornado_session")).await.unwrap();
        let mut users = users.clone();
        if gateway == 1 {
            users.reverse();
        }
        tasks.spawn(async move {
            for number in 20_000..20_010 {
                let mark = Mark { span: Span::Day, number, direct: bytes(1), tor: bytes(2) };
                let marks: Vec<_> = users.iter().map(|user| (*user, mark)).collect();
                store.put_marks(&marks).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}
