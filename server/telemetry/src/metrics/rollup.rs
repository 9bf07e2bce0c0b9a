//! Points of all metrics at one time, their encoding, and their combination to longer intervals. Pure.

use std::collections::BTreeMap;

/// Combination of the samples of one interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stats {
    pub min: f64,
    pub max: f64,
    pub sum: f64,
    pub count: u32,
}

impl Stats {
    pub const fn one(value: f64) -> Self {
        Self { min: value, max: value, sum: value, count: 1 }
    }

    pub fn merge(&mut self, other: Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.sum += other.sum;
        self.count = self.count.saturating_add(other.count);
    }

    /// True if the value and the count determine all parts.
    #[expect(clippy::float_cmp, reason = "otherwise the parts are stored")]
    fn is_equal(&self) -> bool {
        self.min == self.max && self.sum == self.min * f64::from(self.count)
    }

    pub fn avg(&self) -> f64 {
        self.sum / f64::from(self.count.max(1))
    }
}

/// All metrics of one interval, by the number of the metric.
pub type Row = BTreeMap<u32, Stats>;

/// Marks an entry that consists of one sample.
const SINGLE: u32 = 1 << 31;
/// Marks an entry whose samples are equal.
const EQUAL: u32 = 1 << 30;

/// Largest number of a metric.
pub const MAX_NUMBER: u32 = EQUAL - 1;

/// Little-endian entries: number, then one value, value and count, or minimum, maximum, sum and count.
pub fn encode(row: &Row) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(row.len() * 12);
    for (number, stats) in row {
        if stats.count == 1 {
            bytes.extend((number | SINGLE).to_le_bytes());
            bytes.extend(stats.sum.to_le_bytes());
        } else if stats.is_equal() {
            bytes.extend((number | EQUAL).to_le_bytes());
            bytes.extend(stats.min.to_le_bytes());
            bytes.extend(stats.count.to_le_bytes());
        } else {
            bytes.extend(number.to_le_bytes());
            for value in [stats.min, stats.max, stats.sum] {
                bytes.extend(value.to_le_bytes());
            }
            bytes.extend(stats.count.to_le_bytes());
        }
    }
    bytes
}

/// The inverse of [`encode`]. Decoding ends where the bytes are not valid.
pub fn decode(bytes: &[u8]) -> Row {
    entries(bytes).collect()
}

/// The entries of an encoded row, in order.
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = (u32, Stats)> {
    let mut rest = bytes;
    std::iter::from_fn(move || entry(&mut rest))
}

fn entry(rest: &mut &[u8]) -> Option<(u32, Stats)> {
    let number = u32::from_le_bytes(take(rest)?);
    if number & SINGLE != 0 {
        return Some((number & !SINGLE, Stats::one(f64::from_le_bytes(take(rest)?))));
    }
    if number & EQUAL != 0 {
        let value = f64::from_le_bytes(take(rest)?);
        let count = u32::from_le_bytes(take(rest)?);
        return Some((number & !EQUAL, Stats { min: value, max: value, sum: value * f64::from(count), count }));
    }
    let mut value = || take(rest).map(f64::from_le_bytes);
    let (min, max, sum) = (value()?, value()?, value()?);
    Some((number, Stats { min, max, sum, count: u32::from_le_bytes(take(rest)?) }))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*bytes)
}

/// Combines rows, given with their times in seconds, to intervals of `step` seconds.
pub fn roll_up(rows: impl IntoIterator<Item = (i64, Row)>, step: i64) -> BTreeMap<i64, Row> {
    let mut intervals: BTreeMap<i64, Row> = BTreeMap::new();
    for (at, row) in rows {
        let interval = intervals.entry(at - at.rem_euclid(step)).or_default();
        for (number, stats) in row {
            interval.entry(number).and_modify(|sum| sum.merge(stats)).or_insert(stats);
        }
    }
    intervals
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn intervals_hold_average_and_extremes() {
        let row = |value| Row::from([(7, Stats::one(value))]);
        let rolled = roll_up([(59, row(1.0)), (60, row(2.0)), (61, row(6.0)), (119, row(4.0))], 60);
        assert_eq!(rolled.keys().copied().collect::<Vec<_>>(), [0, 60]);
        let stats = rolled[&60][&7];
        assert_eq!((stats.min, stats.avg(), stats.max), (2.0, 4.0, 6.0));
        let hour = roll_up(rolled, 3600);
        assert_eq!(hour[&0][&7], Stats { min: 1.0, max: 6.0, sum: 13.0, count: 4 });
    }

    proptest! {
        #[test]
        fn rows_are_read_back(values in prop::collection::btree_map(0..=MAX_NUMBER, (-1e9..1e9_f64, -1e9..1e9_f64, 1..9_u32), 0..20)) {
            let row: Row = values.into_iter().map(|(number, (min, sum, count))| {
                let sum = if count % 2 == 0 { min * f64::from(count) } else { sum };
                let stats = Stats { min, max: min, sum, count };
                (number, if count == 1 { Stats::one(sum) } else { stats })
            }).collect();
            prop_assert_eq!(decode(&encode(&row)), row);
        }

        #[test]
        fn broken_bytes_never_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
