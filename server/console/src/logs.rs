//! Log lines.

use crate::bounded::Bounded;
use crate::caller::fault;
use tornado_admin_api::AdminApi as _;
use tornado_admin_api::types::{
    LevelCount, LogChart, LogKey, LogLevel, LogSelection, LogStep, LogTop, LogView, LogsQuery, NoInput,
};
use tornado_admin_ui::model::Fault;
use tornado_admin_ui::model::logs::{Deletion, Interval, Level, Line, Logs, Query, Range, SavedQuery, Selection};

/// Lines of a page.
const LINES: u32 = 100;
/// Microseconds of a second: the unit of times in the archive.
const MICROS: i64 = 1_000_000;

const fn level(level: LogLevel) -> Level {
    match level {
        LogLevel::Error => Level::Error,
        LogLevel::Warn => Level::Warn,
        LogLevel::Info => Level::Info,
        LogLevel::Debug => Level::Debug,
        LogLevel::Trace => Level::Trace,
    }
}

/// Intervals of a range and their length in seconds.
const fn step(range: Range) -> (LogStep, i64) {
    match range {
        Range::Quarter | Range::Hour => (LogStep::Minute, 60),
        Range::Day => (LogStep::QuarterHour, 900),
        Range::Week => (LogStep::Hour, 3600),
    }
}

fn line(view: LogView) -> Line {
    let request = view.request_id.map(|id| ("request".to_owned(), id));
    Line {
        at: view.time.div_euclid(MICROS),
        level: level(view.level),
        service: view.service,
        message: view.message,
        fields: view.fields.into_iter().chain(request).collect(),
    }
}

fn histogram(counts: &[LevelCount], from: i64, until: i64, length: i64) -> Vec<Interval> {
    let start = from.div_euclid(length);
    let count = usize::try_from((until - 1).div_euclid(length) - start + 1).unwrap_or(0);
    let mut intervals = vec![Interval::default(); count];
    for one in counts {
        let index = one.from.div_euclid(MICROS).div_euclid(length) - start;
        let Some(interval) = usize::try_from(index).ok().and_then(|index| intervals.get_mut(index)) else { continue };
        match one.level {
            LogLevel::Error => interval.error += one.lines,
            LogLevel::Warn => interval.warn += one.lines,
            LogLevel::Info | LogLevel::Debug | LogLevel::Trace => interval.info += one.lines,
        }
    }
    intervals
}

/// The lines of a query. A query that cannot be parsed returns no lines and the reason. A search in a large archive may
/// take longer than a page: `telemetry` stops it at its own deadline. Saved queries are in a file, so their reading
/// shows first whether `telemetry` responds.
///
/// # Errors
///
/// The sign-in does not allow it, or `telemetry` does not respond.
pub async fn read(page: &Bounded, query: Query, now: i64) -> Result<Logs, Fault> {
    let saved = page.list_saved_queries(NoInput {}).await.map_err(|error| fault(&error, "telemetry"))?;
    let api = page.unbounded();
    // The newest second is complete when it is over.
    let until = now + 1;
    let from = until - query.range.seconds();
    let (width, length) = step(query.range);
    let lines = LogsQuery {
        text: query.text.clone(),
        from: Some(from * MICROS),
        until: Some(until * MICROS),
        oldest_first: false,
        cursor: query.cursor,
        limit: Some(LINES),
    };
    let chart = LogChart { text: query.text.clone(), from: from * MICROS, until: until * MICROS, step: width };
    let top = LogTop {
        text: query.text,
        from: Some(from * MICROS),
        until: Some(until * MICROS),
        by: LogKey::Service,
        limit: Some(12),
    };
    let (lines, chart, top) = futures::join!(api.query_logs(lines), api.chart_logs(chart), api.top_logs(top));
    let (lines, next, problem) = match lines {
        Ok(list) => (list.items.into_iter().map(line).collect(), list.next, None),
        Err(error) if error.status() == 400 || error.status() == 422 => (Vec::new(), None, Some(error.to_string())),
        Err(error) => return Err(fault(&error, "telemetry")),
    };
    Ok(Logs {
        lines,
        histogram: histogram(&chart.map(|list| list.items).unwrap_or_default(), from, until, length),
        by_service: top
            .map(|list| list.items.into_iter().map(|row| (row.key, row.lines)).collect())
            .unwrap_or_default(),
        saved: saved.items.into_iter().map(|one| SavedQuery { name: one.name, text: one.text }).collect(),
        problem,
        next,
        as_of: now,
    })
}

/// What a deletion of log lines would delete.
///
/// # Errors
///
/// The sign-in does not allow it, the query cannot be parsed, or `telemetry` does not respond.
pub async fn deletion(page: &Bounded, selection: Selection, now: i64) -> Result<Deletion, Fault> {
    // The newest second is complete when it is over.
    let until = now + 1;
    let from = until - selection.range.seconds();
    // As above: whether `telemetry` responds.
    page.list_saved_queries(NoInput {}).await.map_err(|error| fault(&error, "telemetry"))?;
    let what = LogSelection { text: selection.text, from: Some(from * MICROS), until: Some(until * MICROS) };
    let count = page.unbounded().count_logs(what).await.map_err(|error| fault(&error, "telemetry"))?;
    Ok(Deletion { lines: count.lines, from, until })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_in_their_interval() {
        let of = |from: i64, level, lines| LevelCount { from: from * MICROS, level, lines };
        let counts = [of(3600, LogLevel::Info, 5), of(3600, LogLevel::Debug, 2), of(3660, LogLevel::Error, 1)];
        let intervals = histogram(&counts, 3600, 3720, 60);
        assert_eq!(intervals.len(), 2);
        assert_eq!(intervals[0], Interval { info: 7, warn: 0, error: 0 });
        assert_eq!(intervals[1].error, 1);
    }
}
