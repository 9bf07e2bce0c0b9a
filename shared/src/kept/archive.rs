//! Log lines and metrics.

use super::Content::*;
use super::{Purpose, Store, Until, table};

/// The archive of log lines: SQLite, a file for each day.
pub const LOGS: Store = Store {
    name: "logs",
    tables: &[
        table(
            "lines",
            Purpose::Logs,
            Until::Logs,
            &[
                ("id", Time),
                ("level", State),
                ("service", Number),
                ("target", Number),
                ("process", Number),
                ("seq", Number),
                ("request", Identifier),
                ("message", Text),
                ("fields", Text),
            ],
        ),
        table("search", Purpose::Logs, Until::Logs, &[("message", Text), ("fields", Text)]),
        table("names", Purpose::Internal, Until::Logs, &[("id", Number), ("name", Number)]),
        table(
            "cursors",
            Purpose::Internal,
            Until::Logs,
            &[("service", Number), ("generation", Number), ("state", Number)],
        ),
        table(
            "held",
            Purpose::Internal,
            Until::Logs,
            &[
                ("process", Number),
                ("service", Number),
                ("lines", Number),
                ("newest", Number),
                ("bound", Number),
                ("again", Number),
                ("latest", Number),
            ],
        ),
    ],
};

/// The history of metrics: SQLite.
pub const METRICS: Store = Store {
    name: "metrics",
    tables: &[
        table("metrics", Purpose::Metrics, Until::Metrics, &[("id", Number), ("name", Number)]),
        table("seconds", Purpose::Metrics, Until::Metrics, &[("at", Time), ("data", Number)]),
        table("minutes", Purpose::Metrics, Until::Metrics, &[("at", Time), ("data", Number)]),
        table("hours", Purpose::Metrics, Until::Metrics, &[("at", Time), ("data", Number)]),
    ],
};
