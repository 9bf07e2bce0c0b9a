//! The position of a line in the archive: its day, and in the day a number that grows with its time.

use std::fmt;
use std::str::FromStr;
use tornado_log::line::{DAY, Line, Micros};

/// Bits below the time. They hold the low bits of the sequence number, so that a line that is read twice has the same
/// position, and lines of a process keep their order.
const SHIFT: u32 = 20;

/// Position of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LineId {
    /// Number of the day since 1970.
    pub day: i64,
    /// Number in the day: microseconds since midnight, shifted, plus low bits.
    pub row: i64,
}

impl LineId {
    /// The position of a line, unless another line occupies it.
    #[must_use]
    pub fn of(line: &Line) -> Self {
        let low = i64::try_from(line.seq & ((1 << SHIFT) - 1)).unwrap_or_default();
        Self { day: line.time.day(), row: Self::first_row(line.time.0.rem_euclid(DAY)) | low }
    }

    /// The first position of a time, given in microseconds since midnight.
    #[must_use]
    pub const fn first_row(since_midnight: i64) -> i64 {
        since_midnight << SHIFT
    }

    /// The time of the line.
    #[must_use]
    pub const fn time(self) -> Micros {
        Micros(self.day * DAY + (self.row >> SHIFT))
    }

    /// SQL that divides a row number into intervals of `micros`.
    #[must_use]
    pub fn interval_sql(micros: i64) -> String {
        format!("(l.id >> {SHIFT}) / {micros}")
    }
}

impl fmt::Display for LineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.day, self.row)
    }
}

impl FromStr for LineId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0).ok_or(());
        let (day, row) = text.split_once('-').ok_or(())?;
        let (day, row) = (number(day)?, number(row)?);
        if day > 1_000_000 || row >= Self::first_row(DAY) {
            return Err(());
        }
        Ok(Self { day, row })
    }
}
