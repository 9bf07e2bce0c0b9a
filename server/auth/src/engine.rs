//! Health of the database, as shown by `tornadod status`.

use async_trait::async_trait;
use std::sync::Arc;
use tornado_contracts::engines::{EngineKind, EnginePart};
use tornado_runtime::engines::{EngineWatch, Pulse};
use tornado_store::identity::SqlIdentityStore;
use tornado_store::{Database, Engine};

struct Store(Database);

#[async_trait]
impl Pulse for Store {
    async fn pulse(&self) -> Result<String, String> {
        self.0.pulse().await.map_err(|error| error.to_string())
    }
}

/// Checks the database periodically.
pub(crate) fn watch(store: &SqlIdentityStore) -> Arc<EngineWatch> {
    let database = store.database().clone();
    let kind = match database.engine() {
        Engine::Sqlite => EngineKind::Sqlite,
        Engine::Postgres => EngineKind::Postgres,
    };
    EngineWatch::new(vec![(EnginePart::Identity, kind, Arc::new(Store(database)))])
}
