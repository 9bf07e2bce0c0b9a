//! The suite on PostgreSQL.

use super::{IdentityStore, SqlIdentityStore, conformance};
use crate::PostgresLogin;
use std::sync::Arc;
use tornado_e2e_engines::Postgres;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_conforms() {
    let server = Postgres::shared().unwrap();
    conformance::identity(|| async {
        let login = PostgresLogin::trusted(server.database().unwrap().parse().unwrap(), "postgres");
        SqlIdentityStore::migrate_postgres(&login).await.unwrap();
        Arc::new(SqlIdentityStore::open_postgres(&login).await.unwrap()) as Arc<dyn IdentityStore>
    })
    .await;
}
