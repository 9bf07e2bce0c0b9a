//! Logs, metrics and backups in parts, for responses that are streams.

use super::signed::{Signed, answer, selection};
use super::{problem, system};
use std::collections::BTreeMap;
use tornado_admin_api::AdminResult;
use tornado_admin_api::types::{ExportQuery, LogFormat, SamplesView, TailedLines};
use tornado_contracts::operator::services::{CreateBackup, CreatedBackup, ReadBackup};
use tornado_contracts::telemetry::logs::{Export, ExportFormat, ExportPart, Tail};
use tornado_contracts::telemetry::metrics::{LiveMetrics, Samples};
use tornado_shared::model::Secret;
use uuid::Uuid;

impl Signed {
    /// Waits for log lines that match. Returns them with the position of the next call.
    ///
    /// # Errors
    /// The operator may not read logs, the query is invalid, or `telemetry` does not respond.
    pub async fn tail_logs(&self, text: &str, after: Option<u64>) -> AdminResult<(TailedLines, u64)> {
        let what = Tail { text: text.to_owned(), after };
        let page = self.services().logs.tail(self.acting(what)).await.map_err(|error| problem(&error))?;
        let lines = page.lines.into_iter().map(system::log_line).collect();
        Ok((TailedLines { lines, missed: page.missed }, page.next))
    }

    /// One part of an export.
    ///
    /// # Errors
    /// As [`tail_logs`](Self::tail_logs).
    pub async fn export_logs(&self, input: &ExportQuery, after: Option<String>) -> AdminResult<ExportPart> {
        let select = selection(input.text.clone(), input.from, input.until);
        let format = match input.format {
            LogFormat::Jsonl => ExportFormat::Jsonl,
            LogFormat::Csv => ExportFormat::Csv,
        };
        answer(self.services().logs.export(self.acting(Export { select, format, after })).await, |part| part)
    }

    /// Records an export in the audit trail.
    ///
    /// # Errors
    /// The trail cannot be written.
    pub async fn record_export(&self, input: &ExportQuery) -> AdminResult<()> {
        self.record("logs.exported", "logs".into(), in_format(input.format)).await
    }

    /// Records an export of the audit trail in it.
    ///
    /// # Errors
    /// The trail cannot be written.
    pub async fn record_audit_export(&self, format: LogFormat) -> AdminResult<()> {
        self.record("audit.exported", "audit".into(), in_format(format)).await
    }

    /// Waits for metrics newer than `after`, at most 5 seconds.
    ///
    /// # Errors
    /// The operator may not read metrics, or `telemetry` does not respond.
    pub async fn next_samples(&self, after: Option<i64>) -> AdminResult<SamplesView> {
        let samples = self.services().metrics.live(self.acting(LiveMetrics { after })).await;
        answer(samples, |Samples { at, values }| SamplesView { at, values })
    }

    /// Creates a backup that can be read in parts.
    ///
    /// # Errors
    /// The operator may not do this or has to confirm the password, or the backup failed.
    pub async fn create_backup(&self, passphrase: Secret) -> AdminResult<CreatedBackup> {
        let what = self.acting(CreateBackup { passphrase });
        answer(self.services().operator_services.create_backup(what).await, |created| created)
    }

    /// A part of a backup, Base64; empty at the end.
    ///
    /// # Errors
    /// The backup is no longer available, or `master` does not respond.
    pub async fn read_backup(&self, id: Uuid, offset: u64) -> AdminResult<String> {
        let what = self.acting(ReadBackup { id, offset });
        answer(self.services().operator_services.read_backup(what).await, |part| part.data)
    }
}

/// The format of a file as a detail of its row in the audit trail.
fn in_format(format: LogFormat) -> BTreeMap<String, String> {
    let format = match format {
        LogFormat::Jsonl => "jsonl",
        LogFormat::Csv => "csv",
    };
    BTreeMap::from([("format".to_owned(), format.to_owned())])
}
