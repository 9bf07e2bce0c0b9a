//! Tests of the archive.

use super::archive::MAX_DAMAGED;
use super::*;
use crate::fake::{NOON, line};
use crate::query::{Comparison, Expr, FieldTest, Pattern, Phrase, parse};
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};
use tornado_log::line::{DAY, Level, Line, Micros, ProcessId, Value};

const TODAY: i64 = NOON / DAY;
const OLDEST: Page = Page { newest_first: false, limit: 1000, after: None };

struct World {
    dir: tempfile::TempDir,
    archive: Archive,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let archive = Archive::new(dir.path());
        Self { dir, archive }
    }

    async fn with(lines: Vec<Line>) -> Self {
        let world = Self::new();
        world.archive.store(lines, &[], TODAY).await.unwrap();
        world
    }

    async fn find(&self, query: &str) -> Vec<u64> {
        self.page(&all(parse(query).unwrap()), OLDEST).await
    }

    async fn page(&self, selected: &Selected, page: Page) -> Vec<u64> {
        let lines = self.archive.lines(selected, page, later()).await.unwrap();
        lines.iter().map(|(_, line)| line.seq).collect()
    }
}

fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

fn all(expr: Expr) -> Selected {
    Selected { expr, from: Micros(0), until: Micros(i64::MAX) }
}

/// Lines of several services, levels and days.
fn various() -> Vec<Line> {
    let make = |seq: u64| {
        let mut one = line(seq % 2, seq);
        one.level = Level::ALL[usize::try_from(seq % 5).unwrap()];
        one.service = ["wg", "tor", "auth"][usize::try_from(seq % 3).unwrap()].into();
        one.target = format!("tornado_{}::part{}", one.service, seq % 4);
        one.time = Micros(one.time.0 - i64::try_from(seq % 2).unwrap() * DAY);
        one.request_id = (seq.is_multiple_of(4)).then(|| format!("r-{}", seq % 8));
        one.message = format!("Lane {} was switched; \"really\" 'quoted' -- no-address-{seq}", seq % 6);
        if !seq.is_multiple_of(3) {
            one.fields.insert("lane".into(), Value::Text(if seq.is_multiple_of(2) { "tor" } else { "direct" }.into()));
            one.fields.insert("count".into(), Value::Int(i64::try_from(seq).unwrap() - 10));
            one.fields.insert("ratio".into(), Value::Real(f64::from(u32::try_from(seq).unwrap()) / 4.0));
            one.fields.insert("a.b".into(), Value::Bool(seq.is_multiple_of(2)));
        }
        one
    };
    (1..=40).map(make).collect()
}

#[tokio::test]
async fn lines_are_stored_once_and_read_back() {
    let lines = various();
    let world = World::with(lines.clone()).await;
    let again = world.archive.store(lines.clone(), &[], TODAY).await.unwrap();
    assert_eq!(again, Stored { new: 0, repeated: 40 });
    let mut stored: Vec<Line> = world
        .archive
        .lines(&all(Expr::ALL), OLDEST, later())
        .await
        .unwrap()
        .into_iter()
        .map(|(_, line)| line)
        .collect();
    assert!(stored.is_sorted_by_key(|line| line.time));
    stored.sort_by_key(|line| line.seq);
    assert_eq!(stored, lines);
    for (name, _) in world.archive.files().unwrap() {
        let mode = std::fs::metadata(world.dir.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn lines_of_the_same_moment_do_not_replace_each_other() {
    let mut lines: Vec<Line> = (1..=5).map(|process| line(process, 1)).collect();
    lines.extend((1..=5).map(|process| line(process, 1 + (1 << 20))));
    lines.iter_mut().for_each(|line| line.time = Micros(NOON));
    let world = World::with(lines.clone()).await;
    for _ in 0..2 {
        assert_eq!(world.archive.store(lines.clone(), &[], TODAY).await.unwrap(), Stored { new: 0, repeated: 10 });
    }
    assert_eq!(world.find("").await.len(), 10);
}

#[tokio::test]
async fn queries_find_what_they_name() {
    let world = World::with(various()).await;
    for (query, expected) in [
        ("no-address-7", vec![7]),
        ("\"NO address 7\"", vec![7]),
        ("\"address 3\"*", vec![3, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39]),
        ("request:r-4 service:wg", vec![12, 36]),
        ("field.count>28", vec![40]),
        ("field.ratio=0.25", vec![1]),
        ("field.a.b:true field.count<-7", vec![2]),
        ("level:error service:auth", vec![5, 20, 35]),
        ("NOT level>=trace", vec![]),
        ("service:nosuch", vec![]),
        ("'; OR", vec![]),
    ] {
        let Ok(expr) = parse(query) else {
            assert!(expected.is_empty(), "{query}");
            continue;
        };
        let mut found = world.page(&all(expr), OLDEST).await;
        found.sort_unstable();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_continue_where_the_page_before_ended() {
    let world = World::with(various()).await;
    for newest_first in [true, false] {
        let whole = world.page(&all(Expr::ALL), Page { newest_first, ..OLDEST }).await;
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = Page { newest_first, limit: 7, after };
            let lines = world.archive.lines(&all(Expr::ALL), page, later()).await.unwrap();
            let Some((last, _)) = lines.last() else { break };
            after = Some(last.to_string().parse().unwrap());
            pages.extend(lines.iter().map(|(_, line)| line.seq));
        }
        assert_eq!(pages, whole);
    }
    let range = |from, until| Selected { from: Micros(from), until: Micros(until), ..all(Expr::ALL) };
    assert_eq!(world.page(&range(NOON + 2000, NOON + 6000), OLDEST).await, [2, 4]);
    assert_eq!(world.page(&range(0, NOON - DAY + 3001), OLDEST).await, [1, 3]);
}

#[tokio::test]
async fn groups_count_lines_and_errors() {
    let world = World::with(various()).await;
    let by_service = world.archive.by_service(&all(Expr::ALL), DAY, later()).await.unwrap();
    let midnight = Micros(TODAY * DAY);
    assert_eq!(by_service.len(), 6);
    assert_eq!(by_service.iter().map(|(_, lines, _)| lines).sum::<u64>(), 40);
    assert!(by_service.contains(&((midnight, "wg".to_owned()), 6, 1)), "{by_service:?}");
    let by_level = world.archive.by_level(&all(Expr::ALL), 3_600_000_000, later()).await.unwrap();
    assert!(by_level.contains(&((Micros(NOON), Level::Error), 4, 4)), "{by_level:?}");
    let top = world.archive.top(&all(parse("field.lane:tor").unwrap()), TopColumn::Service, 1, later()).await.unwrap();
    assert_eq!(top, [("auth".to_owned(), 7, 1)]);
    let messages = world.archive.top(&all(Expr::ALL), TopColumn::Message, 100, later()).await.unwrap();
    assert_eq!(messages.len(), 40);
}

#[tokio::test]
async fn deleted_lines_are_not_found_any_more() {
    let world = World::with(various()).await;
    let expr = parse("service:wg \"no address\"").unwrap();
    let counted = world.archive.count(&all(expr.clone()), later()).await.unwrap();
    assert_eq!((counted, world.archive.delete(&all(expr), None).await.unwrap()), (13, 13));
    assert_eq!(world.find("address").await.len(), 27);
    assert_eq!(world.find("service:wg").await.len(), 0);
    let lines = world.archive.lines(&all(Expr::ALL), OLDEST, later()).await.unwrap();
    let ids: Vec<LineId> = lines.iter().take(2).map(|(id, _)| *id).collect();
    let some = all(parse("NOT nothing").unwrap());
    assert_eq!(world.archive.count_ids(&some, &ids, later()).await.unwrap(), 2);
    assert_eq!(world.archive.delete(&some, Some(&ids)).await.unwrap(), 2);
    assert_eq!(world.archive.delete(&some, Some(&ids)).await.unwrap(), 0);
    assert_eq!(world.find("").await.len(), 25);
}

#[tokio::test]
async fn a_deletion_makes_the_file_smaller() {
    let world = World::new();
    world.archive.store((1..4000).map(|seq| line(1, seq)).collect(), &[], TODAY).await.unwrap();
    world.archive.close().await;
    let size = world.archive.days().unwrap()[0].1;
    assert_eq!(world.archive.delete(&all(parse("peer").unwrap()), None).await.unwrap(), 3999);
    world.archive.close().await;
    let smaller = world.archive.days().unwrap()[0].1;
    assert!(smaller < size / 2, "{size} bytes became {smaller}");
    // SQLite may leave a few rows in the unused part of a page.
    let bytes = std::fs::read(world.archive.path(TODAY)).unwrap();
    let remaining = bytes.windows(9).filter(|text| *text == b"was added").count();
    assert!(remaining < 40, "the text of {remaining} lines is still in the file");
}

#[tokio::test]
async fn a_passed_deadline_stops_a_query() {
    let world = World::new();
    let lines = (1..4000).map(|seq| line(1, seq)).collect();
    world.archive.store(lines, &[], TODAY).await.unwrap();
    let passed = Instant::now();
    let slow = all(parse("NOT field.a:b NOT field.c:d NOT nothing").unwrap());
    assert!(matches!(world.archive.count(&slow, passed).await, Err(ArchiveError::Deadline)));
    assert_eq!(world.archive.count(&slow, later()).await.unwrap(), 3999);
}

#[tokio::test]
async fn expired_days_are_deleted_with_their_files() {
    let world = World::with(various()).await;
    assert_eq!(world.archive.days().unwrap().len(), 2);
    let retention = Retention { days: 0, bytes: u64::MAX };
    assert_eq!(world.archive.retain(retention, TODAY).await.unwrap(), [TODAY - 1]);
    assert_eq!(world.find("").await.len(), 20);
    let names: Vec<String> = world.archive.files().unwrap().into_iter().map(|(name, _)| name).collect();
    let held = format!("held-{TODAY}.json");
    assert!(names.iter().all(|name| name.starts_with(&format!("logs-{TODAY}.db")) || *name == held), "{names:?}");
}

#[tokio::test]
async fn the_newest_position_counts() {
    let world = World::new();
    let cursor = |offset| Cursor { service: "wg".into(), offset, ..Cursor::default() };
    for (day, offset) in [(TODAY, 10), (TODAY - 1, 20), (TODAY, 15)] {
        world.archive.store(Vec::<Line>::new(), &[cursor(offset)], day).await.unwrap();
    }
    assert_eq!(world.archive.cursors().await.unwrap()["wg"].offset, 15);
    // After a restart, newer positions still win.
    let again = Archive::new(world.dir.path());
    again.cursors().await.unwrap();
    again.store(Vec::<Line>::new(), &[cursor(30)], TODAY - 1).await.unwrap();
    assert_eq!(again.cursors().await.unwrap()["wg"].offset, 30);
}

#[tokio::test]
async fn few_damaged_files_are_kept() {
    let world = World::new();
    for day in TODAY..TODAY + 5 {
        std::fs::write(world.archive.path(day), "x".repeat(5000)).unwrap();
        let failed = world.archive.store(Vec::<Line>::new(), &[], day).await;
        assert!(matches!(failed, Err(ArchiveError::Damaged { day: of, .. }) if of == day));
        let losses = world.archive.losses();
        assert!(world.archive.set_aside(day, losses, Micros(NOON)).await.unwrap());
        assert!(!world.archive.set_aside(day, losses, Micros(NOON)).await.unwrap(), "the damage was handled");
    }
    let names = world.archive.files().unwrap();
    assert_eq!(names.iter().filter(|(name, _)| name.ends_with(".damaged")).count(), MAX_DAMAGED);
    assert_eq!(world.archive.gaps().len(), 5);
    assert!(world.archive.days().unwrap().is_empty());
}

/// Any expression whose words and values occur in [`various`].
fn expr() -> impl Strategy<Value = Expr> {
    let phrase = |text: &str, is_prefix| Expr::Text(Phrase { text: text.into(), is_prefix });
    let leaf = prop_oneof![
        (0..5_usize).prop_map(|at| Expr::Level(Level::ALL[at])),
        (0..5_usize).prop_map(|at| Expr::AtLeast(Level::ALL[at])),
        prop::sample::select(vec!["wg", "tor", "none"]).prop_map(|name| Expr::Service(name.into())),
        (prop::sample::select(vec!["tornado_wg::part1", "tornado_", "x"]), any::<bool>())
            .prop_map(|(text, is_prefix)| Expr::Target(Pattern { text: text.into(), is_prefix })),
        prop::sample::select(vec!["r-0", "r-4", "r-9"]).prop_map(|id| Expr::Request(id.into())),
        (0..3_u64).prop_map(|id| Expr::Process(ProcessId(id))),
        (
            prop::sample::select(vec!["lane", "count", "a.b", "none"]),
            prop::sample::select(vec!["tor", "true", "5", "\"'"])
        )
            .prop_map(|(name, text)| Expr::Field { name: name.into(), test: FieldTest::Is(text.into()) }),
        (prop::sample::select(vec!["count", "ratio", "lane"]), -12.0..12.0_f64).prop_map(|(name, number)| {
            Expr::Field { name: name.into(), test: FieldTest::Compare(Comparison::Greater, number) }
        }),
        (
            prop::sample::select(vec![
                "lane",
                "LANE 3",
                "address 1",
                "tor",
                "no-address",
                "a b",
                "true",
                "\"really\" quoted",
                "x*y"
            ]),
            any::<bool>()
        )
            .prop_map(move |(text, is_prefix)| phrase(text, is_prefix)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Expr::And),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Expr::Or),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

/// The archive and a live tail select the same lines.
#[test]
fn sql_and_memory_agree_on_every_query() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::with(various()));
    let config = ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&expr(), |expr| {
        let mut expected: Vec<u64> = various().iter().filter(|line| expr.matches(line)).map(|line| line.seq).collect();
        let (found, counted) = runtime.block_on(async {
            let selected = all(expr.clone());
            (world.page(&selected, OLDEST).await, world.archive.count(&selected, later()).await.unwrap())
        });
        let mut sorted = found.clone();
        sorted.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(&sorted, &expected);
        prop_assert_eq!(counted, expected.len() as u64);
        Ok(())
    });
    result.unwrap();
}
