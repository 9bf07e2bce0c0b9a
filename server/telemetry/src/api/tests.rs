//! Tests of the contract, with a real archive.

use super::logs::DEADLINE;
use super::{Access, LogService, Right};
use crate::counters::Counters;
use crate::fake::{NOON, line};
use crate::live::Live;
use crate::saved::Saved;
use crate::store::Archive;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::Arc;
use tornado_contracts::auth::Acting;
use tornado_contracts::telemetry::TelemetryError;
use tornado_contracts::telemetry::logs::{
    Chart, Count, DeleteLogs, Export, ExportFormat, LogQuery, Logs as _, Order, QueryName, RunQuery, SavedQuery,
    Selection, Step, Tail, Top, TopKey,
};
use tornado_log::line::{DAY, Level, Line, Micros};
use tornado_rpc::{Done, NoInput, ServiceError as _};
use tornado_shared::model::Secret;

/// Root may do everything, an operator may read; deletions are kept.
#[derive(Default)]
struct Fake(Mutex<Vec<(String, u64)>>);

#[async_trait]
impl Access for Fake {
    async fn check(&self, operator: Option<&Secret>, right: Right) -> Result<(), TelemetryError> {
        if operator.is_some() && right == Right::Delete { Err(TelemetryError::NotAllowed) } else { Ok(()) }
    }

    async fn record_deletion(&self, _: Option<Secret>, query: &str, lines: u64) -> Result<(), TelemetryError> {
        self.0.lock().push((query.to_owned(), lines));
        Ok(())
    }
}

struct World {
    dir: tempfile::TempDir,
    live: Arc<Live>,
    access: Arc<Fake>,
    service: LogService,
}

impl World {
    async fn new(lines: impl IntoIterator<Item = Line>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let archive = Arc::new(Archive::new(dir.path()));
        archive.store(lines.into_iter().collect(), &[], NOON / DAY).await.unwrap();
        let (live, access) = (Arc::new(Live::default()), Arc::new(Fake::default()));
        let saved = Saved::open(&dir.path().join("saved-queries.json")).unwrap();
        let service = LogService::new(
            archive,
            live.clone(),
            Arc::new(Counters::default()),
            saved,
            access.clone(),
            tornado_runtime::clock::wall_clock,
        );
        Self { dir, live, access, service }
    }

    async fn count(&self, text: &str) -> u64 {
        self.service.count(Acting::root(select(text))).await.unwrap().lines
    }
}

fn select(text: &str) -> Selection {
    Selection { text: text.into(), ..Selection::default() }
}

fn query(text: &str, limit: u32) -> LogQuery {
    LogQuery { select: select(text), limit, ..LogQuery::default() }
}

fn lines(count: u64) -> impl Iterator<Item = Line> {
    (1..=count).map(|seq| {
        let level = if seq % 10 == 0 { Level::Error } else { Level::Info };
        Line { level, ..line(1, seq) }
    })
}

#[tokio::test]
async fn a_page_leads_to_the_next() {
    let world = World::new(lines(25)).await;
    let (mut seqs, mut input) = (Vec::new(), query("peer", 10));
    loop {
        let page = world.service.query(Acting::root(input.clone())).await.unwrap();
        seqs.extend(page.lines.iter().map(|line| line.seq));
        match page.next {
            Some(next) => input.after = Some(next),
            None => break,
        }
    }
    assert_eq!(seqs, (1..=25).rev().collect::<Vec<_>>());
    let oldest = LogQuery { order: Order::Oldest, ..query("", 1) };
    assert_eq!(world.service.query(Acting::root(oldest)).await.unwrap().lines[0].message, "peer 1 was added");
}

#[tokio::test]
async fn wrong_input_is_rejected_with_a_reason() {
    let world = World::new(lines(3)).await;
    let cursor = |after: &str| LogQuery { after: Some(after.into()), ..query("", 10) };
    let range =
        LogQuery { select: Selection { from: Some(5), until: Some(5), ..Selection::default() }, ..query("", 10) };
    for (input, status, code) in [
        (query("a AND", 10), 400, "invalid_query"),
        (query("", 0), 400, "invalid_fields"),
        (query("", 1001), 400, "invalid_fields"),
        (cursor("1"), 400, "invalid_fields"),
        (cursor("1--2"), 400, "invalid_fields"),
        (cursor("99999999-1"), 400, "invalid_fields"),
        (range, 400, "invalid_fields"),
    ] {
        let error = world.service.query(Acting::root(input.clone())).await.unwrap_err();
        assert_eq!((error.status(), error.code()), (status, code), "{input:?}");
    }
    let chart =
        Chart { select: Selection { from: Some(0), until: Some(NOON), ..Selection::default() }, step: Step::Minute };
    assert_eq!(world.service.aggregate(Acting::root(chart)).await.unwrap_err().code(), "invalid_fields");
}

#[tokio::test]
async fn charts_and_top_lists_count_lines_and_errors() {
    let world = World::new(lines(25)).await;
    let chart =
        Chart { select: Selection { from: Some(NOON), until: Some(NOON + DAY / 2), ..select("") }, step: Step::Minute };
    let by_service = world.service.aggregate(Acting::root(chart.clone())).await.unwrap();
    assert_eq!(by_service.len(), 1);
    assert_eq!((by_service[0].from, by_service[0].lines, by_service[0].errors), (NOON, 25, 2));
    let by_level = world.service.histogram(Acting::root(chart)).await.unwrap();
    assert_eq!(by_level.iter().map(|bucket| bucket.lines).collect::<Vec<_>>(), [2, 23]);
    let top = Top { select: select("level:error"), by: TopKey::Target, limit: 5 };
    let top = world.service.top(Acting::root(top)).await.unwrap();
    assert_eq!((top[0].key.as_str(), top[0].lines, top[0].errors), ("tornado_wg::peers", 2, 2));
}

#[tokio::test]
async fn a_saved_query_is_run_by_its_name() {
    let world = World::new(lines(25)).await;
    let saved = SavedQuery { name: "errors".into(), description: "all".into(), text: "level:error".into() };
    assert_eq!(world.service.save_query(Acting::root(saved.clone())).await, Ok(Done {}));
    assert_eq!(world.service.saved_queries(Acting::root(NoInput {})).await, Ok(vec![saved.clone()]));
    let run = |name: &str| RunQuery { name: name.into(), page: query("ignored", 10) };
    assert_eq!(world.service.run_query(Acting::root(run("errors"))).await.unwrap().lines.len(), 2);
    assert_eq!(world.service.run_query(Acting::root(run("none"))).await.unwrap_err().status(), 404);
    let wrong = SavedQuery { text: "(".into(), ..saved };
    assert_eq!(world.service.save_query(Acting::root(wrong)).await.unwrap_err().code(), "invalid_query");
    let name = QueryName { name: "errors".into() };
    assert_eq!(world.service.delete_query(Acting::root(name.clone())).await, Ok(Done {}));
    assert_eq!(world.service.delete_query(Acting::root(name)).await.unwrap_err().status(), 404);
}

#[tokio::test]
async fn an_export_is_complete_and_in_order() {
    let world = World::new(lines(2500)).await;
    let mut input = Export { select: select(""), format: ExportFormat::Csv, after: None };
    let (mut text, mut parts) = (String::new(), Vec::new());
    loop {
        let part = world.service.export(Acting::root(input.clone())).await.unwrap();
        text.push_str(&part.text);
        parts.push(part.lines);
        match part.next {
            Some(next) => input.after = Some(next),
            None => break,
        }
    }
    assert_eq!((parts, text.lines().count()), (vec![1000, 1000, 500], 2501));
    assert_eq!(text.matches("time,level").count(), 1);
}

#[tokio::test]
async fn a_deletion_is_counted_first_and_recorded() {
    let world = World::new(lines(25)).await;
    let errors = |dry_run| DeleteLogs { select: select("level:error"), dry_run, ..DeleteLogs::default() };
    assert_eq!(world.service.delete(Acting::root(errors(true))).await, Ok(Count { lines: 2 }));
    assert_eq!((world.count("").await, world.access.0.lock().len()), (25, 0));
    let operator = Acting::operator(Secret::new("token"), errors(false));
    assert_eq!(world.service.delete(operator).await, Err(TelemetryError::NotAllowed));
    assert_eq!(world.service.delete(Acting::root(errors(false))).await, Ok(Count { lines: 2 }));
    assert_eq!((world.count("").await, world.count("level:error").await), (23, 0));
    assert_eq!(*world.access.0.lock(), [("level:error".to_owned(), 2)]);
    assert_eq!(world.service.status(NoInput {}).await.unwrap().deleted, 2);
}

/// An empty filter, or one that cannot be parsed, once deleted everything.
#[tokio::test]
async fn a_deletion_without_an_effective_filter_is_rejected() {
    let world = World::new(lines(5)).await;
    let ids = |ids: &[&str]| DeleteLogs {
        ids: Some(ids.iter().map(|id| (*id).to_owned()).collect()),
        ..DeleteLogs::default()
    };
    let spaces = DeleteLogs { select: select("  "), ..DeleteLogs::default() };
    for input in [DeleteLogs::default(), spaces, ids(&[""]), ids(&[]), ids(&["1"]), ids(&["x' OR 1"])] {
        let error = world.service.delete(Acting::root(input.clone())).await.unwrap_err();
        assert_eq!(error.code(), "invalid_fields", "{input:?}");
    }
    assert_eq!(world.count("").await, 5);
    let page = world.service.query(Acting::root(query("\"peer 3\"", 10))).await.unwrap();
    let id = page.lines[0].id.clone().unwrap();
    assert_eq!(world.service.delete(Acting::root(ids(&[&id]))).await, Ok(Count { lines: 1 }));
    assert_eq!(world.count("").await, 4);
}

#[tokio::test(start_paused = true)]
async fn a_live_tail_returns_new_lines_and_then_nothing() {
    let world = World::new([]).await;
    world.live.push(lines(20));
    let tail = |after| Tail { text: "level:error".into(), after };
    let page = world.service.tail(Acting::root(tail(Some(0)))).await.unwrap();
    assert_eq!(page.lines.iter().map(|line| line.seq).collect::<Vec<_>>(), [10, 20]);
    let page = world.service.tail(Acting::root(tail(Some(page.next)))).await.unwrap();
    assert_eq!((page.lines.len(), page.next, page.missed), (0, 20, 0));
    assert_eq!(world.service.tail(Acting::root(tail(None))).await.unwrap().next, 20);
}

/// Number of the method that writes a file.
const SAVE: usize = 7;

impl World {
    /// The result of one of the methods that take a query, within their deadline.
    async fn ask(&self, method: usize, text: &str) -> Result<(), TelemetryError> {
        let chart = || Chart {
            select: Selection { from: Some(NOON), until: Some(NOON + DAY / 2), ..select(text) },
            step: Step::Hour,
        };
        let work = async {
            match method {
                0 => self.service.query(Acting::root(query(text, 10))).await.map(drop),
                1 => self.service.count(Acting::root(select(text))).await.map(drop),
                2 => self.service.aggregate(Acting::root(chart())).await.map(drop),
                3 => self.service.histogram(Acting::root(chart())).await.map(drop),
                4 => {
                    let top = Top { select: select(text), by: TopKey::Message, limit: 5 };
                    self.service.top(Acting::root(top)).await.map(drop)
                }
                5 => {
                    let export = Export { select: select(text), format: ExportFormat::Jsonl, after: None };
                    self.service.export(Acting::root(export)).await.map(drop)
                }
                6 => {
                    let delete = DeleteLogs { select: select(text), dry_run: true, ..DeleteLogs::default() };
                    self.service.delete(Acting::root(delete)).await.map(drop)
                }
                _ => {
                    let saved = SavedQuery { name: "x".into(), description: String::new(), text: text.into() };
                    self.service.save_query(Acting::root(saved)).await.map(drop)
                }
            }
        };
        tokio::time::timeout(DEADLINE, work).await.unwrap_or(Err(TelemetryError::Deadline))
    }
}

/// Texts with the syntax of SQL, of full-text search and of shells, to every method that takes a query.
#[tokio::test]
async fn hostile_queries_are_answered_or_rejected() {
    let world = World::new(lines(50)).await;
    let pieces = [
        "'",
        "\"",
        "\"\"",
        "--",
        ";",
        "*",
        "^",
        "NEAR(",
        ")",
        "(",
        "{",
        "}",
        ":",
        "message:",
        "rowid",
        "OR",
        "AND",
        "NOT",
        "-",
        "+",
        "\\",
        "\0",
        "%",
        "_",
        "DROP TABLE lines",
        "a",
        "peer",
        "field.x:",
        "field.a'b:c",
        "level>=warn",
        "é",
        "\u{202e}",
    ];
    let mut state = 7_u64;
    for turn in 0..10_000 {
        let mut text = String::new();
        for _ in 0..6 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            text.push_str(pieces[usize::try_from(state >> 33).unwrap() % pieces.len()]);
            text.push_str(if state >> 60 & 1 == 0 { " " } else { "" });
        }
        if let Err(error) = world.ask(if turn % 100 == 0 { SAVE } else { turn % SAVE }, &text).await {
            assert_eq!(error.status(), 400, "{text}: {error}");
            assert!(!error.to_string().contains("SQL"), "{text}: {error}");
        }
    }
    assert_eq!(world.count("").await, 50);
    assert!(world.access.0.lock().is_empty(), "nothing was deleted");
}

/// One damaged day must not make every query fail.
#[tokio::test]
async fn a_damaged_day_fails_one_query_only() {
    let yesterday = |line: Line| Line { time: Micros(line.time.0 - DAY), ..line };
    let world = World::new(lines(20).chain(lines(30).map(yesterday))).await;
    let path = world.dir.path().join(format!("logs-{}.db", NOON / DAY - 1));
    std::fs::write(&path, vec![7; 20_000]).unwrap();
    drop(std::fs::remove_file(path.with_extension("db-wal")));
    let failed = world.service.count(Acting::root(select(""))).await.unwrap_err();
    assert_eq!(failed.code(), "store_unavailable");
    assert_eq!(world.count("").await, 20);
    let status = world.service.status(NoInput {}).await.unwrap();
    assert_eq!((status.damaged_days, status.gaps.len(), status.days), (1, 1, 1));
}
