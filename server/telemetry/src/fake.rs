//! Lines for tests.

use tornado_log::line::{Level, Line, Micros, ProcessId};

/// 2026-11-27T12:00:00Z.
pub const NOON: i64 = 1_795_780_800_000_000;

/// A line of service `wg`, one millisecond after the line with the number before.
pub fn line(process: u64, seq: u64) -> Line {
    Line {
        time: Micros(NOON + i64::try_from(seq).unwrap_or_default() * 1000),
        level: Level::Info,
        service: "wg".into(),
        target: "tornado_wg::peers".into(),
        message: format!("peer {seq} was added"),
        request_id: None,
        process: ProcessId(process),
        seq,
        fields: [].into(),
    }
}
