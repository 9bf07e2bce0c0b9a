//! Finds missing lines by the sequence numbers of processes. Pure.

use crate::store::Cursor;
use tornado_log::line::Line;

/// Notes a line. Returns the number of lines that are missing before it. The first process of a service may have
/// written lines before the files began.
pub fn note(cursor: &mut Cursor, line: &Line) -> u64 {
    let is_first = cursor.processes.is_empty();
    match cursor.remember(line.process.0, line.seq) {
        Some(newest) => line.seq.saturating_sub(newest).saturating_sub(1),
        None if is_first => 0,
        None => line.seq.saturating_sub(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::line;

    #[test]
    fn gaps_are_counted_per_process() {
        let mut cursor = Cursor::default();
        let mut missing = |process, seq| note(&mut cursor, &line(process, seq));
        assert_eq!(missing(1, 500), 0, "the first line of all");
        assert_eq!(missing(1, 501), 0);
        assert_eq!(missing(1, 504), 2);
        assert_eq!(missing(2, 1), 0);
        assert_eq!(missing(1, 505), 0, "the predecessor still writes");
        assert_eq!(missing(2, 2), 0);
        assert_eq!(missing(3, 4), 3, "its first lines are missing");
        assert_eq!(missing(1, 502), 0, "read again");
        assert_eq!(missing(1, 506), 0);
    }
}
