//! Queries of owners about their own accounts.

use super::{close, open, opened};
use crate::sessions::{AfterClose, CloseSession, DayUsage, Mark, OpenSession, Opened, Span, SqlSessions};
use tornado_shared::model::{CloseReason, DeviceId, SessionId, Transfer, UserId};

pub(in crate::sessions) async fn marks_keep_what_was_written_first(store: &SqlSessions) {
    let (user, other) = (UserId::random(), UserId::random());
    let bytes = |n| Transfer { rx_bytes: n, tx_bytes: n + 1 };
    let mark = |span, number, n| Mark { span, number, direct: bytes(n), tor: bytes(10 * n) };
    assert_eq!(store.marks(user).await.unwrap(), []);
    let (day, month) = (mark(Span::Day, 20_000, 5), mark(Span::Month, 24_310, 4));
    store.put_marks(&[(user, day), (user, month), (other, mark(Span::Day, 20_000, 7))]).await.unwrap();
    let of = async |owner, span| {
        let marks = store.marks(owner).await.unwrap();
        marks.into_iter().find(|mark| mark.span == span)
    };
    assert_eq!((of(user, Span::Day).await, of(user, Span::Month).await), (Some(day), Some(month)));
    store.put_marks(&[(user, mark(Span::Day, 20_000, 6)), (user, mark(Span::Day, 19_999, 1))]).await.unwrap();
    assert_eq!(of(user, Span::Day).await, Some(day), "the first mark of a day stays, and an earlier day is ignored");
    let next = mark(Span::Day, 20_001, 9);
    store.put_marks(&[(user, next)]).await.unwrap();
    assert_eq!((of(user, Span::Day).await, of(user, Span::Month).await), (Some(next), Some(month)));
    assert_eq!(of(other, Span::Day).await, Some(mark(Span::Day, 20_000, 7)));
}

pub(in crate::sessions) async fn a_mark_ends_the_day_before(store: &SqlSessions) {
    let (user, other) = (UserId::random(), UserId::random());
    let bytes = |n| Transfer { rx_bytes: n, tx_bytes: 2 * n };
    let mark = |number, direct, tor| Mark { span: Span::Day, number, direct: bytes(direct), tor: bytes(tor) };
    let day = |day, direct, tor| DayUsage { day, direct: bytes(direct), tor: bytes(tor) };
    store.put_marks(&[(user, mark(100, 5, 0)), (other, mark(100, 0, 0))]).await.unwrap();
    assert_eq!(store.usage_days(user, 0).await.unwrap(), [], "the first day has not ended");
    store.put_marks(&[(user, mark(101, 12, 3)), (user, mark(101, 99, 99))]).await.unwrap();
    assert_eq!(store.usage_days(user, 0).await.unwrap(), [day(100, 7, 3)], "the first mark of a day counts");
    // Nothing was transferred on day 101, and days 102 to 104 have no mark.
    store.put_marks(&[(user, mark(105, 12, 3))]).await.unwrap();
    let opened = store.open(&OpenSession { marks: vec![mark(106, 20, 3)], ..open(user, DeviceId::random(), 1) }).await;
    assert!(matches!(opened.unwrap(), Opened::New { .. }));
    let days = [day(105, 8, 0), day(100, 7, 3)];
    assert_eq!(store.usage_days(user, 0).await.unwrap(), days);
    assert_eq!(store.usage_days(user, 101).await.unwrap(), days[..1]);
    // A smaller total counts as no usage, and an earlier day changes nothing.
    store.put_marks(&[(user, mark(90, 50, 50)), (user, mark(107, 1, 1))]).await.unwrap();
    assert_eq!(store.usage_days(user, 0).await.unwrap(), days);
    assert_eq!(store.usage_days(other, 0).await.unwrap(), []);
    assert_eq!(store.forget(101 * 86_400, 10).await.unwrap(), 1);
    assert_eq!(store.usage_days(user, 0).await.unwrap(), days[..1]);
}

pub(in crate::sessions) async fn owners_page_through_their_history(store: &SqlSessions) {
    let (user, other) = (UserId::random(), UserId::random());
    for at in [1000, 1000, 1000, 2000, 3000] {
        for owner in [user, other] {
            let row = opened(store, &open(owner, DeviceId::random(), at)).await;
            let end = close(row.session_id, CloseReason::Disconnect, at);
            assert!(store.close(&CloseSession { lease: AfterClose::FreeNow, ..end }).await.unwrap());
        }
    }
    for owner in [Some(user), None] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = store.history_page(owner, before, 2).await.unwrap();
            assert!(page.len() <= 2 && page.iter().all(|row| owner.is_none_or(|owner| row.user_id == owner)));
            let Some(last) = page.last() else { break };
            before = Some(last.session_id);
            seen.extend(page);
        }
        assert_eq!(seen, store.history(owner, 10).await.unwrap(), "each row once, in order, even within one second");
    }
    let foreign = store.history(Some(other), 1).await.unwrap().remove(0).session_id;
    for stranger in [foreign, SessionId::random()] {
        assert_eq!(store.history_page(Some(user), Some(stranger), 10).await.unwrap(), []);
    }
}
