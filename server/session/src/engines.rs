//! The databases for `tornadod status`.

use async_trait::async_trait;
use std::sync::Arc;
use tornado_contracts::engines::{EngineKind, EnginePart};
use tornado_live::LiveStore;
use tornado_runtime::engines::{EngineWatch, Pulse};
use tornado_store::sessions::SqlSessions;
use tornado_store::{Database, Engine};

struct Store(Database);

#[async_trait]
impl Pulse for Store {
    async fn pulse(&self) -> Result<String, String> {
        self.0.pulse().await.map_err(|error| error.to_string())
    }
}

struct Live(Arc<dyn LiveStore>);

#[async_trait]
impl Pulse for Live {
    async fn pulse(&self) -> Result<String, String> {
        self.0.pulse().await.map_err(|error| error.to_string())
    }
}

/// Creates the watch of both databases. The engine of the store also determines that of live state.
pub(crate) fn watch(store: &SqlSessions, live: Arc<dyn LiveStore>) -> Arc<EngineWatch> {
    let database = store.database().clone();
    let (durable, quick) = match database.engine() {
        Engine::Sqlite => (EngineKind::Sqlite, EngineKind::Memory),
        Engine::Postgres => (EngineKind::Postgres, EngineKind::Redis),
    };
    EngineWatch::new(vec![
        (EnginePart::Sessions, durable, Arc::new(Store(database))),
        (EnginePart::Live, quick, Arc::new(Live(live))),
    ])
}
