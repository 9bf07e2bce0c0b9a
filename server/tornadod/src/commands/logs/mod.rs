//! `tornadod logs`: queries, live tail, export and deletion of log lines in service `telemetry`.

pub mod args;
mod print;
mod when;

use super::{Server, say_json};
use crate::failure::Failure;
use crate::output::{bytes, complain, say, table};
use args::{ChartArgs, Filter, Logs, Origin, level_word};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::Acting;
use tornado_contracts::telemetry::TelemetryError;
use tornado_contracts::telemetry::logs::{
    Chart, DeleteLogs, Export, ExportFormat, LogLine, LogQuery, LogStatus, Logs as _, LogsClient, Order, QueryName,
    RunQuery, SavedQuery, Selection, Tail, Top,
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
            let count = logs.count(Acting::root(filter.selection())).await.map_err(failed("count lines"))?;
            if json {
                return say_json(&count);
            }
            say(&count.lines.to_string());
            Ok(())
        }
        Logs::Aggregate { chart } => aggregate(&logs, chart).await,
        Logs::Histogram { chart } => histogram(&logs, chart).await,
        Logs::Top { filter, by, limit, json } => {
            let top = Top { select: filter.selection(), by: by.into(), limit };
            let rows = logs.top(Acting::root(top)).await.map_err(failed("read the most frequent lines"))?;
            if json {
                return say_json(&rows);
            }
            let row = |row: &tornado_contracts::telemetry::logs::TopRow| {
                vec![row.lines.to_string(), print::rate(row.errors, row.lines), row.key.clone()]
            };
            show(["LINES", "ERRORS", "KEY"], rows.iter().map(row));
            Ok(())
        }
        Logs::Tail { filter, json } => tail(&logs, &filter, json).await,
        Logs::Export { filter, format, output, limit } => {
            export(&logs, &filter, format.into(), output.as_deref(), limit).await
        }
        Logs::Delete { filter, ids, dry_run } => {
            let ids = (!ids.is_empty()).then_some(ids);
            let input = DeleteLogs { select: filter.selection(), ids, dry_run };
            let count = logs.delete(Acting::root(input)).await.map_err(failed("delete lines"))?;
            let done = if dry_run { "would be deleted" } else { "were deleted" };
            say(&format!("{} lines {done}", count.lines));
            Ok(())
        }
        Logs::Save { name, text, description } => {
            let query = SavedQuery { name, description, text };
            logs.save_query(Acting::root(query)).await.map(drop).map_err(failed("save the query"))
        }
        Logs::Saved { json } => saved(&logs, json).await,
        Logs::Run { name, range, limit, json } => {
            let select = Selection { text: String::new(), from: range.since, until: range.until };
            let page = LogQuery { select, limit, ..LogQuery::default() };
            let page = logs.run_query(Acting::root(RunQuery { name, page })).await.map_err(failed("run the query"))?;
            page.lines.iter().rev().try_for_each(|line| say_line(line, json))
        }
        Logs::Forget { name } => {
            logs.delete_query(Acting::root(QueryName { name })).await.map(drop).map_err(failed("delete the query"))
        }
        Logs::Status { json } => {
            let status = logs.status(NoInput {}).await.map_err(failed("read the state of the logs"))?;
            if json {
                return say_json(&status);
            }
            say_status(&status);
            Ok(())
        }
    }
}

fn failed(doing: &'static str) -> impl Fn(TelemetryError) -> Failure {
    move |error| Failure::of_call(doing, &error)
}

fn show<const N: usize>(heading: [&str; N], rows: impl Iterator<Item = Vec<String>>) {
    let heading = heading.map(String::from).to_vec();
    table(&std::iter::once(heading).chain(rows).collect::<Vec<_>>());
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
        let page = logs.query(Acting::root(query)).await.map_err(failed("query the logs"))?;
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
    let buckets = logs.aggregate(Acting::root(chart_of(&args))).await.map_err(failed("count lines"))?;
    if args.json {
        return say_json(&buckets);
    }
    let row = |bucket: &tornado_contracts::telemetry::logs::ServiceBucket| {
        vec![print::minute(bucket.from), bucket.service.clone(), bucket.lines.to_string(), bucket.errors.to_string()]
    };
    show(["FROM", "SERVICE", "LINES", "ERRORS"], buckets.iter().map(row));
    Ok(())
}

async fn histogram(logs: &LogsClient, args: ChartArgs) -> Result<(), Failure> {
    let buckets = logs.histogram(Acting::root(chart_of(&args))).await.map_err(failed("count lines"))?;
    if args.json {
        return say_json(&buckets);
    }
    let row = |bucket: &tornado_contracts::telemetry::logs::LevelBucket| {
        vec![print::minute(bucket.from), level_word(bucket.level).to_owned(), bucket.lines.to_string()]
    };
    show(["FROM", "LEVEL", "LINES"], buckets.iter().map(row));
    Ok(())
}

/// Follows until the service ends.
async fn tail(logs: &LogsClient, filter: &Origin, json: bool) -> Result<(), Failure> {
    let text = filter.query();
    let mut after = None;
    loop {
        let tail = Tail { text: text.clone(), after };
        let page = logs.tail(Acting::root(tail)).await.map_err(failed("follow the logs"))?;
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
        let part = logs.export(Acting::root(part)).await.map_err(failed("export lines"))?;
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
    let queries = logs.saved_queries(Acting::root(NoInput {})).await.map_err(failed("list saved queries"))?;
    if json {
        return say_json(&queries);
    }
    let row = |query: &SavedQuery| vec![query.name.clone(), query.text.clone(), query.description.clone()];
    show(["NAME", "QUERY", "DESCRIPTION"], queries.iter().map(row));
    Ok(())
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
