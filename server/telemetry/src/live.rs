//! The newest lines, for live tails. Readers hold a position, so that a slow reader costs nothing and learns how many
//! lines it missed.

use crate::query::Expr;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;
use tornado_log::line::Line;

/// Lines held.
const HELD: usize = 4096;

/// The newest lines in the order of their arrival.
#[derive(Debug, Default)]
pub struct Live {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Position behind the newest line.
    next: u64,
    lines: VecDeque<Arc<Line>>,
}

/// What a reader receives.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    /// Matching lines.
    pub lines: Vec<Arc<Line>>,
    /// Position behind the last line that was examined.
    pub next: u64,
    /// Lines between the reader's position and the first line that is held.
    pub missed: u64,
}

impl Live {
    /// Adds lines, and wakes readers.
    pub fn push(&self, lines: impl IntoIterator<Item: Into<Arc<Line>>>) {
        let state = &mut *self.state.lock();
        for line in lines {
            if state.lines.len() == HELD {
                state.lines.pop_front();
            }
            state.lines.push_back(line.into());
            state.next += 1;
        }
        self.arrived.notify_waiters();
    }

    /// The position behind the newest line.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.state.lock().next
    }

    /// Waits until lines after `position` match, and returns at most `limit` of them. The caller sets a deadline; at
    /// the deadline, [`read`](Self::read) returns the new position.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn wait(&self, expr: &Expr, position: u64, limit: usize) -> Arrived {
        let mut position = position;
        let mut missed = 0;
        loop {
            let arrived = self.arrived.notified();
            tokio::pin!(arrived);
            arrived.as_mut().enable();
            let mut found = self.read(expr, position, limit);
            missed += found.missed;
            if !found.lines.is_empty() || missed > 0 {
                found.missed = missed;
                return found;
            }
            position = found.next;
            arrived.await;
        }
    }

    /// At most `limit` matching lines after `position`. A position from before a restart begins with the oldest line.
    #[must_use]
    pub fn read(&self, expr: &Expr, position: u64, limit: usize) -> Arrived {
        let (first, held, mut next) = {
            let state = self.state.lock();
            let first = state.next - state.lines.len() as u64;
            let from = if position > state.next { first } else { position.max(first) };
            let skipped = usize::try_from(from - first).unwrap_or(usize::MAX);
            let held: Vec<Arc<Line>> = state.lines.iter().skip(skipped).cloned().collect();
            (first, held, from)
        };
        let missed = first.saturating_sub(position);
        let mut lines = Vec::new();
        for line in held {
            if lines.len() == limit {
                break;
            }
            next += 1;
            if expr.matches(&line) {
                lines.push(line);
            }
        }
        Arrived { lines, next, missed }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::line;
    use crate::query::parse;

    fn seqs(arrived: &Arrived) -> Vec<u64> {
        arrived.lines.iter().map(|line| line.seq).collect()
    }

    #[test]
    fn a_slow_reader_learns_how_many_lines_it_missed() {
        let live = Live::default();
        live.push((1..=10).map(|seq| line(1, seq)));
        let page = live.read(&Expr::ALL, 0, 3);
        assert_eq!((seqs(&page), page.next, page.missed), (vec![1, 2, 3], 3, 0));
        live.push((11..=10 + HELD as u64).map(|seq| line(1, seq)));
        let page = live.read(&Expr::ALL, page.next, 2);
        assert_eq!((seqs(&page), page.next, page.missed), (vec![11, 12], 12, 7));
        let all = live.read(&Expr::ALL, page.next, usize::MAX);
        assert_eq!((all.lines.len(), all.next, all.missed), (HELD - 2, live.position(), 0));
        let restarted = Live::default();
        restarted.push([line(2, 1)]);
        assert_eq!(seqs(&restarted.read(&Expr::ALL, 999, 9)), [1], "a position from before a restart");
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_waits_for_a_line_that_matches() {
        let live = Arc::new(Live::default());
        let expr = parse("\"peer 7\"").unwrap();
        let reader = tokio::spawn({
            let live = live.clone();
            async move { live.wait(&expr, 0, 10).await }
        });
        for seq in 1..=7 {
            tokio::task::yield_now().await;
            live.push([line(1, seq)]);
        }
        let found = reader.await.unwrap();
        assert_eq!((seqs(&found), found.next, found.missed), (vec![7], 7, 0));
    }
}
