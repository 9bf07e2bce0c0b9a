//! The conformance checks on SQLite, and tests of the file.

use super::{SqlIdentityStore, UserKey, conformance, tables};
use sqlx::Row as _;
use std::sync::Mutex;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_conforms() {
    let dirs = Mutex::new(Vec::new());
    conformance::identity(|| async {
        let dir = tempfile::tempdir().unwrap();
        let store = SqlIdentityStore::open_sqlite(&dir.path().join("identity.db")).await.unwrap();
        dirs.lock().unwrap().push(dir);
        store
    })
    .await;
}

#[tokio::test]
async fn what_was_spent_stays_spent_after_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("identity.db");
    let store = SqlIdentityStore::open_sqlite(&path).await.unwrap();
    assert!(store.spend_envelope(&[1; 32], 10).await.unwrap());
    // Not closed, as after a kill.
    let again = SqlIdentityStore::open_sqlite(&path).await.unwrap();
    assert!(!again.spend_envelope(&[1; 32], 10).await.unwrap());
    assert!(again.find_user(UserKey::Email("x@example.org")).await.unwrap().is_none());
}

#[tokio::test]
async fn few_accounts_are_found_among_many_by_index() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqlIdentityStore::open_sqlite(&dir.path().join("identity.db")).await.unwrap();
    let query = format!("EXPLAIN QUERY PLAN {}", tables::users::TREATED);
    let rows = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(&mut *store.db.reader().await.unwrap()).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
    assert!(plan.join("; ").contains("USING INDEX users_treated"), "{plan:?}");
}
