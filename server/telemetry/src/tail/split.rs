//! Splits bytes of a file into lines. Pure.

use std::ops::Range;
use tornado_log::line::MAX_LINE;

/// The lines of a piece of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Split {
    /// Positions of complete lines, without their ends. Empty lines are left out.
    pub lines: Vec<Range<usize>>,
    /// Bytes that need not be read again.
    pub consumed: usize,
    /// True if the piece ends inside of a line that is too long.
    pub is_skipping: bool,
    /// Lines that are too long, or incomplete at the end of a finished file.
    pub corrupt: u64,
}

/// Splits `piece`. `is_skipping`: it begins inside of a line that is too long. `is_finished`: nothing will follow, so
/// an incomplete line at the end is corrupt; otherwise it is not consumed.
#[must_use]
pub fn split(piece: &[u8], is_skipping: bool, is_finished: bool) -> Split {
    let mut split = Split { is_skipping, ..Split::default() };
    for end in memchr::memchr_iter(b'\n', piece) {
        let line = split.consumed..end;
        split.consumed = end + 1;
        if std::mem::take(&mut split.is_skipping) || line.is_empty() {
            continue;
        }
        if line.len() > MAX_LINE {
            split.corrupt += 1;
        } else {
            split.lines.push(line);
        }
    }
    let rest = piece.len() - split.consumed;
    if rest == 0 {
        return split;
    }
    if split.is_skipping {
        split.consumed = piece.len();
    } else if rest > MAX_LINE || is_finished {
        split.corrupt += 1;
        split.consumed = piece.len();
        split.is_skipping = true;
    }
    split
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads like the tailer: in pieces of `size`, with what was not consumed.
    fn in_pieces(bytes: &[u8], size: usize) -> (Vec<Vec<u8>>, u64) {
        let (mut lines, mut corrupt, mut at, mut skipping, mut end) = (Vec::new(), 0, 0, false, 0);
        while end < bytes.len() {
            end = (end + size).min(bytes.len());
            let piece = &bytes[at..end];
            let found = split(piece, skipping, end == bytes.len());
            lines.extend(found.lines.iter().map(|line| piece[line.clone()].to_vec()));
            (corrupt, skipping, at) = (corrupt + found.corrupt, found.is_skipping, at + found.consumed);
        }
        (lines, corrupt)
    }

    #[test]
    fn incomplete_and_long_lines_are_handled() {
        let lines = |text: &[u8], skipping, finished| {
            let found = split(text, skipping, finished);
            let lines: Vec<_> = found.lines.iter().map(|line| text[line.clone()].to_vec()).collect();
            (lines, found.consumed, found.is_skipping, found.corrupt)
        };
        assert_eq!(lines(b"a\n\nb\nc", false, false), (vec![b"a".to_vec(), b"b".to_vec()], 5, false, 0));
        assert_eq!(lines(b"a\nb", false, true), (vec![b"a".to_vec()], 3, true, 1));
        assert_eq!(lines(b"rest\na\n", true, false), (vec![b"a".to_vec()], 7, false, 0));
        let long = vec![b'x'; MAX_LINE + 1];
        assert_eq!(lines(&long, false, false), (vec![], MAX_LINE + 1, true, 1));
        assert_eq!(lines(&[&long[..], b"\na\n"].concat(), false, false), (vec![b"a".to_vec()], MAX_LINE + 4, false, 1));
        assert_eq!(lines(b"", false, true), (vec![], 0, false, 0));
    }

    proptest! {
        #[test]
        fn the_pieces_make_no_difference(lengths in prop::collection::vec(0..3_usize, 0..20), size in 1..50_usize, long in 0..20_usize) {
            let mut bytes = Vec::new();
            for (number, length) in lengths.iter().enumerate() {
                bytes.extend(vec![b'a'; if number == long { MAX_LINE + length } else { *length }]);
                bytes.push(b'\n');
            }
            prop_assert_eq!(in_pieces(&bytes, size * 1000), in_pieces(&bytes, bytes.len().max(1)));
        }
    }
}
