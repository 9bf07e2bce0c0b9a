//! The audit trail.

use super::{NOW, Store, act, new_user};
use crate::identity::chain::{Break, Walk};
use crate::identity::{AuditFilter, NewAudit, OperatorChange, StoredAudit};
use tornado_shared::model::{OperatorId, UserId};

async fn rows(store: &Store) -> Vec<StoredAudit> {
    store.audit_after(0, 1000).await.unwrap()
}

fn walk(rows: &[StoredAudit]) -> Result<i64, (i64, Break)> {
    let mut walk = Walk::default();
    rows.iter().try_for_each(|row| walk.step(row)).map(|()| walk.reached().0)
}

fn filter(before: i64, action: &str, actor: &str, limit: i64) -> AuditFilter {
    AuditFilter { before, action: action.into(), actor: actor.into(), limit }
}

pub(super) async fn chain(store: Store) {
    assert_eq!(store.audit_head().await.unwrap().seq, 0);
    for i in 0..5 {
        let actor = if i == 3 { "operator:ann" } else { "root" };
        let row = NewAudit { actor: actor.into(), ..act(&format!("user.act_{i}")) };
        store.append_audit(&row).await.unwrap();
    }
    let all = rows(&store).await;
    assert_eq!(walk(&all), Ok(5));
    let head = store.audit_head().await.unwrap();
    assert_eq!((head.seq, head.hash), (5, all[4].hash));
    assert_eq!(store.audit_row(2).await.unwrap(), Some(all[1].clone()));
    assert_eq!(store.audit_row(6).await.unwrap(), None);
    let seqs = |rows: Vec<StoredAudit>| rows.iter().map(|row| row.seq).collect::<Vec<_>>();
    assert_eq!(seqs(store.list_audit(&filter(i64::MAX, "", "", 2)).await.unwrap()), [5, 4]);
    assert_eq!(seqs(store.list_audit(&filter(4, "", "", 2)).await.unwrap()), [3, 2]);
    assert_eq!(seqs(store.list_audit(&filter(i64::MAX, "user.act_2", "", 9)).await.unwrap()), [3]);
    // Wildcards in a filter are literal.
    assert_eq!(seqs(store.list_audit(&filter(i64::MAX, "user.%", "", 9)).await.unwrap()), [0_i64; 0]);
    assert_eq!(seqs(store.list_audit(&filter(i64::MAX, "", "operator:ann", 9)).await.unwrap()), [4]);
    assert_eq!(seqs(store.audit_after(3, 1).await.unwrap()), [4]);
}

pub(super) async fn written_with_the_act(store: Store) {
    let alice = new_user("alice", None);
    assert!(store.create_user(&alice, NOW, &act("user.create")).await.unwrap());
    assert!(!store.create_user(&new_user("alice", None), NOW, &act("user.create")).await.unwrap());
    assert!(store.delete_user(UserId::random(), NOW, &act("user.delete")).await.unwrap().is_none());
    let viewer = OperatorChange {
        id: OperatorId::random(),
        name: "only".parse().unwrap(),
        password_hash: Some("$".into()),
        role: Some("viewer".into()),
        forget_totp: false,
        now: NOW,
    };
    store.put_operator(&viewer, &act("operator.put")).await.unwrap();
    let actions: Vec<_> = rows(&store).await.into_iter().map(|row| row.content.action).collect();
    assert_eq!(actions, ["user.create"], "a failed act must leave no row");
    assert_eq!(walk(&rows(&store).await), Ok(1));
}

pub(super) async fn writers_race(store: Store) {
    let tries = (0..16).map(|i| {
        let (store, row) = (store.clone(), act(&format!("user.act_{i}")));
        tokio::spawn(async move { store.append_audit(&row).await.unwrap() })
    });
    for attempt in tries.collect::<Vec<_>>() {
        attempt.await.unwrap();
    }
    assert_eq!(walk(&rows(&store).await), Ok(16));
}
