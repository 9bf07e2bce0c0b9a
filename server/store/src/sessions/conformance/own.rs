//! Queries of owners about their own accounts.

use super::{close, open, opened};
use crate::sessions::{AfterClose, CloseSession, Mark, Span, SqlSessions};
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

pub(in crate::sessions) async fn owners_page_through_their_history(store: &SqlSessions) {
    let (user, other) = (UserId::random(), UserId::random());
    for at in [1000, 1000, 1000, 2000, 3000] {
        for owner in [user, other] {
            let row = opened(store, &open(owner, DeviceId::random(), at)).await;
            let end = close(row.session_id, CloseReason::Disconnect, at);
            assert!(store.close(&CloseSession { lease: AfterClose::FreeNow, ..end }).await.unwrap());
        }
    }
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = store.history_page(user, before, 2).await.unwrap();
        assert!(page.len() <= 2 && page.iter().all(|row| row.user_id == user));
        let Some(last) = page.last() else { break };
        before = Some(last.session_id);
        seen.extend(page);
    }
    assert_eq!(seen, store.history(Some(user), 10).await.unwrap(), "each row once, in order, even within one second");
    let foreign = store.history(Some(other), 1).await.unwrap().remove(0).session_id;
    for stranger in [foreign, SessionId::random()] {
        assert_eq!(store.history_page(user, Some(stranger), 10).await.unwrap(), []);
    }
}
