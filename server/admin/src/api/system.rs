//! Views of services, keys, the audit trail, logs and metrics.

use super::convert::word;
use tornado_admin_api::types::{
    AuditVerdictView, AuditView, KeyView, KeysView, LogKey, LogLevel, LogStatusView, LogStep, LogView, MetricStep,
    OsServiceView, PointView, SeriesView, ServiceAction, ServiceView, ServicesView,
};
use tornado_contracts::auth::audit::{AuditRow, AuditVerdict};
use tornado_contracts::auth::keys::KeyStatus;
use tornado_contracts::master::{Action, Actual, MasterStatus, ServiceStatus, Wanted};
use tornado_contracts::operator::services::OsService;
use tornado_contracts::telemetry::logs::{self, FieldValue, LogLine, LogStatus};
use tornado_contracts::telemetry::metrics::{Point, Resolution, Series};

pub fn services(status: MasterStatus) -> ServicesView {
    ServicesView {
        version: status.version,
        started_at: status.started_at,
        ready: status.ready,
        services: status.services.into_iter().map(service).collect(),
    }
}

fn service(status: ServiceStatus) -> ServiceView {
    let (state, reason, retry_in_ms) = match status.actual {
        Actual::Stopped => ("stopped", None, None),
        Actual::Waiting { reason } => ("waiting", Some(reason), None),
        Actual::Starting { reason } => ("starting", Some(reason), None),
        Actual::Ready => ("ready", None, None),
        Actual::Degraded { reason } => ("degraded", Some(reason), None),
        Actual::BackingOff { reason, retry_in_ms } => ("backing_off", Some(reason), Some(retry_in_ms)),
        Actual::CrashLoop { reason } => ("crash_loop", Some(reason), None),
        Actual::Stopping => ("stopping", None, None),
    };
    ServiceView {
        name: status.name.to_string(),
        desired: status.wanted == Wanted::Running,
        state: state.to_owned(),
        reason,
        retry_in_ms,
        pid: status.pid,
        started_at: status.started_at,
        restarts: status.restarts,
        memory_bytes: status.memory_bytes,
    }
}

pub fn os_service(unit: OsService) -> OsServiceView {
    OsServiceView {
        unit: unit.unit,
        description: unit.description,
        load_state: unit.load_state,
        active_state: unit.active_state,
        sub_state: unit.sub_state,
        since: unit.since,
        pid: unit.pid,
        restarts: unit.restarts,
        memory_bytes: unit.memory_bytes,
        is_controllable: unit.is_controllable,
    }
}

pub const fn action(action: ServiceAction) -> Action {
    match action {
        ServiceAction::Start => Action::Start,
        ServiceAction::Stop => Action::Stop,
        ServiceAction::Restart => Action::Restart,
    }
}

pub fn keys(status: KeyStatus) -> KeysView {
    let key = |key: tornado_contracts::auth::keys::KeyInfo| KeyView {
        id: key.id,
        usage: word(key.usage),
        phase: word(key.phase),
        created_at: key.created_at,
        active_from: key.active_from,
        gone_at: key.gone_at,
    };
    KeysView {
        now: status.now,
        keys: status.keys.into_iter().map(key).collect(),
        next_rotation: status.next_rotation,
        lead: status.lead,
        rotating: status.rotating,
        tls_spki_sha256: status.tls,
    }
}

pub fn audit_row(row: AuditRow) -> AuditView {
    let AuditRow { seq, at, actor, action, subject, outcome, details, hash } = row;
    AuditView { seq, at, actor, action, subject, outcome, details, hash }
}

pub fn verdict(verdict: AuditVerdict) -> AuditVerdictView {
    let (broken_seq, broken_reason) = verdict.broken.map_or((None, None), |row| (Some(row.seq), Some(row.why)));
    AuditVerdictView { rows: verdict.rows, signed: verdict.signed, broken_seq, broken_reason }
}

pub fn log_line(line: LogLine) -> LogView {
    let text = |value: FieldValue| match value {
        FieldValue::Bool(value) => value.to_string(),
        FieldValue::Int(value) => value.to_string(),
        FieldValue::Real(value) => value.to_string(),
        FieldValue::Text(value) => value,
    };
    LogView {
        id: line.id,
        time: line.time,
        level: level(line.level),
        service: line.service,
        target: line.target,
        message: line.message,
        request_id: line.request_id,
        fields: line.fields.into_iter().map(|(name, value)| (name, text(value))).collect(),
    }
}

pub const fn level(level: logs::LogLevel) -> LogLevel {
    match level {
        logs::LogLevel::Error => LogLevel::Error,
        logs::LogLevel::Warn => LogLevel::Warn,
        logs::LogLevel::Info => LogLevel::Info,
        logs::LogLevel::Debug => LogLevel::Debug,
        logs::LogLevel::Trace => LogLevel::Trace,
    }
}

pub const fn log_step(step: LogStep) -> logs::Step {
    match step {
        LogStep::Minute => logs::Step::Minute,
        LogStep::FiveMinutes => logs::Step::FiveMinutes,
        LogStep::QuarterHour => logs::Step::QuarterHour,
        LogStep::Hour => logs::Step::Hour,
        LogStep::Day => logs::Step::Day,
    }
}

pub const fn log_key(key: LogKey) -> logs::TopKey {
    match key {
        LogKey::Service => logs::TopKey::Service,
        LogKey::Target => logs::TopKey::Target,
        LogKey::Message => logs::TopKey::Message,
    }
}

pub fn log_status(status: LogStatus) -> LogStatusView {
    LogStatusView {
        days: status.days,
        bytes: status.bytes,
        stored: status.stored,
        corrupt: status.corrupt,
        missing: status.missing,
        deleted: status.deleted,
        behind: status.behind,
        newest: status.newest,
    }
}

pub const fn resolution(step: MetricStep) -> Resolution {
    match step {
        MetricStep::Second => Resolution::Second,
        MetricStep::Minute => Resolution::Minute,
        MetricStep::Hour => Resolution::Hour,
    }
}

pub fn series(series: Series) -> SeriesView {
    let point = |Point { at, min, avg, max }| PointView { at, min, avg, max };
    SeriesView {
        name: series.name,
        step: match series.resolution {
            Resolution::Second => MetricStep::Second,
            Resolution::Minute => MetricStep::Minute,
            Resolution::Hour => MetricStep::Hour,
        },
        points: series.points.into_iter().map(point).collect(),
    }
}
