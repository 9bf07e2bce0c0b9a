//! Contract of every service that keeps state: the health of its databases. Served beside the service's own contract.

use crate::ServiceName;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tornado_rpc::{Fault, NoInput};
use tornado_shared::model::UnixSeconds;

/// The data that a database holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnginePart {
    /// Accounts, devices and audit trail, of `auth`.
    Identity,
    /// Leases, sessions and history, of `session`.
    Sessions,
    /// Live state that may be lost at any time, of `session`.
    Live,
}

words!(EnginePart { Identity = "identity", Sessions = "sessions", Live = "live" });

/// Database product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// A local file.
    Sqlite,
    /// A database server.
    Postgres,
    /// The service's own memory.
    Memory,
    /// A database server.
    Redis,
}

words!(EngineKind { Sqlite = "SQLite", Postgres = "PostgreSQL", Memory = "memory", Redis = "Redis" });

/// Health of a database, as its service last measured it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineStatus {
    /// The data that it holds.
    pub part: EnginePart,
    /// The product.
    pub engine: EngineKind,
    /// True when the last check succeeded.
    pub reachable: bool,
    /// Time at which `reachable` last changed.
    pub since: UnixSeconds,
    /// Time of the last check; `None`: not checked yet.
    pub checked_at: Option<UnixSeconds>,
    /// The last known version.
    pub version: Option<String>,
    /// Response time of the last check, microseconds.
    pub latency_us: Option<u64>,
    /// Reason for the last failed check.
    pub error: Option<String>,
}

impl EngineStatus {
    /// Status of a database that has not been checked yet.
    #[must_use]
    pub const fn unknown(part: EnginePart, engine: EngineKind, now: UnixSeconds) -> Self {
        let (checked_at, version, latency_us, error) = (None, None, None, None);
        Self { part, engine, reachable: false, since: now, checked_at, version, latency_us, error }
    }

    /// Records the result of a check: the version, or the reason for the failure.
    pub fn note(&mut self, answer: Result<String, String>, took: Duration, now: UnixSeconds) {
        let reachable = answer.is_ok();
        if self.checked_at.is_none() || self.reachable != reachable {
            self.since = now;
        }
        self.reachable = reachable;
        self.checked_at = Some(now);
        self.latency_us = reachable.then(|| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        match answer {
            Ok(version) => (self.version, self.error) = (Some(version), None),
            Err(why) => self.error = Some(why),
        }
    }
}

tornado_rpc::contract! {
    /// A service's databases.
    trait Engines, client EnginesClient, error Fault, callers ServiceName {
        /// Health of each database, as last measured; does not query a database.
        engines(NoInput) -> Vec<EngineStatus> = GET "/v1/engines", within 2, up to 0, for [Admin];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_changes_only_when_it_comes_or_goes() {
        let mut status = EngineStatus::unknown(EnginePart::Identity, EngineKind::Postgres, 10);
        let took = Duration::from_millis(2);
        status.note(Ok("15.8".into()), took, 20);
        assert_eq!((status.reachable, status.since, status.latency_us), (true, 20, Some(2000)));
        status.note(Ok("15.8".into()), took, 30);
        assert_eq!((status.since, status.checked_at), (20, Some(30)));
        for now in [40, 50] {
            status.note(Err("gone".into()), took, now);
        }
        assert_eq!((status.reachable, status.since, status.checked_at, status.latency_us), (false, 40, Some(50), None));
        assert_eq!(status.version.as_deref(), Some("15.8"), "the last known version");
        status.note(Ok("16.1".into()), took, 60);
        assert_eq!((status.since, status.error.as_deref(), status.version.as_deref()), (60, None, Some("16.1")));
    }

    #[test]
    fn the_json_stays_as_it_is() {
        let mut status = EngineStatus::unknown(EnginePart::Live, EngineKind::Redis, 1);
        status.note(Err("away".into()), Duration::ZERO, 2);
        let json = serde_json::to_string(&status).unwrap();
        let wanted = r#"{"part":"live","engine":"redis","reachable":false,"since":2,"checked_at":2,"version":null,"latency_us":null,"error":"away"}"#;
        assert_eq!(json, wanted);
    }
}
