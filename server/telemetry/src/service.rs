//! The service: its configuration, and its tasks.

use crate::api::{LogService, MetricService, OperatorAccess};
use crate::counters::Counters;
use crate::ingest::Ingest;
use crate::live::Live;
use crate::metrics::{Collector, Current, History, HostSampler, Sources, sample};
use crate::otlp::{Exported, Exporter, Otlp};
use crate::saved::Saved;
use crate::store::{Archive, Retention};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::{audit::AuditClient, operators::OperatorsClient};
use tornado_contracts::telemetry::{logs, metrics};
use tornado_runtime::clock::wall_clock;
use tornado_runtime::{Context, ContextError, Readiness, Running, TaskError, Tasks};

/// Configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Days for which logs are kept, 1 to 3,650.
    pub retention_days: u32,
    /// Size of the log archive in megabytes, at least 50. Older days are deleted when it is exceeded.
    pub retention_megabytes: u32,
    /// Export to a collector.
    pub otlp: Otlp,
}

impl Default for Config {
    fn default() -> Self {
        Self { retention_days: 30, retention_megabytes: 4_000, otlp: Otlp::default() }
    }
}

/// What the server binary passes on from other tables of the configuration.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// Directory that contains the directory of each service's log files.
    pub log_dir: PathBuf,
}

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value of the configuration is not valid.
    #[error("[telemetry] {0}")]
    Config(&'static str),
    /// The collector of the configuration cannot be used.
    #[error("[telemetry.otlp] {0}")]
    Otlp(String),
    /// A file or directory of the service cannot be used.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The service's own socket failed.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// A task ended early.
    #[error(transparent)]
    Task(#[from] TaskError),
}

impl Config {
    /// Checks the ranges of all values.
    ///
    /// # Errors
    /// [`Error::Config`] for the first value that is not valid.
    pub fn validate(&self) -> Result<(), Error> {
        if !(1..=3650).contains(&self.retention_days) {
            return Err(Error::Config("retention_days must be between 1 and 3650"));
        }
        if self.retention_megabytes < 50 {
            return Err(Error::Config("retention_megabytes must be at least 50"));
        }
        self.otlp.validate().map_err(Error::Config)
    }
}

/// Serves until `context.shutdown`.
///
/// # Errors
/// When the configuration is not valid, a file of the service cannot be used, or a task ends early.
pub fn run(context: Context, config: Config, wiring: Wiring) -> Running<Error> {
    Box::pin(run_unboxed(context, config, wiring))
}

async fn run_unboxed(context: Context, config: Config, wiring: Wiring) -> Result<(), Error> {
    config.validate()?;
    let directory = context.state_dir.join("logs");
    std::fs::create_dir_all(&directory).map_err(|source| Error::File { path: directory.clone(), source })?;
    let saved = context.state_dir.join("saved-queries.json");
    let saved = Saved::open(&saved).map_err(|source| Error::File { path: saved, source })?;
    let retention =
        Retention { days: config.retention_days.into(), bytes: u64::from(config.retention_megabytes) * 1_000_000 };
    let (archive, live, counters) = (Arc::new(Archive::new(&directory)), Arc::default(), Arc::default());
    let (history, current) = (Arc::new(History::new(&context.state_dir.join("metrics.db"))), Arc::default());
    let auth = context.channel(ServiceName::Auth);
    let access =
        Arc::new(OperatorAccess::new(Arc::new(OperatorsClient::new(auth.clone())), Arc::new(AuditClient::new(auth))));
    let (live, counters, current): (Arc<Live>, Arc<Counters>, Arc<Current>) = (live, counters, current);
    counters.publish(&context.metrics);
    let exported = Exported::default();
    exported.publish(&context.metrics);
    let exporter = Exporter::new(&config.otlp, live.clone(), current.clone(), exported).map_err(Error::Otlp)?;
    let of_logs = LogService::new(archive.clone(), live.clone(), counters.clone(), saved, access.clone(), wall_clock);
    let of_metrics = MetricService::new(history.clone(), current.clone(), access, wall_clock);
    let router = logs::router(Arc::new(of_logs)).merge(metrics::router(Arc::new(of_metrics)));
    let (ready, readiness) = Readiness::new("starting");
    let socket = context.server(router, readiness)?;
    let mut tasks = Tasks::new(&context.shutdown);
    let stop = tasks.stop().clone();
    let directories = vec![("state", context.state_dir.clone()), ("logs", wiring.log_dir.clone())];
    let sources = Sources { host: HostSampler::new(directories), services: Collector::new(&context) };
    let ingest = Ingest::new(wiring.log_dir, archive, live, counters, retention);
    tasks.spawn("ingest", ingest.run(wall_clock, stop.clone()));
    tasks.spawn("metrics", sample(sources, history, current, wall_clock, stop.clone()));
    if let Some(exporter) = exporter {
        tasks.spawn("otlp", exporter.run(stop.clone()));
    }
    tasks.spawn("socket", socket.serve(stop));
    ready.ready();
    Ok(tasks.run().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_values_are_rejected() {
        assert!(Config::default().validate().is_ok());
        let wrong = [
            Config { retention_days: 0, ..Config::default() },
            Config { retention_days: 4000, ..Config::default() },
            Config { retention_megabytes: 1, ..Config::default() },
        ];
        assert!(wrong.iter().all(|config| config.validate().is_err()));
    }
}
