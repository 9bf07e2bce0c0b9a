//! The state of the databases as the services report it.

use crate::commands::Server;
use crate::output::{or_dash, span, table};
use std::time::Duration;
use tornado_contracts::ServiceName;
use tornado_contracts::engines::{EngineKind, EngineStatus, Engines as _, EnginesClient};
use tornado_contracts::master::{Actual, MasterStatus};
use tornado_rpc::NoInput;
use tornado_runtime::clock::unix_now;

/// A running service responds at once, because this call does not wait for a database.
const PATIENCE: Duration = Duration::from_secs(1);

/// Awaits a call to a service if that service is ready. `None` if it is not, or does not respond at once.
pub async fn soon<T>(master: &MasterStatus, name: ServiceName, call: impl Future<Output = T>) -> Option<T> {
    let answers = master.services.iter().find(|service| service.name == name).is_some_and(|service| {
        // A service in another state may have an open socket that it does not read yet.
        matches!(service.actual, Actual::Ready | Actual::Degraded { .. })
    });
    if answers { tokio::time::timeout(PATIENCE, call).await.ok() } else { None }
}

/// The databases of all services that respond.
pub async fn ask(server: &Server, master: &MasterStatus) -> Vec<EngineStatus> {
    let mut all = Vec::new();
    for name in [ServiceName::Auth, ServiceName::Session] {
        let client = EnginesClient::new(server.channel(name));
        if let Some(Ok(engines)) = soon(master, name, client.engines(NoInput {})).await {
            all.extend(engines);
        }
    }
    all
}

/// Prints a table.
pub fn print(engines: &[EngineStatus]) {
    if engines.is_empty() {
        return;
    }
    let now = unix_now();
    let line = |engine: &EngineStatus| {
        let word = if engine.reachable { "yes, for" } else { "no, for" };
        let answers = match engine.checked_at {
            Some(_) => format!("{word} {}", span(now - engine.since)),
            None => "unknown".into(),
        };
        let latency = engine.latency_us.filter(|_| engine.engine != EngineKind::Memory);
        [
            engine.part.to_string(),
            engine.engine.to_string(),
            or_dash(engine.version.as_ref()),
            answers,
            or_dash(latency.map(millis)),
            engine.error.clone().unwrap_or_default(),
        ]
    };
    table(["PART", "ENGINE", "VERSION", "REACHABLE", "LATENCY", "NOTE"], engines.iter().map(line));
}

pub fn millis(micros: u64) -> String {
    format!("{}.{} ms", micros / 1000, micros % 1000 / 100)
}
