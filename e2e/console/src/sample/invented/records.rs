//! What the server keeps: log lines, keys, the audit trail.

use super::{NOW, page};
use tornado_admin_ui::model::Condition;
use tornado_admin_ui::model::audit::{self, Audit};
use tornado_admin_ui::model::keys::{Key, Keys, Phase, Usage};
use tornado_admin_ui::model::logs::{self, Interval, Level, Line, Logs, SavedQuery};

/// Log lines; a query with a parenthesis has a problem.
pub fn logs(query: logs::Query) -> Logs {
    let line = |ago, level, service: &str, message: &str| Line {
        at: NOW - ago,
        level,
        service: service.into(),
        message: message.into(),
        fields: vec![("peer".into(), "12".into())],
    };
    Logs {
        lines: vec![
            line(2, Level::Info, "session", "device connected"),
            line(9, Level::Warn, "dns", "upstream did not respond"),
            line(40, Level::Error, "telemetry", "cannot write the segment"),
            line(41, Level::Debug, "wg", "handshake"),
        ],
        histogram: (0..60)
            .map(|minute| Interval { info: 20 + minute % 7, warn: minute % 5, error: u64::from(minute == 41) })
            .collect(),
        by_service: vec![("session".into(), 4120), ("dns".into(), 610)],
        saved: vec![SavedQuery { name: "Warnings of dns".into(), text: "level>=warn service:dns".into() }],
        problem: query.text.filter(|text| text.contains('(')).map(|_| "a parenthesis is not closed".into()),
        next: Some("next".into()),
        as_of: NOW,
    }
}

/// Keys in all phases.
pub fn keys() -> Keys {
    let key = |id: &str, usage, phase| Key {
        id: id.into(),
        usage,
        phase,
        created_at: NOW - 30_000,
        active_from: NOW - 29_880,
        gone_at: (phase != Phase::Next).then_some(NOW + 60_000),
    };
    Keys {
        keys: vec![
            key("a-0193-7f", Usage::Access, Phase::Next),
            key("a-0193-7e", Usage::Access, Phase::Current),
            key("r-0193-7e", Usage::Refresh, Phase::Current),
            key("r-0193-6c", Usage::Refresh, Phase::VerifyOnly),
            key("l2-0193-02", Usage::LoginV2, Phase::Current),
            key("l1-0193-02", Usage::LoginV1, Phase::Current),
        ],
        next_rotation: Some(NOW + 55_800),
        is_rotating: false,
        tls: Some("a81e04f77c12e6b390ff000000000000000000000000000000000000000000ff".into()),
        as_of: NOW,
    }
}

/// The entries that a query selects.
pub fn audit(query: audit::Query) -> Audit {
    let entry = |number, outcome, action: &str| audit::Entry {
        number,
        at: NOW - 600 * number as i64,
        actor: "operator:ops-amelia".into(),
        action: action.into(),
        target: "demo-heron".into(),
        outcome,
        details: vec![("reason".into(), "invented".into())],
    };
    let text = query.text.clone().unwrap_or_default();
    let rows = [
        entry(3, Condition::Good, "user.suspend"),
        entry(2, Condition::Shut, "operator.remove"),
        entry(1, Condition::Broken, "key.rotate"),
    ];
    let is_wanted = |entry: &audit::Entry| {
        entry.action.contains(&text) && query.actor.as_ref().is_none_or(|actor| *actor == entry.actor)
    };
    let rows = rows.into_iter().filter(is_wanted).collect();
    Audit { page: page(rows, 3) }
}
