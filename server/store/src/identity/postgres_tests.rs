//! The conformance checks on PostgreSQL, with the service's own role.

use super::{SqlIdentityStore, conformance, tables};
use crate::roles::Roles;
use sqlx::Row as _;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_conforms() {
    let roles = Roles::start().await;
    conformance::identity(|| async { SqlIdentityStore::open_postgres(&roles.login("tornado_auth")).await.unwrap() })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn few_accounts_are_found_among_many_by_index() {
    let roles = Roles::start().await;
    let store = SqlIdentityStore::open_postgres(&roles.login("tornado_auth")).await.unwrap();
    let mut tx = store.db.begin().await.unwrap();
    // The table is empty, so the planner would prefer a sequential scan.
    sqlx::query("SET LOCAL enable_seqscan = off").execute(&mut *tx).await.unwrap();
    let query = format!("EXPLAIN {}", tables::users::TREATED);
    let rows = sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(&mut *tx).await.unwrap();
    let plan: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert!(plan.join("; ").contains("users_treated"), "{plan:?}");
}
