//! `tornadod logs`: queries, live tail, export and deletion of log lines in service `telemetry`.

pub mod args;
mod print;
mod when;

use super::args::Format;
use super::{Server, show};
use crate::failure::{Failure, Outcome as _};
use crate::output::{bytes, complain, say, table};
use args::{ChartArgs, Filter, Logs, Origin, level_word};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::telemetry::logs::{
    Chart, DeleteLogs, Export, ExportFormat, LevelBucket, LogLine, LogQuery, LogStatus, Logs as _, LogsClient, Order,
    QueryName, RunQuery, SavedQuery, Selection, ServiceBucket, Tail, Top, TopRow,
};
use tornado_log::line::Micros;
use tornado_rpc::NoInput;
use tornado_runtime::clock::wall_clock;

/// Lines of one page.
const PAGE: u32 = 1_000;
/// Time range of charts without one.
const DAY: i64 = 86_400_000_000;

pub(super) async fn run(server: &Server, command: Logs) -> Result<(), Failure> {
    let logs = LogsClient::new(server.channel(ServiceName::Telemetry));
    match command {
        Logs::Query { filter, limit, oldest, json } => query(&logs, filter.selection(), limit, oldest, json).await,
        Logs::Count { filter, json } => {
            let count = logs.count(Acting::root(filter.selection())).await.or_cannot("count lines")?;
            show(json, &count, |count| say(&count.lines.to_string()))
        }
        Logs::Aggregate { chart } => aggregate(&logs, chart).await,
        Logs::Histogram { chart } => histogram(&logs, chart).await,
        Logs::Top { filter, by, limit, json } => {
            let top = Top { select: filter.selection(), by: by.into(), limit };
            let rows = logs.top(Acting::root(top)).await.or_cannot("read the most frequent lines")?;
            let row = |row: &TopRow| [row.lines.to_string(), print::rate(row.errors, row.lines), row.key.clone()];
            show(json, &rows, |rows| table(["LINES", "ERRORS", "KEY"], rows.iter().map(row)))
        }
        Logs::Tail { filter, json } => tail(&logs, &filter, json).await,
        Logs::Export { filter, format, output, limit } => {
            export(&logs, &filter, format.into(), output.as_deref(), limit).await
        }
        Logs::Delete { filter, ids, dry_run } => {
            let ids = (!ids.is_empty()).then_some(ids);
            let input = DeleteLogs { select: filter.selection(), ids, dry_run };
            let count = logs.delete(Acting::root(input)).await.or_cannot("delete lines")?;
            let done = if dry_run { "would be deleted" } else { "were deleted" };
            say(&format!("{} lines {done}", count.lines));
            Ok(())
        }
        Logs::Save { name, text, description } => {
            let query = SavedQuery { name, description, text };
            logs.save_query(Acting::root(query)).await.map(drop).or_cannot("save the query")
        }
        Logs::Saved(Format { json }) => saved(&logs, json).await,
        Logs::Run { name, range, limit, json } => {
            let select = Selection { text: String::new(), from: range.since, until: range.until };
            let page = LogQuery { select, limit, ..LogQuery::default() };
            let page = logs.run_query(Acting::root(RunQuery { name, page })).await.or_cannot("run the query")?;
            page.lines.iter().rev().try_for_each(|line| say_line(line, json))
        }
        Logs::Forget { name } => {
            logs.delete_query(Acting::root(QueryName { name })).await.map(drop).or_cannot("delete the query")
        }
        Logs::Status(Format { json }) => {
            let status = logs.status(NoInput {}).await.or_cannot("read the state of the logs")?;
            show(json, &status, say_status)
        }
    }
}

fn say_line(line: &LogLine, json: bool) -> Result<(), Failure> {
    if !json {
        say(&print::line(line));
        return Ok(());
    }
    say(&serde_json::to_string(line).map_err(|e| Failure::failed(format!("cannot print: {e}")))?);
    Ok(())
}

/// Prints pages until `limit` lines. The newest line is the last one.
async fn query(logs: &LogsClient, select: Selection, limit: u32, oldest: bool, json: bool) -> Result<(), Failure> {
    let order = if oldest { Order::Oldest } else { Order::Newest };
    let (mut lines, mut after, mut left) = (Vec::new(), None, limit);
    while left > 0 {
        let query = LogQuery { select: select.clone(), order, limit: left.min(PAGE), after };
        let page = logs.query(Acting::root(query)).await.or_cannot("query the logs")?;
        left = left.saturating_sub(u32::try_from(page.lines.len()).unwrap_or(u32::MAX));
        lines.extend(page.lines);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    if !oldest {
        lines.reverse();
    }
    lines.iter().try_for_each(|line| say_line(line, json))
}

/// A chart needs a time range: by default the last day.
fn chart_of(args: &ChartArgs) -> Chart {
    let mut select = args.filter.selection();
    let until = *select.until.get_or_insert_with(|| Micros::from(wall_clock()).0);
    select.from.get_or_insert(until - DAY);
    Chart { select, step: args.step.into() }
}

async fn aggregate(logs: &LogsClient, args: ChartArgs) -> Result<(), Failure> {
    let buckets = logs.aggregate(Acting::root(chart_of(&args))).await.or_cannot("count lines")?;
    let row = |bucket: &ServiceBucket| {
        [print::minute(bucket.from), bucket.service.clone(), bucket.lines.to_string(), bucket.errors.to_string()]
    };
    show(args.json, &buckets, |buckets| table(["FROM", "SERVICE", "LINES", "ERRORS"], buckets.iter().map(row)))
}

async fn histogram(logs: &LogsClient, args: ChartArgs) -> Result<(), Failure> {
    let buckets = logs.histogram(Acting::root(chart_of(&args))).await.or_cannot("count lines")?;
    let row = |bucket: &LevelBucket| {
        [print::minute(bucket.from), level_word(bucket.level).to_owned(), bucket.lines.to_string()]
    };
    show(args.json, &buckets, |buckets| table(["FROM", "LEVEL", "LINES"], buckets.iter().map(row)))
}

/// Follows until the service ends.
async fn tail(logs: &LogsClient, filter: &Origin, json: bool) -> Result<(), Failure> {
    let text = filter.query();
    let mut after = None;
    loop {
        let tail = Tail { text: text.clone(), after };
        let page = logs.tail(Acting::root(tail)).await.or_cannot("follow the logs")?;
        if page.missed > 0 {
            complain(&format!("{} lines arrived faster than they were read; they are in the archive", page.missed));
        }
        page.lines.iter().try_for_each(|line| say_line(line, json))?;
        after = Some(page.next);
    }
}

async fn export(
    logs: &LogsClient,
    filter: &Filter,
    format: ExportFormat,
    output: Option<&Path>,
    limit: u64,
) -> Result<(), Failure> {
    let shown = output.map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
    let unwritten = |error: std::io::Error| Failure::failed(format!("cannot write {shown}: {error}"));
    let mut to: Box<dyn std::io::Write> = match output {
        Some(path) => {
            let mut private = std::fs::OpenOptions::new();
            Box::new(private.write(true).create_new(true).mode(0o600).open(path).map_err(unwritten)?)
        }
        None => Box::new(std::io::stdout()),
    };
    let (mut after, mut lines) = (None, 0);
    loop {
        let part = Export { select: filter.selection(), format, after };
        let part = logs.export(Acting::root(part)).await.or_cannot("export lines")?;
        match to.write_all(part.text.as_bytes()) {
            // The reader closed standard output (`| head`).
            Err(error) if output.is_none() && error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            written => written.map_err(unwritten)?,
        }
        lines += part.lines;
        after = part.next;
        if after.is_none() {
            break;
        }
        if lines >= limit {
            complain(&format!("stopped after {lines} lines (--limit); there are more"));
            break;
        }
    }
    to.flush().map_err(unwritten)?;
    if output.is_some() {
        say(&format!("wrote {lines} lines to {shown}"));
    }
    Ok(())
}

async fn saved(logs: &LogsClient, json: bool) -> Result<(), Failure> {
    let queries = logs.saved_queries(Acting::root(NoInput {})).await.or_cannot("list saved queries")?;
    let row = |query: &SavedQuery| [query.name.clone(), query.text.clone(), query.description.clone()];
    show(json, &queries, |queries| table(["NAME", "QUERY", "DESCRIPTION"], queries.iter().map(row)))
}

fn say_status(status: &LogStatus) {
    let newest = status.newest.map_or_else(|| "none since the start".to_owned(), print::time);
    say(&format!("archive: {} days, {}; newest line: {newest}", status.days, bytes(status.bytes)));
    say(&format!("behind: {} in log files are not stored yet", bytes(status.behind)));
    say(&format!(
        "since the start: {} stored, {} read again, {} not in the log format, {} with a time out of range, {} missing, {} \
         deleted, {} failed writes, {} damaged days",
        status.stored,
        status.repeated,
        status.corrupt,
        status.out_of_range,
        status.missing,
        status.deleted,
        status.failed_writes,
        status.damaged_days,
    ));
    for gap in &status.gaps {
        let lines = gap.lines.map_or_else(|| "unknown number of".to_owned(), |lines| lines.to_string());
        say(&format!("gap: {} {}: {lines} lines: {}", print::time(gap.found_at), gap.source, gap.reason));
    }
}
