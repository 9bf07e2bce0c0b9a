//! Logs and metrics.

use crate::api::parse::{metric_names, page_size};
use crate::api::signed::{Signed, answer, done, list, selection};
use crate::api::{problem, system};
use std::collections::BTreeMap;
use tornado_admin_api::AdminResult;
use tornado_admin_api::types::*;
use tornado_contracts::telemetry::logs::{self, LogQuery, QueryName, Top};
use tornado_contracts::telemetry::metrics::MetricRange;
use tornado_rpc::NoInput as Nothing;

pub async fn query_logs(signed: &Signed, input: LogsQuery) -> AdminResult<List<LogView>> {
    let query = LogQuery {
        select: selection(input.text, input.from, input.until),
        order: if input.oldest_first { logs::Order::Oldest } else { logs::Order::Newest },
        limit: page_size("limit", input.limit, 100, 1000)?,
        after: input.cursor,
    };
    let page = signed.services().logs.query(signed.acting(query)).await.map_err(|error| problem(&error))?;
    Ok(List { next: page.next, ..list(page.lines, system::log_line) })
}

pub async fn count_logs(signed: &Signed, input: LogSelection) -> AdminResult<LogCount> {
    let what = selection(input.text, input.from, input.until);
    answer(signed.services().logs.count(signed.acting(what)).await, |count| LogCount { lines: count.lines })
}

pub async fn chart_logs(signed: &Signed, input: LogChart) -> AdminResult<List<LevelCount>> {
    let select = selection(input.text, Some(input.from), Some(input.until));
    let what = logs::Chart { select, step: system::log_step(input.step) };
    let count = |bucket: logs::LevelBucket| LevelCount {
        from: bucket.from,
        level: system::level(bucket.level),
        lines: bucket.lines,
    };
    answer(signed.services().logs.histogram(signed.acting(what)).await, |rows| list(rows, count))
}

pub async fn top_logs(signed: &Signed, input: LogTop) -> AdminResult<List<TopView>> {
    let limit = page_size("limit", input.limit, 10, 100)?;
    let select = selection(input.text, input.from, input.until);
    let what = Top { select, by: system::log_key(input.by), limit };
    let top = |row: logs::TopRow| TopView { key: row.key, lines: row.lines, errors: row.errors };
    answer(signed.services().logs.top(signed.acting(what)).await, |rows| list(rows, top))
}

pub async fn list_saved_queries(signed: &Signed, _: NoInput) -> AdminResult<List<SavedQuery>> {
    let saved =
        |query: logs::SavedQuery| SavedQuery { name: query.name, description: query.description, text: query.text };
    answer(signed.services().logs.saved_queries(signed.nothing()).await, |rows| list(rows, saved))
}

pub async fn save_query(signed: &Signed, input: SavedQuery) -> AdminResult<Done> {
    signed.check("logs.save").await?;
    let details = named("name", &input.name);
    let what = logs::SavedQuery { name: input.name, description: input.description, text: input.text };
    let save = async { answer(signed.services().logs.save_query(signed.acting(what)).await, done) };
    signed.recorded("logs.query_saved", "logs", details, save).await
}

pub async fn delete_query(signed: &Signed, input: ByName) -> AdminResult<Done> {
    signed.check("logs.save").await?;
    let details = named("name", &input.name);
    let what = QueryName { name: input.name };
    let delete = async { answer(signed.services().logs.delete_query(signed.acting(what)).await, done) };
    signed.recorded("logs.query_deleted", "logs", details, delete).await
}

pub async fn delete_logs(signed: &Signed, input: DeleteLogs) -> AdminResult<LogCount> {
    let select = selection(input.text, input.from, input.until);
    let what = logs::DeleteLogs { select, ids: input.ids, dry_run: input.dry_run };
    answer(signed.services().logs.delete(signed.acting(what)).await, |count| LogCount { lines: count.lines })
}

pub async fn show_log_status(signed: &Signed, _: NoInput) -> AdminResult<LogStatusView> {
    signed.check("logs.read").await?;
    answer(signed.services().logs.status(Nothing {}).await, system::log_status)
}

pub async fn list_metrics(signed: &Signed, _: NoInput) -> AdminResult<List<String>> {
    answer(signed.services().metrics.names(signed.nothing()).await, List::whole)
}

pub async fn read_metrics(signed: &Signed, input: MetricsQuery) -> AdminResult<List<SeriesView>> {
    let names = metric_names(&input.names);
    let resolution = input.step.map(system::resolution);
    let what = MetricRange { names, from: input.from, until: input.until, resolution };
    answer(signed.services().metrics.range(signed.acting(what)).await, |rows| list(rows, system::series))
}

/// One detail of a row of the audit trail.
fn named(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}
