//! Conversions between the contract's types and ours. Pure.

use crate::query::{Expr, QueryError, parse};
use crate::store::{ArchiveError, LineId, Selected};
use tornado_contracts::telemetry::TelemetryError;
use tornado_contracts::telemetry::logs::{FieldValue, LogLevel, LogLine, Selection};
use tornado_log::line::{Level, Line, Micros, Value};
use tornado_rpc::Fault;

/// The selected lines.
pub(super) fn selected(select: &Selection) -> Result<Selected, TelemetryError> {
    let from = Micros(select.from.unwrap_or(0).max(0));
    let until = Micros(select.until.unwrap_or(i64::MAX));
    if from >= until {
        return Err(TelemetryError::InvalidFields("the time range is empty: 'from' must be before 'until'".into()));
    }
    Ok(Selected { expr: expr(&select.text)?, from, until })
}

pub(super) fn expr(text: &str) -> Result<Expr, TelemetryError> {
    parse(text).map_err(|QueryError { at, reason }| TelemetryError::Query { at, reason })
}

pub(super) fn id(text: &str) -> Result<LineId, TelemetryError> {
    text.parse()
        .map_err(|()| TelemetryError::InvalidFields(format!("'{}' is not the id of a line", text.escape_debug())))
}

pub(super) fn limit(limit: u32, max: u32) -> Result<u32, TelemetryError> {
    if (1..=max).contains(&limit) {
        return Ok(limit);
    }
    Err(TelemetryError::InvalidFields(format!("'limit' must be between 1 and {max}")))
}

pub(super) const fn level(level: Level) -> LogLevel {
    match level {
        Level::Error => LogLevel::Error,
        Level::Warn => LogLevel::Warn,
        Level::Info => LogLevel::Info,
        Level::Debug => LogLevel::Debug,
        Level::Trace => LogLevel::Trace,
    }
}

pub(super) fn line(id: Option<LineId>, line: Line) -> LogLine {
    let value = |value| match value {
        Value::Text(text) => FieldValue::Text(text),
        Value::Int(number) => FieldValue::Int(number),
        Value::Real(number) => FieldValue::Real(number),
        Value::Bool(flag) => FieldValue::Bool(flag),
    };
    LogLine {
        id: id.map(|id| id.to_string()),
        time: line.time.0,
        level: level(line.level),
        service: line.service,
        target: line.target,
        message: line.message,
        request_id: line.request_id,
        process: line.process.to_string(),
        seq: line.seq,
        fields: line.fields.into_iter().map(|(name, of_field)| (name, value(of_field))).collect(),
    }
}

pub(super) fn error(error: &ArchiveError) -> TelemetryError {
    match error {
        ArchiveError::Deadline => TelemetryError::Deadline,
        ArchiveError::Damaged { .. } | ArchiveError::Sql(_) | ArchiveError::File { .. } => {
            tracing::warn!(%error, "cannot read logs");
            TelemetryError::Fault(Fault::StoreUnavailable("the log archive cannot be read; see the log".into()))
        }
    }
}
