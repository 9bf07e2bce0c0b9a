//! Logs: each method checks the right, converts, and calls the archive.

use super::access::{Access, Right};
use super::convert::{error, expr, id, level, limit, line, selected};
use crate::counters::Counters;
use crate::export::export_text;
use crate::live::Live;
use crate::saved::{MAX_SAVED, Saved};
use crate::store::{Archive, ArchiveError, KnownGap, LineId, Page, Selected, TopColumn};
use async_trait::async_trait;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};
use tokio::sync::{Semaphore, SemaphorePermit};
use tornado_contracts::auth::Acting;
use tornado_contracts::telemetry::TelemetryError;
use tornado_contracts::telemetry::logs::{
    Chart, Count, DeleteLogs, Export, ExportPart, LevelBucket, LogGap, LogPage, LogQuery, LogStatus, Logs, Order,
    QueryName, RunQuery, SavedQuery, Selection, ServiceBucket, Tail, TailPage, Top, TopKey, TopRow,
};
use tornado_rpc::{Done, Fault, NoInput};
use tornado_shared::model::text::is_visible;

/// Time of one query.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);
/// Queries at the same time; others wait a second.
const QUERIES: usize = 4;
/// Lines of a page and of an export's part.
const MAX_PAGE: u32 = 1_000;
/// Intervals of a chart.
const MAX_STEPS: i64 = 2_000;
/// Lines of a live page, and how long it waits for them.
const TAIL: (usize, Duration) = (500, Duration::from_secs(20));
/// Ids of one deletion.
const MAX_IDS: usize = 1_000;

/// Permission to query.
struct Turn<'a> {
    _permit: SemaphorePermit<'a>,
    deadline: Instant,
    /// [`Archive::losses`] at the beginning.
    losses: u64,
}

/// Serves contract `Logs`.
pub struct LogService {
    archive: Arc<Archive>,
    live: Arc<Live>,
    counters: Arc<Counters>,
    saved: Saved,
    access: Arc<dyn Access>,
    queries: Semaphore,
    clock: fn() -> SystemTime,
}

impl LogService {
    /// The service of an archive.
    #[must_use]
    pub const fn new(
        archive: Arc<Archive>,
        live: Arc<Live>,
        counters: Arc<Counters>,
        saved: Saved,
        access: Arc<dyn Access>,
        clock: fn() -> SystemTime,
    ) -> Self {
        Self { archive, live, counters, saved, access, queries: Semaphore::const_new(QUERIES), clock }
    }

    async fn may<T>(&self, acting: &Acting<T>, right: Right) -> Result<(), TelemetryError> {
        self.access.check(acting.operator.as_ref(), right).await
    }

    async fn turn(&self) -> Result<Turn<'_>, TelemetryError> {
        let permit = tokio::time::timeout(Duration::from_secs(1), self.queries.acquire()).await;
        match permit {
            Ok(Ok(permit)) => {
                Ok(Turn { _permit: permit, deadline: Instant::now() + DEADLINE, losses: self.archive.losses() })
            }
            Ok(Err(_)) | Err(_) => Err(TelemetryError::Busy { retry_after: 2 }),
        }
    }

    async fn page(&self, query: LogQuery) -> Result<LogPage, TelemetryError> {
        let selected = selected(&query.select)?;
        let after = query.after.as_deref().map(id).transpose()?;
        let limit = limit(query.limit, MAX_PAGE)?;
        let page = Page { newest_first: query.order == Order::Newest, limit, after };
        let turn = self.turn().await?;
        let lines = self.answer(turn.losses, self.archive.lines(&selected, page, turn.deadline).await).await?;
        let next = next(&lines, limit);
        Ok(LogPage { lines: lines.into_iter().map(|(id, found)| line(Some(id), found)).collect(), next })
    }

    /// Converts a failure. A damaged file is set aside, so that the next query succeeds.
    async fn answer<T>(&self, losses: u64, result: Result<T, ArchiveError>) -> Result<T, TelemetryError> {
        let failed = match result {
            Ok(found) => return Ok(found),
            Err(failed) => failed,
        };
        if let ArchiveError::Damaged { day, .. } = &failed {
            match self.archive.set_aside(*day, losses, (self.clock)().into()).await {
                Ok(true) => self.counters.damaged(),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "cannot set a damaged log archive aside"),
            }
        }
        Err(error(&failed))
    }

    fn chart(chart: &Chart) -> Result<(Selected, i64), TelemetryError> {
        let (Some(from), Some(until)) = (chart.select.from, chart.select.until) else {
            return Err(TelemetryError::InvalidFields("a chart requires 'from' and 'until'".into()));
        };
        let step = chart.step.micros();
        if until.saturating_sub(from) / step > MAX_STEPS {
            let reason = format!("the time range has more than {MAX_STEPS} intervals; choose a longer step");
            return Err(TelemetryError::InvalidFields(reason));
        }
        Ok((selected(&chart.select)?, step))
    }
}

/// The cursor behind a page; `None` if the page is not full.
fn next<T>(lines: &[(LineId, T)], limit: u32) -> Option<String> {
    let is_full = u32::try_from(lines.len()).is_ok_and(|count| count == limit);
    lines.last().filter(|_| is_full).map(|(id, _)| id.to_string())
}

fn unwritten(failed: &std::io::Error) -> TelemetryError {
    TelemetryError::Fault(Fault::StoreUnavailable(format!("cannot write the saved queries: {failed}")))
}

#[async_trait]
impl Logs for LogService {
    async fn query(&self, input: Acting<LogQuery>) -> Result<LogPage, TelemetryError> {
        self.may(&input, Right::Read).await?;
        self.page(input.what).await
    }

    async fn count(&self, input: Acting<Selection>) -> Result<Count, TelemetryError> {
        self.may(&input, Right::Read).await?;
        let selected = selected(&input.what)?;
        let turn = self.turn().await?;
        Ok(Count { lines: self.answer(turn.losses, self.archive.count(&selected, turn.deadline).await).await? })
    }

    async fn aggregate(&self, input: Acting<Chart>) -> Result<Vec<ServiceBucket>, TelemetryError> {
        self.may(&input, Right::Read).await?;
        let (selected, step) = Self::chart(&input.what)?;
        let turn = self.turn().await?;
        let groups = self.answer(turn.losses, self.archive.by_service(&selected, step, turn.deadline).await).await?;
        let bucket = |((from, service), lines, errors): ((tornado_log::line::Micros, String), u64, u64)| {
            ServiceBucket { from: from.0, service, lines, errors }
        };
        Ok(groups.into_iter().map(bucket).collect())
    }

    async fn histogram(&self, input: Acting<Chart>) -> Result<Vec<LevelBucket>, TelemetryError> {
        self.may(&input, Right::Read).await?;
        let (selected, step) = Self::chart(&input.what)?;
        let turn = self.turn().await?;
        let groups = self.answer(turn.losses, self.archive.by_level(&selected, step, turn.deadline).await).await?;
        Ok(groups
            .into_iter()
            .map(|((from, of), lines, _)| LevelBucket { from: from.0, level: level(of), lines })
            .collect())
    }

    async fn top(&self, input: Acting<Top>) -> Result<Vec<TopRow>, TelemetryError> {
        self.may(&input, Right::Read).await?;
        let selected = selected(&input.what.select)?;
        let limit = limit(input.what.limit, 100)?;
        let column = match input.what.by {
            TopKey::Service => TopColumn::Service,
            TopKey::Target => TopColumn::Target,
            TopKey::Message => TopColumn::Message,
        };
        let turn = self.turn().await?;
        let groups =
            self.answer(turn.losses, self.archive.top(&selected, column, limit as usize, turn.deadline).await).await?;
        Ok(groups.into_iter().map(|(key, lines, errors)| TopRow { key, lines, errors }).collect())
    }

    async fn save_query(&self, input: Acting<SavedQuery>) -> Result<Done, TelemetryError> {
        self.may(&input, Right::Save).await?;
        let query = input.what;
        let is_text = |text: &str, range: std::ops::RangeInclusive<usize>| {
            range.contains(&text.chars().count()) && text.chars().all(is_visible)
        };
        if !is_text(&query.name, 1..=64) || !is_text(&query.description, 0..=256) {
            let reason = "a name has 1 to 64 characters, a description at most 256, all of them visible";
            return Err(TelemetryError::InvalidFields(reason.into()));
        }
        expr(&query.text)?;
        if !self.saved.put(query).map_err(|failed| unwritten(&failed))? {
            let reason = format!("there are {MAX_SAVED} saved queries; delete one first");
            return Err(TelemetryError::InvalidFields(reason));
        }
        Ok(Done {})
    }

    async fn saved_queries(&self, input: Acting<NoInput>) -> Result<Vec<SavedQuery>, TelemetryError> {
        self.may(&input, Right::Read).await?;
        Ok(self.saved.list())
    }

    async fn run_query(&self, input: Acting<RunQuery>) -> Result<LogPage, TelemetryError> {
        self.may(&input, Right::Read).await?;
        let RunQuery { name, mut page } = input.what;
        page.select.text = self.saved.find(&name).ok_or_else(|| TelemetryError::NotFound("the query".into()))?.text;
        self.page(page).await
    }

    async fn delete_query(&self, input: Acting<QueryName>) -> Result<Done, TelemetryError> {
        self.may(&input, Right::Save).await?;
        if self.saved.remove(&input.what.name).map_err(|failed| unwritten(&failed))? {
            return Ok(Done {});
        }
        Err(TelemetryError::NotFound("the query".into()))
    }

    async fn export(&self, input: Acting<Export>) -> Result<ExportPart, TelemetryError> {
        self.may(&input, Right::Read).await?;
        let Export { select, format, after } = input.what;
        let selected = selected(&select)?;
        let after = after.as_deref().map(id).transpose()?;
        let page = Page { newest_first: false, limit: MAX_PAGE, after };
        let turn = self.turn().await?;
        let lines = self.answer(turn.losses, self.archive.lines(&selected, page, turn.deadline).await).await?;
        let text = export_text(lines.iter().map(|(_, line)| line), format, after.is_none());
        Ok(ExportPart { text, lines: lines.len() as u64, next: next(&lines, MAX_PAGE) })
    }

    async fn tail(&self, input: Acting<Tail>) -> Result<TailPage, TelemetryError> {
        self.may(&input, Right::Read).await?;
        let expr = expr(&input.what.text)?;
        let position = input.what.after.unwrap_or_else(|| self.live.position());
        let arrived = match tokio::time::timeout(TAIL.1, self.live.wait(&expr, position, TAIL.0)).await {
            Ok(arrived) => arrived,
            Err(_) => self.live.read(&expr, position, TAIL.0),
        };
        let lines = arrived.lines.into_iter().map(|found| line(None, (*found).clone())).collect();
        Ok(TailPage { lines, next: arrived.next, missed: arrived.missed })
    }

    async fn delete(&self, input: Acting<DeleteLogs>) -> Result<Count, TelemetryError> {
        self.may(&input, Right::Delete).await?;
        let DeleteLogs { select, ids, dry_run } = input.what;
        let selected = selected(&select)?;
        let ids = ids.map(|ids| ids.iter().map(|text| id(text)).collect::<Result<Vec<_>, _>>()).transpose()?;
        if ids.as_ref().is_some_and(|ids| !(1..=MAX_IDS).contains(&ids.len())) {
            return Err(TelemetryError::InvalidFields(format!("'ids' must have 1 to {MAX_IDS} entries")));
        }
        if ids.is_none() && selected.expr.is_all() && select.from.is_none() && select.until.is_none() {
            let reason = "a deletion requires a query, a time range or ids";
            return Err(TelemetryError::InvalidFields(reason.into()));
        }
        let lines = {
            let turn = self.turn().await?;
            let counted = match &ids {
                Some(ids) => self.archive.count_ids(&selected, ids, turn.deadline).await,
                None => self.archive.count(&selected, turn.deadline).await,
            };
            self.answer(turn.losses, counted).await?
        };
        if dry_run || lines == 0 {
            return Ok(Count { lines });
        }
        self.access.record_deletion(input.operator, &select.text, lines).await?;
        let losses = self.archive.losses();
        let lines = self.answer(losses, self.archive.delete(&selected, ids.as_deref()).await).await?;
        self.counters.deleted(lines);
        Ok(Count { lines })
    }

    async fn status(&self, _: NoInput) -> Result<LogStatus, TelemetryError> {
        let days = self.archive.days().map_err(|failed| error(&failed))?;
        let bytes = days.iter().map(|(_, size)| size).sum();
        let gap = |KnownGap { found_at, source, lines, reason, .. }| LogGap { found_at, source, lines, reason };
        let gaps = self.archive.gaps().into_iter().map(gap).collect();
        Ok(LogStatus { days: u32::try_from(days.len()).unwrap_or(u32::MAX), bytes, gaps, ..self.counters.read() })
    }
}
