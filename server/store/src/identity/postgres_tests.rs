//! The suite on PostgreSQL, as the service's own role.

use super::{IdentityStore, SqlIdentityStore, conformance};
use crate::roles::Roles;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_conforms() {
    let roles = Roles::start().await;
    conformance::identity(|| async {
        let store = SqlIdentityStore::open_postgres(&roles.login("tornado_auth")).await.unwrap();
        Arc::new(store) as Arc<dyn IdentityStore>
    })
    .await;
}
