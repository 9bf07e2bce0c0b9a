//! Reads of the archive: each one visits the day files of its time range in turn.

use super::archive::{Archive, Selected};
use super::compile::compile;
use super::error::ArchiveError;
use super::id::LineId;
use super::read::{Group, Part, Reader, TopColumn};
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::time::Instant;
use tornado_log::line::{DAY, Level, Line, Micros};

/// One page of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Order.
    pub newest_first: bool,
    /// Largest number of lines.
    pub limit: u32,
    /// Only lines behind this one, in the order of the page.
    pub after: Option<LineId>,
}

impl Archive {
    /// Lines of one page.
    ///
    /// # Errors
    /// At the deadline, or when a file is damaged.
    pub async fn lines(
        &self,
        selected: &Selected,
        page: Page,
        deadline: Instant,
    ) -> Result<Vec<(LineId, Line)>, ArchiveError> {
        let condition = compile(&selected.expr);
        let mut days = self.days_of(selected)?;
        if page.newest_first {
            days.reverse();
        }
        let mut found = Vec::new();
        for (day, rows) in days {
            let missing = page.limit - u32::try_from(found.len()).unwrap_or(page.limit);
            if missing == 0 {
                break;
            }
            let Some(rows) = page.rows_of(day, rows) else { continue };
            let part = Part { condition: &condition, rows };
            let lines = self.reader(day, deadline).await?.lines(&part, page.newest_first, missing).await;
            found.extend(lines.map_err(|error| ArchiveError::of_day(day, error))?);
        }
        Ok(found)
    }

    /// Number of lines.
    ///
    /// # Errors
    /// At the deadline, or when a file is damaged.
    pub async fn count(&self, selected: &Selected, deadline: Instant) -> Result<u64, ArchiveError> {
        let condition = compile(&selected.expr);
        let mut count = 0;
        for (day, rows) in self.days_of(selected)? {
            let of_day = self.reader(day, deadline).await?.count(&Part { condition: &condition, rows }).await;
            count += of_day.map_err(|error| ArchiveError::of_day(day, error))?;
        }
        Ok(count)
    }

    /// Number of the lines `ids` that are selected.
    ///
    /// # Errors
    /// At the deadline, or when a file is damaged.
    pub async fn count_ids(&self, selected: &Selected, ids: &[LineId], deadline: Instant) -> Result<u64, ArchiveError> {
        let condition = compile(&selected.expr);
        let mut count = 0;
        for (day, (first, last)) in self.days_of(selected)? {
            let mut reader = self.reader(day, deadline).await?;
            for id in ids.iter().filter(|id| id.day == day && (first..=last).contains(&id.row)) {
                let part = Part { condition: &condition, rows: (id.row, id.row) };
                count += reader.count(&part).await.map_err(|error| ArchiveError::of_day(day, error))?;
            }
        }
        Ok(count)
    }

    /// Lines and errors by begin of the interval and service. `step` divides a day.
    ///
    /// # Errors
    /// At the deadline, or when a file is damaged.
    pub async fn by_service(
        &self,
        selected: &Selected,
        step: i64,
        deadline: Instant,
    ) -> Result<Vec<Group<(Micros, String)>>, ArchiveError> {
        let condition = compile(&selected.expr);
        let mut groups = Vec::new();
        for (day, rows) in self.days_of(selected)? {
            let of_day =
                self.reader(day, deadline).await?.by_service(&Part { condition: &condition, rows }, step).await;
            let of_day = of_day.map_err(|error| ArchiveError::of_day(day, error))?;
            groups.extend(
                of_day.into_iter().map(|((at, key), lines, errors)| ((begin(day, at, step), key), lines, errors)),
            );
        }
        groups.sort();
        Ok(groups)
    }

    /// Lines and errors by begin of the interval and level. `step` divides a day.
    ///
    /// # Errors
    /// At the deadline, or when a file is damaged.
    pub async fn by_level(
        &self,
        selected: &Selected,
        step: i64,
        deadline: Instant,
    ) -> Result<Vec<Group<(Micros, Level)>>, ArchiveError> {
        let condition = compile(&selected.expr);
        let mut groups = Vec::new();
        for (day, rows) in self.days_of(selected)? {
            let of_day = self.reader(day, deadline).await?.by_level(&Part { condition: &condition, rows }, step).await;
            let of_day = of_day.map_err(|error| ArchiveError::of_day(day, error))?;
            groups.extend(
                of_day.into_iter().map(|((at, key), lines, errors)| ((begin(day, at, step), key), lines, errors)),
            );
        }
        groups.sort();
        Ok(groups)
    }

    /// The most frequent values of a column, the most frequent first.
    ///
    /// # Errors
    /// At the deadline, or when a file is damaged.
    pub async fn top(
        &self,
        selected: &Selected,
        column: TopColumn,
        limit: usize,
        deadline: Instant,
    ) -> Result<Vec<Group<String>>, ArchiveError> {
        let condition = compile(&selected.expr);
        let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for (day, rows) in self.days_of(selected)? {
            let of_day = self.reader(day, deadline).await?.top(&Part { condition: &condition, rows }, column).await;
            for (key, lines, errors) in of_day.map_err(|error| ArchiveError::of_day(day, error))? {
                let sum = sums.entry(key).or_default();
                *sum = (sum.0 + lines, sum.1 + errors);
            }
        }
        let mut groups: Vec<Group<String>> =
            sums.into_iter().map(|(key, (lines, errors))| (key, lines, errors)).collect();
        groups.sort_by_key(|(_, lines, _)| Reverse(*lines));
        groups.truncate(limit);
        Ok(groups)
    }

    async fn reader(&self, day: i64, deadline: Instant) -> Result<Reader, ArchiveError> {
        Reader::open(&self.path(day), day, deadline).await
    }
}

impl Page {
    /// The rows of a day that lie behind `after`; `None` if the whole day lies before.
    fn rows_of(&self, day: i64, (first, last): (i64, i64)) -> Option<(i64, i64)> {
        let Some(after) = self.after else { return Some((first, last)) };
        match (after.day.cmp(&day), self.newest_first) {
            (Ordering::Equal, true) => Some((first, last.min(after.row - 1))),
            (Ordering::Equal, false) => Some((first.max(after.row + 1), last)),
            (Ordering::Less, true) | (Ordering::Greater, false) => None,
            (Ordering::Greater, true) | (Ordering::Less, false) => Some((first, last)),
        }
    }
}

const fn begin(day: i64, interval: i64, step: i64) -> Micros {
    Micros(day * DAY + interval * step)
}
